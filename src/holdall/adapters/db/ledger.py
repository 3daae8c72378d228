"""The rows of one open transaction."""

from sqlalchemy import Connection

from holdall.adapters.db.access_log import SqlAccessLog
from holdall.adapters.db.accounts import SqlAccounts
from holdall.adapters.db.audit import SqlAudit
from holdall.adapters.db.books import SqlBooks
from holdall.adapters.db.figures import SqlFigures
from holdall.adapters.db.files import SqlFiles
from holdall.adapters.db.history import SqlHistory
from holdall.adapters.db.idempotency import SqlIdempotency
from holdall.adapters.db.labels import SqlLabels
from holdall.adapters.db.leftovers import SqlLeftovers
from holdall.adapters.db.loose import SqlLoose
from holdall.adapters.db.parties import SqlParties
from holdall.adapters.db.preferences import SqlPreferences
from holdall.adapters.db.quarantine import SqlQuarantine
from holdall.adapters.db.quotas import SqlQuotaBook
from holdall.adapters.db.records import SqlRecords
from holdall.adapters.db.rescans import SqlRescans
from holdall.adapters.db.scrubs import SqlScrubs
from holdall.adapters.db.spaces import SqlSpaces
from holdall.adapters.db.structure import SqlStructure
from holdall.adapters.db.transactions import SqlTransactions
from holdall.adapters.db.views import SqlViews
from holdall.adapters.db.webhooks import SqlWebhooks


class SqlLedger:
    """``ports.Ledger`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.accounts = SqlAccounts(connection)
        self.spaces = SqlSpaces(connection)
        self.structure = SqlStructure(connection)
        self.records = SqlRecords(connection)
        self.views = SqlViews(connection)
        self.history = SqlHistory(connection)
        self.files = SqlFiles(connection)
        self.idempotency = SqlIdempotency(connection)
        self.quarantine = SqlQuarantine(connection)
        self.rescans = SqlRescans(connection)
        self.scrubs = SqlScrubs(connection)
        self.leftovers = SqlLeftovers(connection)
        self.loose = SqlLoose(connection)
        self.quotas = SqlQuotaBook(connection)
        self.access_log = SqlAccessLog(connection)
        self.audit = SqlAudit(connection)
        self.webhooks = SqlWebhooks(connection)
        self.books = SqlBooks(connection)
        self.parties = SqlParties(connection)
        self.labels = SqlLabels(connection)
        self.transactions = SqlTransactions(connection)
        self.figures = SqlFigures(connection)
        self.preferences = SqlPreferences(connection)
