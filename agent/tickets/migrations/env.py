"""Runs revisions on the connection that :mod:`agent.tickets.schema` hands over."""

from __future__ import annotations

from alembic import context

from agent.tickets.models import KuralTable


def run() -> None:
    """Apply what Alembic was asked for."""
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=KuralTable.metadata
    )
    with context.begin_transaction():
        context.run_migrations()


if not __name__.startswith("agent."):  # Alembic loads this file under a name of its own
    run()
