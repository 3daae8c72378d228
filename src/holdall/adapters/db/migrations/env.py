"""Alembic's entry: runs revisions on the connection that ``schema`` opened, inside its transaction."""

from alembic import context

from holdall.adapters.db.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
