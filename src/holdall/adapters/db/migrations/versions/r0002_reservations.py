"""Keys are reserved by themselves, and no longer by rows of blobs to come."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make the table; what was pending is for the sweep."""
    op.create_table(
        "reservations",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("is_condemned", sa.Boolean(), nullable=False),
        sa.Column("reserved_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_reservations"),
    )
    op.create_index("ix_reservations_reserved_at", "reservations", ["reserved_at"])
    op.execute("UPDATE blobs SET state = 'condemned' WHERE state = 'pending'")


def downgrade() -> None:
    """Forget the reservations; bytes under them are for a sweep of the store."""
    op.drop_table("reservations")
