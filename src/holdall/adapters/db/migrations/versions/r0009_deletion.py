"""Uploads that were deleted and can still be restored; listing a space's uploads."""

import sqlalchemy as sa
from alembic import op

from holdall.adapters.db.migrations import beside

revision = "0009"
down_revision = "0008"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
IS_DELETED = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    """Add a column that is empty at first, and two indexes."""
    beside.add_column("uploads", sa.Column("deleted_at", MOMENT))
    beside.create_index("ix_uploads_space_id_id", "uploads", ["space_id", "id"])
    beside.create_index(
        "ix_uploads_deleted_at", "uploads", ["deleted_at"], sqlite_where=IS_DELETED, postgresql_where=IS_DELETED
    )


def downgrade() -> None:
    """Take them back."""
    op.drop_index("ix_uploads_deleted_at", "uploads")
    op.drop_index("ix_uploads_space_id_id", "uploads")
    op.drop_column("uploads", "deleted_at")
