"""Alembic's entry point: runs the migrations on the connection that `database.migrate` hands over."""

from alembic import context

from assistant.store.database import VERSION_TABLE
from assistant.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # SQLite too: the connection begins its transactions itself
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
