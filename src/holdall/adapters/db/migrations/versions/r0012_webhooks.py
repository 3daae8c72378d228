"""Webhooks, the outbox of what they are told, and what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

# As in the first revision: what a revision does never changes.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the three tables, empty, and a mark on the spaces that have a webhook."""
    op.create_table(
        "webhooks",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("space_id", NUMBER, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("database", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("has_own_secret", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("failing_since", MOMENT),
        sa.Column("disabled_at", MOMENT),
        sa.Column("disabled_for", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_webhooks_space_id"),
        sa.UniqueConstraint("public_id", name="uq_webhooks_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhooks_space_id", "webhooks", ["space_id"])
    op.create_table(
        "outbox",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("space_id", NUMBER, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("database", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("public_id", name="uq_outbox_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("webhook_id", NUMBER, nullable=False),
        sa.Column("event_id", NUMBER, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("tries", sa.JSON(), nullable=False),
        sa.Column("first_try", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="fk_deliveries_webhook_id"),
        sa.ForeignKeyConstraint(["event_id"], ["outbox.id"], name="fk_deliveries_event_id"),
        sa.UniqueConstraint("public_id", name="uq_deliveries_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_webhook_id_id", "deliveries", ["webhook_id", "id"])
    op.create_index("ix_deliveries_created_at", "deliveries", ["created_at"])
    op.create_index("ix_deliveries_event_id", "deliveries", ["event_id"])
    is_waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_deliveries_due_at", "deliveries", ["due_at"], sqlite_where=is_waiting, postgresql_where=is_waiting
    )
    op.add_column("spaces", sa.Column("has_webhooks", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Take all of it away."""
    op.drop_column("spaces", "has_webhooks")
    op.drop_table("deliveries")
    op.drop_table("outbox")
    op.drop_table("webhooks")
