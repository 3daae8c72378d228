"""Blobs whose bytes are lost, and how far the scrub has come that looks for them."""

import sqlalchemy as sa
from alembic import op

from holdall.adapters.db.migrations import beside

revision = "0017"
down_revision = "0016"

# As in the first revision: what a revision does never changes.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
IS_LOST = sa.text("state = 'lost'")


def upgrade() -> None:
    """Add an index that is empty at first, and a table."""
    beside.create_index("ix_blobs_lost", "blobs", ["sha256", "id"], sqlite_where=IS_LOST, postgresql_where=IS_LOST)
    op.create_table(
        "scrubs",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("after", NUMBER, nullable=False),
        sa.Column("checked", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("renditions", sa.Integer(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("touched_at", MOMENT, nullable=False),
        sa.Column("is_finished", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_scrubs"),
        sqlite_autoincrement=True,
    )
    under_way = sa.text("NOT is_finished")
    op.create_index(
        "uq_scrubs_under_way",
        "scrubs",
        ["is_finished"],
        unique=True,
        sqlite_where=under_way,
        postgresql_where=under_way,
    )


def downgrade() -> None:
    """Take them away; what was lost is ready as far as the rows say, or condemned where its content came again."""
    op.drop_index("ix_blobs_lost", "blobs")
    op.drop_table("scrubs")
    op.execute("UPDATE blobs SET state = 'ready' WHERE state = 'lost'")
