"""``kural tickets show``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.tickets.calendar import IST
from agent.tickets.commands.common import audit, opened, ticket_number, unmask_options
from agent.tickets.names import Names, load_names
from agent.tickets.repository import Ticket


@click.command("show")
@click.argument("number")
@unmask_options
def show_command(number: str, unmask: bool, who: str, reason: str) -> None:
    """Show one ticket as JSON. Name and phone number are masked."""
    digits = ticket_number(number)
    settings = settings_module.load()
    with opened(settings) as store:
        ticket = store.repository.get(digits)
        if ticket is None:
            raise UsageError(f"There is no ticket {digits} in this database.")
        if unmask:
            audit(settings, who, reason, {"action": "show", "ticket": digits})
            ticket = store.repository.get(digits, unmask=True) or ticket
        click.echo(json.dumps(shown(ticket, load_names()), ensure_ascii=False, indent=2))


def shown(ticket: Ticket, names: Names) -> dict[str, Any]:
    """A ticket as JSON, with the names of its codes."""
    seat_en, seat_ta = names.seat(ticket.constituency_no)
    category_en, category_ta = names.category(ticket.category)
    return {
        **asdict(ticket),
        "created_at": ticket.created_at.isoformat(),
        "created_ist": ticket.created_at.astimezone(IST).isoformat(),
        "constituency_en": seat_en,
        "constituency_ta": seat_ta,
        "category_en": category_en,
        "category_ta": category_ta,
    }
