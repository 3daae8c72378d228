"""Alembic's entry: runs revisions on the connection that ``schema`` opened.

They run inside its transaction, or, beside others, each in one of its own.
"""

from alembic import context

from holdall.adapters.db.tables import metadata

beside_others = context.config.attributes["beside_others"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=beside_others,
    beside_others=beside_others,
)
with context.begin_transaction():
    context.run_migrations()
