"""Nodes that can be restored; fields that are gone and whose values are yet to be stripped."""

import sqlalchemy as sa
from alembic import op

from holdall.adapters.db.migrations import beside

revision = "0013"
down_revision = "0012"

# As in the first revision: what a revision does never changes.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
IS_DELETED = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    """Add two columns, empty, with their index, and a table."""
    beside.add_column("nodes", sa.Column("deleted_at", MOMENT))
    beside.add_column("nodes", sa.Column("deleted_with", NUMBER))
    beside.create_index(
        "ix_nodes_deleted_at", "nodes", ["deleted_at"], sqlite_where=IS_DELETED, postgresql_where=IS_DELETED
    )
    op.create_table(
        "dropped_fields",
        sa.Column("node_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("after", NUMBER, nullable=False),
        sa.Column("dropped_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("node_id", "field", name="pk_dropped_fields"),
    )


def downgrade() -> None:
    """Take them away; a deleted node is there again."""
    op.drop_table("dropped_fields")
    op.drop_index("ix_nodes_deleted_at", "nodes")
    op.drop_column("nodes", "deleted_with")
    op.drop_column("nodes", "deleted_at")
