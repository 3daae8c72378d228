"""Alembic: how a database comes to this version's tables, step by step."""
