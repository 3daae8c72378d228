"""Every table, once, for SQLite and PostgreSQL alike.

``id`` columns are numbers and stay inside; ``public_id`` columns are what the outside sees. Later questions about cells
(filters, sorts) find them in one JSON column per record, keyed by field id, which both engines can index by expression.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A time in UTC, zone and all: ``timestamptz`` on PostgreSQL, whole microseconds since 1970 on SQLite.

    SQLite has no type for times; a number sorts, compares and indexes as the time does, at half the size of its text.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | int | None:
        """Refuse a time without a zone, for nobody could say later what it meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(value)
        return (value - EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | int | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        if isinstance(value, int):
            return EPOCH + timedelta(microseconds=value)
        return value if value is None else value.astimezone(UTC)


Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts by itself only in a column that is spelled INTEGER."""
Cells = JSON().with_variant(JSONB(), "postgresql")
"""Searched later, so binary on PostgreSQL; other JSON stays text there, which keeps the order of its keys."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", Number, primary_key=True)


def _public_id() -> Column[str]:
    return Column("public_id", String, nullable=False, unique=True)


def _reference(name: str, target: str) -> Column[int]:
    return Column(name, Number, ForeignKey(f"{target}.id"), nullable=False)


# ``sqlite_autoincrement`` wherever a number outlives its row somewhere (in a client, in a story between two
# transactions): without it SQLite would give the number of a removed last row to the next one.
users = Table(
    "users",
    metadata,
    _id(),
    _public_id(),
    Column("login", String, nullable=False),
    Column("login_key", String, nullable=False, unique=True),
    Column("email", String, nullable=False),
    Column("email_key", String, nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("password", String),
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens",
    metadata,
    _id(),
    _public_id(),
    Column("user_id", Number, ForeignKey("users.id"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),
    Column("scopes", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    Column("last_address", String),
    Column("last_agent", String),
)

preferences = Table(
    "preferences",
    metadata,
    Column("user_id", Number, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    Column("chosen", JSON, nullable=False),
)
"""What is not as everybody has it; no row for those who never chose."""

installation = Table(
    "installation",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
"""What every node of an installation has to call alike."""

spaces = Table(
    "spaces",
    metadata,
    _id(),
    _public_id(),
    Column("name", String, nullable=False),
    _reference("owner_id", "users"),
    Column("is_personal", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("max_bytes", BigInteger),
    Column("max_files", BigInteger),
    Column("rules", JSON(none_as_null=True)),
    Column("has_webhooks", Boolean, nullable=False, server_default=false()),
    sqlite_autoincrement=True,
)
Index(
    "uq_spaces_personal",
    spaces.c.owner_id,
    unique=True,
    sqlite_where=text("is_personal"),
    postgresql_where=text("is_personal"),
)

members = Table(
    "members",
    metadata,
    _id(),
    _public_id(),
    _reference("space_id", "spaces"),
    Column("user_id", Number, ForeignKey("users.id"), nullable=False, index=True),
    Column("role", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("space_id", "user_id"),
)

nodes = Table(
    "nodes",
    metadata,
    _id(),
    _public_id(),
    Column("space_id", Number, ForeignKey("spaces.id"), nullable=False, index=True),
    Column("parent_id", Number, ForeignKey("nodes.id"), index=True),
    Column("type", String, nullable=False),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("deleted_at", Moment),
    Column("deleted_with", Number),
    sqlite_autoincrement=True,
)
_IS_DELETED = text("deleted_at IS NOT NULL")
Index("ix_nodes_deleted_at", nodes.c.deleted_at, sqlite_where=_IS_DELETED, postgresql_where=_IS_DELETED)

fields = Table(
    "fields",
    metadata,
    _id(),
    Column("public_id", String, nullable=False),
    _reference("node_id", "nodes"),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("is_primary", Boolean, nullable=False),
    Column("description", String, nullable=False),
    Column("properties", JSON, nullable=False),
    Column("position", Integer, nullable=False),
    Column("last_number", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("node_id", "public_id"),
)

dropped_fields = Table(
    "dropped_fields",
    metadata,
    Column("node_id", Number, primary_key=True, autoincrement=False),
    Column("field", String, primary_key=True),
    Column("after", Number, nullable=False),
    Column("dropped_at", Moment, nullable=False),
)
"""Fields that are gone, of which values are yet to be stripped from the records behind ``after``."""

records = Table(
    "records",
    metadata,
    _id(),
    _public_id(),
    _reference("node_id", "nodes"),
    Column("revision", Integer, nullable=False),
    Column("cells", Cells, nullable=False),
    Column("created_at", Moment, nullable=False),
    _reference("created_by", "users"),
    Column("updated_at", Moment, nullable=False),
    _reference("updated_by", "users"),
    Index("ix_records_node_id_id", "node_id", "id"),
    sqlite_autoincrement=True,
)

views = Table(
    "views",
    metadata,
    _id(),
    _public_id(),
    Column("node_id", Number, ForeignKey("nodes.id"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("description", String, nullable=False),
    Column("filter", String, nullable=False),
    Column("sorts", JSON, nullable=False),
    Column("hidden", JSON, nullable=False),
    Column("position", Integer, nullable=False),
    sqlite_autoincrement=True,
)

history = Table(
    "history",
    metadata,
    _id(),
    Column("node_id", Number, nullable=False),
    Column("record", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("deed", String, nullable=False),
    Column("changes", JSON, nullable=False),
    Column("user_id", Number, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_history_record_id", "record", "id"),
    sqlite_autoincrement=True,
)
"""No references: what was done to a record outlives it."""

blobs = Table(
    "blobs",
    metadata,
    _id(),
    _reference("space_id", "spaces"),
    Column("key", String, nullable=False, unique=True),
    Column("sha256", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mime", String, nullable=False),
    Column("state", String, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("findings", String, nullable=False, server_default=text("''")),
    Column("encoding", String, nullable=False, server_default=text("''")),
    Column("touched_at", Moment, nullable=False),
    Column("thumbhash", String, nullable=False, server_default=text("''")),
    sqlite_autoincrement=True,
)
IS_READY = text("state = 'ready'")
IS_UNFINISHED = text("state <> 'ready'")
"""Spelled into the statements too: neither engine uses a partial index for a condition that arrives as a parameter."""
Index(
    "uq_blobs_ready",
    blobs.c.space_id,
    blobs.c.sha256,
    blobs.c.mime,
    unique=True,
    sqlite_where=IS_READY,
    postgresql_where=IS_READY,
)
IS_LOST = text("state = 'lost'")
Index("ix_blobs_lost", blobs.c.sha256, blobs.c.id, sqlite_where=IS_LOST, postgresql_where=IS_LOST)
Index("ix_blobs_unfinished", blobs.c.touched_at, sqlite_where=IS_UNFINISHED, postgresql_where=IS_UNFINISHED)

variants = Table(
    "variants",
    metadata,
    _id(),
    Column("blob_id", Number, ForeignKey("blobs.id", ondelete="CASCADE"), nullable=False),
    Column("recipe", String, nullable=False),
    Column("key", String, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("mime", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    UniqueConstraint("blob_id", "recipe"),
)

texts = Table(
    "texts",
    metadata,
    Column("blob_id", Number, ForeignKey("blobs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("content", String, nullable=False),
)

reservations = Table(
    "reservations",
    metadata,
    Column("key", String, primary_key=True),
    Column("is_condemned", Boolean, nullable=False),
    Column("reserved_at", Moment, nullable=False, index=True),
)

uploads = Table(
    "uploads",
    metadata,
    _id(),
    _public_id(),
    _reference("space_id", "spaces"),
    _reference("user_id", "users"),
    Column("blob_id", Number, ForeignKey("blobs.id"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("path", String, nullable=False, unique=True),
    Column("door", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("entity", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("deleted_at", Moment),
    Column("loose_since", Moment),
    Index("ix_uploads_user_id_blob_id", "user_id", "blob_id"),
    Index("ix_uploads_space_id_id", "space_id", "id"),
    sqlite_autoincrement=True,
)
Index("ix_uploads_deleted_at", uploads.c.deleted_at, sqlite_where=_IS_DELETED, postgresql_where=_IS_DELETED)
_IS_NOTED = text("loose_since IS NOT NULL")
Index("ix_uploads_loose_since", uploads.c.loose_since, sqlite_where=_IS_NOTED, postgresql_where=_IS_NOTED)

attachments = Table(
    "attachments",
    metadata,
    Column("record_id", Number, ForeignKey("records.id"), primary_key=True),
    Column("field", String, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("upload_id", Number, ForeignKey("uploads.id"), nullable=False, index=True),
    Column("name", String, nullable=False),
)

books = Table(
    "books",
    metadata,
    Column("user_id", Number, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    Column("turnover", BigInteger, nullable=False),
)
"""One row for each user who keeps books: held by whoever changes anything in them, so that changes come one by one.

``turnover`` is the sum of all amounts, whatever their sign: while it fits into a column, so does every other sum.
"""

people = Table(
    "people",
    metadata,
    _id(),
    _reference("user_id", "users"),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False),
    Column("phone", String, nullable=False),
    Column("description", String, nullable=False),
    Column("avatar_id", Number, ForeignKey("uploads.id"), index=True),
    Column("income", BigInteger, nullable=False),
    Column("expense", BigInteger, nullable=False),
    Column("transactions", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("user_id", "name", "email"),
    sqlite_autoincrement=True,
)
"""Whom money comes from and goes to. The sums are those over their transactions; transfers count, and add nothing."""

money_accounts = Table(
    "money_accounts",
    metadata,
    _id(),
    _reference("user_id", "users"),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("icon", String, nullable=False),
    Column("color", String, nullable=False),
    Column("bg_color", String, nullable=False),
    Column("avatar_id", Number, ForeignKey("uploads.id"), index=True),
    Column("balance", BigInteger, nullable=False),
    Column("transactions", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("user_id", "name"),
    sqlite_autoincrement=True,
)
"""Where money is. A transfer counts for both of its accounts."""

categories = Table(
    "categories",
    metadata,
    _id(),
    Column("user_id", Number, ForeignKey("users.id"), nullable=False, index=True),
    Column("parent", Number),
    Column("type", String, nullable=False),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("icon", String, nullable=False),
    Column("color", String, nullable=False),
    Column("bg_color", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    sqlite_autoincrement=True,
)
"""Those that users made; ``parent`` may be one of everybody's, which are no rows (``domain.bookkeeping.labels``)."""

tags = Table(
    "tags",
    metadata,
    _id(),
    _reference("user_id", "users"),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("icon", String, nullable=False),
    Column("color", String, nullable=False),
    Column("bg_color", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("user_id", "name"),
    sqlite_autoincrement=True,
)
"""Those that users made, as ``categories``."""

transactions = Table(
    "transactions",
    metadata,
    _id(),
    _reference("user_id", "users"),
    Column("title", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("type", String, nullable=False),
    Column("category", Number, nullable=False),
    Column("account_id", Number, ForeignKey("money_accounts.id"), nullable=False),
    Column("to_account_id", Number, ForeignKey("money_accounts.id")),
    Column("person_id", Number, ForeignKey("people.id")),
    Column("note", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("ix_transactions_user_id_at_id", "user_id", "at", "id"),
    Index("ix_transactions_account_id_at_id", "account_id", "at", "id"),
    Index("ix_transactions_to_account_id_at_id", "to_account_id", "at", "id"),
    Index("ix_transactions_person_id_at_id", "person_id", "at", "id"),
    Index("ix_transactions_user_id_category_at_id", "user_id", "category", "at", "id"),
    sqlite_autoincrement=True,
)
"""``amount`` in ten-thousandths, over 0. ``category`` is a category's number, that of one of everybody's too."""

transaction_tags = Table(
    "transaction_tags",
    metadata,
    Column("transaction_id", Number, ForeignKey("transactions.id"), primary_key=True, autoincrement=False),
    Column("tag", Number, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    Index("ix_transaction_tags_tag", "tag"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("transaction_id", Number, ForeignKey("transactions.id"), primary_key=True, autoincrement=False),
    Column("upload_id", Number, ForeignKey("uploads.id"), primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    Index("ix_receipts_upload_id", "upload_id"),
)
"""The files of a transaction; each once."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("answer", JSON(none_as_null=True)),
    Column("expires_at", Moment, nullable=False, index=True),
)

quarantine = Table(
    "quarantine",
    metadata,
    _id(),
    _public_id(),
    _reference("space_id", "spaces"),
    _reference("user_id", "users"),
    Column("blob_id", Number, ForeignKey("blobs.id"), index=True),
    Column("state", String, nullable=False),
    Column("key", String, unique=True),
    Column("sha256", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mime", String, nullable=False),
    Column("signature", String, nullable=False),
    Column("scanner", String, nullable=False),
    Column("name", String, nullable=False),
    Column("path", String, nullable=False),
    Column("door", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("entity", String, nullable=False),
    Column("found_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("times", Integer, nullable=False),
    Index("ix_quarantine_sha256_space_id", "sha256", "space_id"),
    Index("ix_quarantine_state_last_at", "state", "last_at"),
    sqlite_autoincrement=True,
)

allowances = Table(
    "allowances",
    metadata,
    Column("space_id", Number, ForeignKey("spaces.id"), primary_key=True),
    Column("sha256", String, primary_key=True),
    Column("signature", String, primary_key=True),
    Column("allowed_by", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("allowed_at", Moment, nullable=False),
)

unscanned = Table(
    "unscanned",
    metadata,
    Column("blob_id", Number, ForeignKey("blobs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("reason", String, nullable=False),
    Column("noticed_at", Moment, nullable=False),
)

rescans = Table(
    "rescans",
    metadata,
    _id(),
    Column("scope", String, nullable=False, unique=True),
    Column("edition", String, nullable=False),
    Column("after", Number, nullable=False),
    Column("checked", Integer, nullable=False),
    Column("infected", Integer, nullable=False),
    Column("not_scanned", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("touched_at", Moment, nullable=False),
    Column("is_finished", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

scrubs = Table(
    "scrubs",
    metadata,
    _id(),
    Column("after", Number, nullable=False),
    Column("checked", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("lost", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("renditions", Integer, nullable=False),
    Column("unread", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("touched_at", Moment, nullable=False),
    Column("is_finished", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
"""Walks over all blobs in the order of their ids: how far, and what came of it. The last is the one under way."""
IS_UNDER_WAY = text("NOT is_finished")
Index(
    "uq_scrubs_under_way",
    scrubs.c.is_finished,
    unique=True,
    sqlite_where=IS_UNDER_WAY,
    postgresql_where=IS_UNDER_WAY,
)

usage = Table(
    "usage",
    metadata,
    Column("kind", String, primary_key=True),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("bytes", BigInteger, nullable=False),
    Column("files", BigInteger, nullable=False),
)
"""Sums that can be counted anew at any time; a row that is not there will be."""

# No references in the two logs: an entry outlives what it is about.
access_log = Table(
    "access_log",
    metadata,
    _id(),
    Column("at", Moment, nullable=False, index=True),
    Column("request_id", String, nullable=False),
    Column("action", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("status", Integer, nullable=False),
    Column("error", String, nullable=False),
    Column("door", String, nullable=False),
    Column("route", String, nullable=False),
    Column("address", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("user_id", Number),
    Column("token", String, nullable=False),
    Column("space_id", Number),
    Column("upload_id", Number),
    Column("bytes", BigInteger, nullable=False),
    Column("detail", String, nullable=False),
    sqlite_autoincrement=True,
)
NAMES_A_FILE = text("upload_id IS NOT NULL")
Index(
    "ix_access_log_upload_id_id",
    access_log.c.upload_id,
    access_log.c.id,
    sqlite_where=NAMES_A_FILE,
    postgresql_where=NAMES_A_FILE,
)

audit = Table(
    "audit",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", String, nullable=False),
    Column("act", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("details", String, nullable=False),
    Column("hash", String, nullable=False),
)
"""The number is ours, not the database's: it is part of what is hashed, and has no gaps."""

webhooks = Table(
    "webhooks",
    metadata,
    _id(),
    _public_id(),
    Column("space_id", Number, ForeignKey("spaces.id"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("url", String, nullable=False),
    Column("events", JSON, nullable=False),
    Column("database", String, nullable=False),
    Column("secret", String, nullable=False),
    Column("has_own_secret", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("failing_since", Moment),
    Column("disabled_at", Moment),
    Column("disabled_for", String, nullable=False),
    sqlite_autoincrement=True,
)
"""``secret`` is sealed (``ports.Vault``)."""

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _public_id(),
    Column("space_id", Number, nullable=False),
    Column("type", String, nullable=False),
    Column("database", String, nullable=False),
    Column("content", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    sqlite_autoincrement=True,
)
"""What happened, written in the commit that made it happen; gone with the last delivery of it."""

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    _public_id(),
    _reference("webhook_id", "webhooks"),
    Column("event_id", Number, ForeignKey("outbox.id"), nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("tries", JSON, nullable=False),
    Column("first_try", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
    sqlite_autoincrement=True,
)
Index("ix_deliveries_webhook_id_id", deliveries.c.webhook_id, deliveries.c.id)
IS_WAITING = text("state = 'waiting'")
Index("ix_deliveries_due_at", deliveries.c.due_at, sqlite_where=IS_WAITING, postgresql_where=IS_WAITING)
