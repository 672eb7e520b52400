"""Revisions of the ticket database (Alembic); applied by :mod:`agent.tickets.schema`."""
