"""Quotas: a space's own, and sums of what is kept."""

import sqlalchemy as sa
from alembic import op

from holdall.adapters.db.migrations import beside

revision = "0005"
down_revision = "0004"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add an index, columns that are empty at first, and a table."""
    beside.create_index("ix_uploads_user_id_blob_id", "uploads", ["user_id", "blob_id"])
    op.add_column("spaces", sa.Column("max_bytes", sa.BigInteger()))
    op.add_column("spaces", sa.Column("max_files", sa.BigInteger()))
    op.create_table(
        "usage",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "number", name="pk_usage"),
    )


def downgrade() -> None:
    """Take them back."""
    op.drop_table("usage")
    op.drop_index("ix_uploads_user_id_blob_id", "uploads")
    op.drop_column("spaces", "max_files")
    op.drop_column("spaces", "max_bytes")
