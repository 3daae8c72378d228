"""Since when sweeps have seen uploads hang nowhere."""

import sqlalchemy as sa
from alembic import op

from holdall.adapters.db.migrations import beside

revision = "0018"
down_revision = "0017"

# As in the first revision: what a revision does never changes.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
IS_NOTED = sa.text("loose_since IS NOT NULL")


def upgrade() -> None:
    """Add a column, and an index of it that is empty at first."""
    beside.add_column("uploads", sa.Column("loose_since", MOMENT))
    beside.create_index(
        "ix_uploads_loose_since", "uploads", ["loose_since"], sqlite_where=IS_NOTED, postgresql_where=IS_NOTED
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_uploads_loose_since", "uploads")
    op.drop_column("uploads", "loose_since")
