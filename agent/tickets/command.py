"""``kural tickets``: export, show, replay, check."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any

import click
from sqlalchemy.exc import SQLAlchemyError

from agent import settings as settings_module
from agent.check_digit import NUMBER_DIGITS, is_valid
from agent.errors import UsageError
from agent.settings import Settings
from agent.tickets.audit import record_access
from agent.tickets.database import DatabaseAway, sqlite_file
from agent.tickets.disk import whole_file
from agent.tickets.export import IST, WRITERS
from agent.tickets.forwarder import check, replay
from agent.tickets.models import TicketStatus
from agent.tickets.names import Names, load_names
from agent.tickets.repository import Search, Ticket
from agent.tickets.store import WITHIN_S, TicketStore

_DATABASE_UNREADABLE = "The ticket database cannot be read: check TICKETS__DATABASE_URL."


@click.group()
def command() -> None:
    """Tickets: export, show, replay what a crash left behind, check that nothing is missing."""


def _unmask_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--reason", default="", help="Why (with --unmask)."),
        click.option("--as", "who", default="", help="Who looks (with --unmask)."),
        click.option("--unmask", is_flag=True, help="Names and phone numbers in full; audited."),
    ):
        function = option(function)
    return function


@command.command("export")
@click.option("--constituency", type=int, metavar="N", help="Only this seat (1 to 234).")
@click.option("--format", "form", type=click.Choice(sorted(WRITERS)), default="csv")
@click.option("--since", default="", metavar="DATE", help="From this day or time on (IST).")
@click.option("--until", default="", metavar="DATE", help="Up to and including this day (IST).")
@click.option("--status", type=click.Choice([each.value for each in TicketStatus]))
@click.option("--out", type=click.Path(path_type=Path), help="File; without it, standard output.")
@_unmask_options
def export_command(
    constituency: int | None,
    form: str,
    since: str,
    until: str,
    status: str | None,
    out: Path | None,
    unmask: bool,
    who: str,
    reason: str,
) -> None:
    """Write tickets to a file, oldest first. Names and phone numbers are masked."""
    names = load_names()
    search = _search(constituency, since, until, status, names)
    _check_out(out)
    settings = settings_module.load()
    with _opened(settings) as store:
        if unmask:
            facts = {key: str(value) for key, value in asdict(search).items() if value is not None}
            _audit(settings, who, reason, {"action": "export", "format": form, **facts})
        elif who or reason:
            raise UsageError("--as and --reason belong to --unmask: add it, or leave them out.")
        tickets = store.repository.search(search, unmask=unmask)
        with _destination(out) as file:
            count = WRITERS[form](tickets, file, names)
    where = f" to {out}" if out else ""
    click.echo(f"{count} {'ticket' if count == 1 else 'tickets'} written{where}", err=True)


@command.command("show")
@click.argument("number")
@_unmask_options
def show_command(number: str, unmask: bool, who: str, reason: str) -> None:
    """Show one ticket as JSON. Name and phone number are masked."""
    digits = re.sub(r"[\s-]", "", number)
    if not is_valid(digits):
        raise UsageError(
            f"{number} is not a ticket number: it has {NUMBER_DIGITS} digits and the last one "
            "checks the others, so look for a slip."
        )
    settings = settings_module.load()
    with _opened(settings) as store:
        ticket = store.repository.get(digits)
        if ticket is None:
            raise UsageError(f"There is no ticket {digits} in this database.")
        if unmask:
            _audit(settings, who, reason, {"action": "show", "ticket": digits})
            ticket = store.repository.get(digits, unmask=True) or ticket
        click.echo(json.dumps(_shown(ticket, load_names()), ensure_ascii=False, indent=2))


@command.command("replay")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def replay_command(as_json: bool) -> None:
    """Store what journals of ended or crashed calls hold and the database does not."""
    store = _opened_for_upkeep(reserve=True)
    try:
        report = replay(store, restore=True)
    except DatabaseAway:
        raise UsageError(_DATABASE_UNREADABLE) from None
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps({**asdict(report), "clean": report.is_clean}, ensure_ascii=False))
    else:
        click.echo(
            f"{report.replayed} journals replayed ({report.lost} of lost calls), "
            f"{report.tickets} tickets added, {report.partial} of them partial; "
            f"{report.live} live, {report.torn} torn, {len(report.damaged)} damaged, "
            f"{len(report.waiting)} waiting; {report.restored} calls restored."
        )
        for sentence in report.damaged:
            click.echo(sentence, err=True)
        for name, why in report.waiting.items():
            click.echo(f"{name}: {why}", err=True)
    if not report.is_clean:
        sys.exit(1)


@command.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def check_command(as_json: bool) -> None:
    """Compare journals and database; exit 1 when a ticket is missing or something is damaged."""
    store = _opened_for_upkeep(reserve=False)
    try:
        report = check(store)
    except DatabaseAway:
        raise UsageError(_DATABASE_UNREADABLE) from None
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps({**asdict(report), "clean": report.is_clean}, ensure_ascii=False))
    else:
        click.echo(
            f"{report.tickets} tickets in the database, {report.unreadable} unreadable; "
            f"{report.journals} journals compared, {report.live} live, {report.waiting} waiting, "
            f"{report.torn} torn; {len(report.missing)} tickets missing, "
            f"{len(report.damaged)} journals damaged."
        )
        if report.missing:
            click.echo(f"Missing: {', '.join(report.missing)}. Run: kural tickets replay", err=True)
        for sentence in report.damaged:
            click.echo(sentence, err=True)
    if not report.is_clean:
        sys.exit(1)


def _opened_for_upkeep(*, reserve: bool) -> TicketStore:
    """The store for replay and check; a DATA_DIR that holds nothing of ours is a slip."""
    settings = settings_module.load()
    file = sqlite_file(settings.database_url)
    if file is not None and not file.is_file() and not settings.journal_dir.is_dir():
        raise UsageError(f"There is no ticket database at {file} and no journal: check DATA_DIR.")
    return TicketStore.from_settings(settings, reserve=reserve)


@contextmanager
def _opened(settings: Settings) -> Iterator[TicketStore]:
    """The store, for reading; anything wrong with the database is one sentence."""
    file = sqlite_file(settings.database_url)
    if file is not None and not file.is_file():
        raise UsageError(f"There is no ticket database at {file}: check DATA_DIR.")
    store = TicketStore.from_settings(settings, reserve=False)
    try:
        with suppress(DatabaseAway):  # reading works where nothing can be written
            store.database.visit(lambda _: None, within_s=WITHIN_S)  # a new one gets its tables
        yield store
    except SQLAlchemyError:
        raise UsageError(_DATABASE_UNREADABLE) from None
    finally:
        store.close()


@contextmanager
def _destination(out: Path | None) -> Iterator[IO[str]]:
    if out is None:
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        yield sys.stdout
        return
    try:
        with whole_file(out) as file:
            yield file
    except OSError as exc:
        raise UsageError(f"{out} cannot be written ({exc.strerror}).") from None


def _check_out(out: Path | None) -> None:
    if out is None:
        return
    if out.is_dir():
        raise UsageError(f"{out} is a folder: give --out a file name in it.")
    if out.exists() and not out.is_file():
        raise UsageError(f"{out} is not a plain file: leave --out away for standard output.")
    if not out.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent}: make it, or choose another --out.")


def _search(
    constituency: int | None, since: str, until: str, status: str | None, names: Names
) -> Search:
    if constituency is not None and constituency not in names.seats:
        raise UsageError(
            f"There is no constituency {constituency}: give a number from 1 to {len(names.seats)}."
        )
    start, end = _moment("--since", since), _moment("--until", until, end_of_day=True)
    if start is not None and end is not None and start >= end:
        raise UsageError("--since must lie before --until.")
    return Search(constituency=constituency, since=start, until=end, status=status)


def _moment(option: str, text: str, *, end_of_day: bool = False) -> datetime | None:
    """A day or a time, in IST unless it names its zone; a day as an end includes itself."""
    if not text:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text) + timedelta(days=1 if end_of_day else 0)
            moment = datetime.combine(day, time(), IST)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=IST)
        moment.astimezone(UTC)  # the database counts in UTC, where year 1 and 9999 end earlier
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} is not a date: write it like 2026-11-20 or 2026-11-20T15:30."
        ) from None
    return moment


def _audit(settings: Settings, who: str, reason: str, facts: dict[str, Any]) -> None:
    if not who.strip() or not reason.strip():
        raise UsageError("--unmask needs --as WHO and --reason WHY: both are written down.")
    record_access(settings.data_dir, {"who": who.strip(), "reason": reason.strip(), **facts})


def _shown(ticket: Ticket, names: Names) -> dict[str, Any]:
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
