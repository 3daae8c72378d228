"""Books of users: people, accounts, categories, tags, transactions, and the receipts of these."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

# As in the first revision: what a revision does never changes.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the tables, empty."""
    _make_parties()
    _make_labels()
    _make_transactions()


def downgrade() -> None:
    """Take all of it away."""
    for name in (
        "receipts",
        "transaction_tags",
        "transactions",
        "tags",
        "categories",
        "money_accounts",
        "people",
        "books",
    ):
        op.drop_table(name)


def _make_parties() -> None:
    op.create_table(
        "books",
        sa.Column("user_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("turnover", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_books"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_books_user_id"),
    )
    op.create_table(
        "people",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("avatar_id", NUMBER),
        sa.Column("income", sa.BigInteger(), nullable=False),
        sa.Column("expense", sa.BigInteger(), nullable=False),
        sa.Column("transactions", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_people_user_id"),
        sa.ForeignKeyConstraint(["avatar_id"], ["uploads.id"], name="fk_people_avatar_id"),
        sa.UniqueConstraint("user_id", "name", "email", name="uq_people_user_id_name_email"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_people_avatar_id", "people", ["avatar_id"])
    op.create_table(
        "money_accounts",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("icon", sa.String(), nullable=False),
        sa.Column("color", sa.String(), nullable=False),
        sa.Column("bg_color", sa.String(), nullable=False),
        sa.Column("avatar_id", NUMBER),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("transactions", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_money_accounts"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_money_accounts_user_id"),
        sa.ForeignKeyConstraint(["avatar_id"], ["uploads.id"], name="fk_money_accounts_avatar_id"),
        sa.UniqueConstraint("user_id", "name", name="uq_money_accounts_user_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_money_accounts_avatar_id", "money_accounts", ["avatar_id"])


def _make_labels() -> None:
    op.create_table(
        "categories",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("parent", NUMBER),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("icon", sa.String(), nullable=False),
        sa.Column("color", sa.String(), nullable=False),
        sa.Column("bg_color", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_categories"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_categories_user_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_categories_user_id", "categories", ["user_id"])
    op.create_table(
        "tags",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("icon", sa.String(), nullable=False),
        sa.Column("color", sa.String(), nullable=False),
        sa.Column("bg_color", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tags"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tags_user_id"),
        sa.UniqueConstraint("user_id", "name", name="uq_tags_user_id_name"),
        sqlite_autoincrement=True,
    )


def _make_transactions() -> None:
    op.create_table(
        "transactions",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("category", NUMBER, nullable=False),
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("to_account_id", NUMBER),
        sa.Column("person_id", NUMBER),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transactions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_transactions_user_id"),
        sa.ForeignKeyConstraint(["account_id"], ["money_accounts.id"], name="fk_transactions_account_id"),
        sa.ForeignKeyConstraint(["to_account_id"], ["money_accounts.id"], name="fk_transactions_to_account_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_transactions_person_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_transactions_user_id_at_id", "transactions", ["user_id", "at", "id"])
    op.create_index("ix_transactions_account_id_at_id", "transactions", ["account_id", "at", "id"])
    op.create_index("ix_transactions_to_account_id_at_id", "transactions", ["to_account_id", "at", "id"])
    op.create_index("ix_transactions_person_id_at_id", "transactions", ["person_id", "at", "id"])
    op.create_index("ix_transactions_user_id_category_at_id", "transactions", ["user_id", "category", "at", "id"])
    op.create_table(
        "transaction_tags",
        sa.Column("transaction_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("tag", NUMBER, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id", "tag", name="pk_transaction_tags"),
        sa.ForeignKeyConstraint(["transaction_id"], ["transactions.id"], name="fk_transaction_tags_transaction_id"),
    )
    op.create_index("ix_transaction_tags_tag", "transaction_tags", ["tag"])
    op.create_table(
        "receipts",
        sa.Column("transaction_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("upload_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id", "upload_id", name="pk_receipts"),
        sa.ForeignKeyConstraint(["transaction_id"], ["transactions.id"], name="fk_receipts_transaction_id"),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name="fk_receipts_upload_id"),
    )
    op.create_index("ix_receipts_upload_id", "receipts", ["upload_id"])
