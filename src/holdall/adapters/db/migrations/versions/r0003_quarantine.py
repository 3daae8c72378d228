"""Files in quarantine, what operators allowed, blobs without a verdict, and how far rescans have come."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# As in the first revision: what a revision does never changes.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "quarantine",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("space_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("blob_id", NUMBER),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("key", sa.String()),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mime", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("scanner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("door", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_quarantine_space_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_quarantine_user_id"),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name="fk_quarantine_blob_id"),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.UniqueConstraint("key", name="uq_quarantine_key"),
        sa.UniqueConstraint("public_id", name="uq_quarantine_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_quarantine_blob_id", "quarantine", ["blob_id"])
    op.create_index("ix_quarantine_sha256_space_id", "quarantine", ["sha256", "space_id"])
    op.create_index("ix_quarantine_state_last_at", "quarantine", ["state", "last_at"])
    op.create_table(
        "allowances",
        sa.Column("space_id", NUMBER, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("allowed_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("allowed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_allowances_space_id"),
        sa.PrimaryKeyConstraint("space_id", "sha256", "signature", name="pk_allowances"),
    )
    op.create_table(
        "unscanned",
        sa.Column("blob_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("noticed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name="fk_unscanned_blob_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("blob_id", name="pk_unscanned"),
    )
    op.create_table(
        "rescans",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("after", NUMBER, nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("infected", sa.Integer(), nullable=False),
        sa.Column("not_scanned", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("touched_at", MOMENT, nullable=False),
        sa.Column("is_finished", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rescans"),
        sa.UniqueConstraint("scope", name="uq_rescans_scope"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop the tables. Blobs in quarantine stay out of reach, for the earlier version knows no way back for them."""
    for table in ("rescans", "unscanned", "allowances", "quarantine"):
        op.drop_table(table)
