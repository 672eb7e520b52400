"""``kural tickets status``, ``note``, ``reclassify``, ``escalate``, ``clusters``: casework."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click

from agent.errors import TicketError, UsageError
from agent.settings import Settings
from agent.tickets.calendar import IST
from agent.tickets.casework import Casework, Change
from agent.tickets.commands.common import load_settings, opened, ticket_number
from agent.tickets.lifecycle import Rejection
from agent.tickets.models import TicketStatus
from agent.tickets.names import load_names

_S = TicketStatus
_WHO_LETTERS = 80


@click.command("status")
@click.argument("number")
@click.option("--to", "to", type=click.Choice([each.value for each in _S if each is not _S.NEW]))
@click.option("--as", "who", default="", help="Who does it (with --to).")
@click.option("--note", default="", help="Words for the history; kept encrypted.")
@click.option(
    "--reason",
    type=click.Choice([each.value for each in Rejection]),
    default=None,
    help="Why it is REJECTED.",
)
@click.option("--assign", default="", metavar="LOGIN", help="To whom it is ASSIGNED.")
@click.option("--seat", type=int, metavar="N", help="Constituency it is TRANSFERRED to.")
@click.option("--into", default="", metavar="NUMBER", help="Ticket it is a DUPLICATE_OF.")
def status_command(
    number: str,
    to: str | None,
    who: str,
    note: str,
    reason: str | None,
    assign: str,
    seat: int | None,
    into: str,
) -> None:
    """Show status and history of a ticket, or with --to give it the next status."""
    digits = ticket_number(number)
    with _office(load_settings()) as office:
        if to is None:
            if who or note or reason or assign or seat is not None or into:
                raise UsageError("Say with --to which status the ticket gets.")
            click.echo(_history(office, digits))
            return
        change = _moved(
            office, digits, _S(to), _named(who), note=note, reason=reason or "", assign=assign,
            seat=seat, into=into,
        )  # fmt: skip
        click.echo(_line(change))


def _moved(
    office: Casework,
    number: str,
    to: TicketStatus,
    who: str,
    *,
    note: str,
    reason: str,
    assign: str,
    seat: int | None,
    into: str,
) -> Change:
    if to is _S.TRANSFERRED:
        if seat is None:
            raise UsageError("TRANSFERRED needs --seat N: the constituency it belongs to.")
        return office.transfer(number, seat, who, note=note)
    if to is _S.DUPLICATE_OF:
        if not into:
            raise UsageError("DUPLICATE_OF needs --into NUMBER: the ticket that goes on.")
        return office.merge(number, ticket_number(into), who, note=note)
    if to is _S.ASSIGNED:
        if not assign:
            raise UsageError("ASSIGNED needs --assign LOGIN: who works on it.")
        return office.assign(number, assign, who, note=note)
    if to is _S.REOPENED:
        return office.reopen(number, who, note=note)
    return office.move(number, to, who, note=note, reason=reason)


@click.command("note")
@click.argument("number")
@click.argument("text")
@click.option("--as", "who", default="", help="Who writes.")
def note_command(number: str, text: str, who: str) -> None:
    """Add words to the history of a ticket; they are kept encrypted."""
    digits = ticket_number(number)
    with _office(load_settings()) as office:
        office.note(digits, _named(who), text)
    click.echo(f"{digits}: noted")


@click.command("reclassify")
@click.argument("number")
@click.option("--category", required=True, metavar="CODE", help="What it is about in truth.")
@click.option("--as", "who", default="", help="Who corrects.")
@click.option("--note", default="", help="Words for the history; kept encrypted.")
def reclassify_command(number: str, category: str, who: str, note: str) -> None:
    """Put right what the line understood wrongly; the due date follows."""
    digits = ticket_number(number)
    with _office(load_settings()) as office:
        click.echo(_line(office.correct(digits, _named(who), category=category, note=note)))


@click.command("escalate")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def escalate_command(as_json: bool) -> None:
    """Raise the level of every ticket that is overdue."""
    with _office(load_settings()) as office:
        changes = office.escalate()
    for change in changes:
        click.echo(json.dumps(asdict(change), default=str) if as_json else _line(change))
    click.echo(f"{len(changes)} {'ticket' if len(changes) == 1 else 'tickets'} escalated", err=True)


@click.command("clusters")
@click.option("--constituency", type=int, metavar="N", help="Only this seat (1 to 234).")
@click.option("--at-least", type=click.IntRange(2), default=2, help="How often it was told.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def clusters_command(constituency: int | None, at_least: int, as_json: bool) -> None:
    """Show what several people have told of one area; a person decides whether to merge."""
    names = load_names()
    if constituency is not None and constituency not in names.seats:
        raise UsageError(f"There is no constituency {constituency}.")
    with _office(load_settings()) as office:
        found = office.clusters(constituency=constituency, at_least=at_least)
    for row in found:
        if as_json:
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            seat, what = names.seat(row["constituency_no"])[0], names.category(row["category"])[0]
            click.echo(
                f"{row['reports']:>5} reports, {row['tickets']} tickets: {what or 'unknown'} in "
                f"{row['locality_en']} ({row['constituency_no']} {seat}), first {row['first']}"
            )


@contextmanager
def _office(settings: Settings) -> Iterator[Casework]:
    """Casework on the database of these settings; a refusal is one sentence."""
    with opened(settings) as store:
        try:
            yield Casework(store, load_names())
        except UsageError:
            raise
        except TicketError as refusal:
            raise UsageError(str(refusal)) from None


def _named(who: str) -> str:
    name = who.strip()
    if not name or len(name) > _WHO_LETTERS or not name.isprintable():
        raise UsageError(f"Say with --as who does it, in at most {_WHO_LETTERS} letters.")
    return name


def _line(change: Change) -> str:
    due = f", due {change.due_at.astimezone(IST):%Y-%m-%d %H:%M} IST" if change.due_at else ""
    moved = change.new if change.old == change.new else f"{change.old} -> {change.new}"
    return f"{change.number}: {moved}{due}, level {change.level}"


def _history(office: Casework, number: str) -> str:
    events: list[dict[str, Any]] = []
    for event in office.history(number):
        events.append({**event, "at": event["at"].astimezone(IST).isoformat()})
    if not events:
        office.similar(number)  # says so when there is no such ticket
    cluster = office.similar(number)
    shown = {
        "number": number,
        "status": next((e["to_status"] for e in reversed(events) if e["to_status"]), None),
        "similar": asdict(cluster) if cluster else None,
        "history": events,
    }
    return json.dumps(shown, ensure_ascii=False, indent=2)
