"""Passwords of people; from where and with what a credential was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add three columns, empty: nobody has a password until one is set."""
    op.add_column("users", sa.Column("password", sa.String()))
    op.add_column("tokens", sa.Column("last_address", sa.String()))
    op.add_column("tokens", sa.Column("last_agent", sa.String()))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("tokens", "last_agent")
    op.drop_column("tokens", "last_address")
    op.drop_column("users", "password")
