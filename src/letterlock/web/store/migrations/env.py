"""Run by Alembic, within the transaction that `database` has begun."""

from __future__ import annotations

from alembic import context

from letterlock.web.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
