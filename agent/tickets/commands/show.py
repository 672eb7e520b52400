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
from agent.tickets.store import TicketStore


@click.command("show")
@click.argument("number")
@unmask_options
def show_command(number: str, unmask: bool, who: str, reason: str) -> None:
    """Show one ticket as JSON, with the sound of its call. Name and phone number are masked."""
    digits = ticket_number(number)
    settings = settings_module.load()
    with opened(settings) as store:
        ticket = store.repository.get(digits)
        if ticket is None:
            raise UsageError(f"There is no ticket {digits} in this database.")
        if unmask:
            audit(settings, who, reason, {"action": "show", "ticket": digits})
            ticket = store.repository.get(digits, unmask=True) or ticket
        told = {**shown(ticket, load_names()), "sound": _sound(store, digits)}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))


def _sound(store: TicketStore, number: str) -> list[dict[str, Any]]:
    """Voice notes and recordings that are kept, and on which machine they lie."""
    return [
        {**row, "created_at": row["created_at"].isoformat()}
        for row in store.repository.sounds(number)
    ]


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
