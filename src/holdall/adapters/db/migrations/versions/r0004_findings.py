"""What an inspector found in a blob, and in which encoding its text is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Blobs kept before were inspected without anything being noted."""
    op.add_column("blobs", sa.Column("findings", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("blobs", sa.Column("encoding", sa.String(), nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    """Forget both."""
    op.drop_column("blobs", "encoding")
    op.drop_column("blobs", "findings")
