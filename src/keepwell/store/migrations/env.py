"""Alembic's entry: the connection is handed in by :mod:`keepwell.store.db`."""

from alembic import context

from keepwell.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    # SQLite can't change a column in place; the table is written anew
    render_as_batch=True,
)
context.run_migrations()
