"""What Alembic runs: the migrations that are missing, on the connection it is given."""

from alembic import context

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":  # SQLite's transaction began with its one write lock
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('xase migration'))")
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
