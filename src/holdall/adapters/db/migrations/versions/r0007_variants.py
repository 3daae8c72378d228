"""Variants are made when asked for; pictures have a hash; documents have their text."""

import sqlalchemy as sa
from alembic import op

from holdall.adapters.db.migrations import beside

revision = "0007"
down_revision = "0006"

# What a revision does never changes, so it spells the types itself, whatever ``tables`` calls them later.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Call the thumbnails that are there by their new names, and add the hash and the texts."""
    beside.update(
        "variants", "recipe = CASE WHEN mime = 'image/webp' THEN '256-webp' ELSE '256' END", "recipe = 'thumb-256'"
    )
    op.add_column("blobs", sa.Column("thumbhash", sa.String(), nullable=False, server_default=sa.text("''")))
    op.create_table(
        "texts",
        sa.Column("blob_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name="fk_texts_blob_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("blob_id", name="pk_texts"),
    )


def downgrade() -> None:
    """Take them away again."""
    op.execute("UPDATE variants SET recipe = 'thumb-256' WHERE recipe = '256'")
    op.drop_table("texts")
    op.drop_column("blobs", "thumbhash")
