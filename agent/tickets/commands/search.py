"""``kural tickets search``."""

from __future__ import annotations

import json

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.tickets.cipher import LAST_DIGITS, national_digits
from agent.tickets.commands.common import audit, opened, unmask_options
from agent.tickets.commands.show import shown
from agent.tickets.names import load_names
from agent.tickets.repository import Search

_LEAST_DIGITS = 6


@click.command("search")
@click.option("--phone", default="", help="The whole number, in any way of writing it.")
@click.option("--last-four", default="", metavar="DIGITS", help="Its last four digits.")
@click.option("--needs-listening", is_flag=True, help="Only those that are told by their sound.")
@unmask_options
def search_command(
    phone: str, last_four: str, needs_listening: bool, unmask: bool, who: str, reason: str
) -> None:
    """Find tickets by the phone number left with them: one JSON object a line, oldest first."""
    if (phone and last_four) or not (phone or last_four or needs_listening):
        raise UsageError("Give --phone or --last-four, or only --needs-listening.")
    if phone and len(national_digits(phone)) < _LEAST_DIGITS:
        raise UsageError("--phone needs a whole phone number; for its end there is --last-four.")
    if last_four and not (last_four.isdecimal() and len(last_four) == LAST_DIGITS):
        raise UsageError(f"--last-four needs {LAST_DIGITS} digits.")
    if not unmask and (who or reason):
        raise UsageError("--as and --reason belong to --unmask: add it, or leave them out.")
    digits = "".join(str(int(each)) for each in last_four)
    listen = True if needs_listening else None
    search = Search(phone=phone or None, last_four=digits or None, needs_listening=listen)
    settings, names = settings_module.load(), load_names()
    with opened(settings) as store:
        if unmask:
            found = [ticket.number for ticket in store.repository.search(search)]
            by = "phone" if phone else "last_four" if last_four else "needs_listening"
            audit(settings, who, reason, {"action": "search", "by": by, "tickets": found})
        for ticket in store.repository.search(search, unmask=unmask):
            click.echo(json.dumps(shown(ticket, names), ensure_ascii=False))
