"""A space's own rules: findings, image types, how its pictures are served."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add a column that is empty at first."""
    op.add_column("spaces", sa.Column("rules", sa.JSON()))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("spaces", "rules")
