"""What users chose for themselves, and what the installation remembers of itself."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

# As in the first revision: what a revision does never changes.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add two tables, empty."""
    op.create_table(
        "preferences",
        sa.Column("user_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_preferences_user_id"),
        sa.PrimaryKeyConstraint("user_id", name="pk_preferences"),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )


def downgrade() -> None:
    """Take them away; everybody has the defaults again."""
    op.drop_table("installation")
    op.drop_table("preferences")
