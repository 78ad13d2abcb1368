"""Schema migrations, run by Alembic from within `assistant.store.database`."""
