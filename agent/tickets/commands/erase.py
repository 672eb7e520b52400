"""``kural tickets erase``, ``correct`` and ``withdraw``: what a citizen may ask for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

import click

from agent.errors import UsageError
from agent.tickets.audit import Person, take_over
from agent.tickets.commands.common import (
    DATABASE_UNREADABLE,
    opened_for_upkeep,
    person_options,
    ticket_number,
)
from agent.tickets.database import DatabaseAway
from agent.tickets.erasure import ErasureReport, NothingToErase, erase_caller, erase_ticket
from agent.tickets.rights import MAY_CORRECT, correct, withdraw_recording
from agent.tickets.store import TicketStore

Result = TypeVar("Result")


@click.command("erase")
@click.argument("number", required=False)
@click.option("--caller", default="", metavar="PHONE", help="All tickets and calls of this number.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@person_options
def erase_command(
    number: str | None, caller: str, dry_run: bool, as_json: bool, who: str, reason: str
) -> None:
    """Erase what can be traced to a person, of one ticket or of a caller. Counts stay."""
    if bool(number) == bool(caller):
        raise UsageError("Give one ticket number, or --caller with a phone number.")
    person = Person(who, reason)
    digits = ticket_number(number) if number else ""

    def act(store: TicketStore) -> ErasureReport:
        if digits:
            return erase_ticket(store, digits, person, dry_run=dry_run)
        return erase_caller(store, caller, person, dry_run=dry_run)

    report = _with_store(act)
    if as_json:
        click.echo(json.dumps({**asdict(report), "dry_run": dry_run}))
        return
    verb = "would be erased" if dry_run else "erased"
    if not report.changed:
        click.echo("There was nothing left to erase.")
    else:
        click.echo(
            f"{len(report.tickets)} tickets, {report.calls} calls, {report.notes} notes, "
            f"{report.callbacks} call-backs, {report.messages} messages, {report.files} sound "
            f"files, {report.journals} journals {verb}."
        )
    for call in report.live:
        click.echo(f"The call {call} goes on: the next upkeep takes its journal.", err=True)


@click.command("correct")
@click.argument("number")
@click.option("--name")
@click.option("--phone")
@click.option("--place")
@click.option("--landmark")
@click.option("--words", "description", help="What the complaint says.")
@person_options
def correct_command(number: str, who: str, reason: str, **given: str | None) -> None:
    """Put right what a ticket says of a person; an empty text takes it away."""
    digits, person = ticket_number(number), Person(who, reason)
    values = {name: text for name in MAY_CORRECT if (text := given[name]) is not None}
    _with_store(lambda store: correct(store, digits, person, values))
    click.echo(f"Ticket {digits} corrected: {', '.join(sorted(values))}.")


@click.command("withdraw")
@click.argument("number")
@person_options
def withdraw_command(number: str, who: str, reason: str) -> None:
    """Take back the consent to be recorded: the sound of the call goes, the complaint stays."""
    digits, person = ticket_number(number), Person(who, reason)
    gone = _with_store(lambda store: withdraw_recording(store, digits, person))
    click.echo(f"{gone} sound files deleted here; other machines follow with their upkeep.")


def _with_store(act: Callable[[TicketStore], Result]) -> Result:
    store = opened_for_upkeep(reserve=False)
    try:
        take_over(store.database, store.data_dir)
        return act(store)
    except DatabaseAway:
        raise UsageError(f"{DATABASE_UNREADABLE} Nothing was changed.") from None
    except NothingToErase as exc:
        raise UsageError(str(exc)) from None
    finally:
        store.close()
