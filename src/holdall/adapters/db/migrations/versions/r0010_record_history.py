"""What was done to each record; numbers that fields give to records."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

# As in the first revision: what a revision does never changes.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the table, empty, and a count for each field."""
    op.create_table(
        "history",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("node_id", NUMBER, nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("deed", sa.String(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_history_record_id", "history", ["record", "id"])
    op.add_column("fields", sa.Column("last_number", sa.BigInteger(), nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    """Take both away."""
    op.drop_column("fields", "last_number")
    op.drop_table("history")
