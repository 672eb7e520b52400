"""Runs revisions on the connection that :mod:`agent.tickets.schema` hands over."""

from __future__ import annotations

from alembic import context

from agent.tickets.models import KuralTable

context.configure(
    connection=context.config.attributes["connection"], target_metadata=KuralTable.metadata
)
with context.begin_transaction():
    context.run_migrations()
