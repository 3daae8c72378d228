"""The access log and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# As in the first revision: what a revision does never changes.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
NAMES_A_FILE = sa.text("upload_id IS NOT NULL")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "access_log",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("door", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("user_id", NUMBER),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("space_id", NUMBER),
        sa.Column("upload_id", NUMBER),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access_log"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_access_log_at", "access_log", ["at"])
    op.create_index(
        "ix_access_log_upload_id_id",
        "access_log",
        ["upload_id", "id"],
        sqlite_where=NAMES_A_FILE,
        postgresql_where=NAMES_A_FILE,
    )
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )


def downgrade() -> None:
    """Remove both tables."""
    op.drop_table("audit")
    op.drop_table("access_log")
