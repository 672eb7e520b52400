"""``kural tickets export``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.tickets.calendar import IST
from agent.tickets.commands.common import audit, opened, unmask_options
from agent.tickets.disk import whole_file
from agent.tickets.export import WRITERS
from agent.tickets.models import TicketStatus
from agent.tickets.names import Names, load_names
from agent.tickets.repository import Search


@click.command("export")
@click.option("--constituency", type=int, metavar="N", help="Only this seat (1 to 234).")
@click.option("--format", "form", type=click.Choice(sorted(WRITERS)), default="csv")
@click.option("--since", default="", metavar="DATE", help="From this day or time on (IST).")
@click.option("--until", default="", metavar="DATE", help="Up to and including this day (IST).")
@click.option("--status", type=click.Choice([each.value for each in TicketStatus]))
@click.option("--out", type=click.Path(path_type=Path), help="File; without it, standard output.")
@unmask_options
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
    with opened(settings) as store:
        if unmask:
            facts = {key: str(value) for key, value in asdict(search).items() if value is not None}
            audit(settings, who, reason, {"action": "export", "format": form, **facts})
        elif who or reason:
            raise UsageError("--as and --reason belong to --unmask: add it, or leave them out.")
        tickets = store.repository.search(search, unmask=unmask)
        with _destination(out) as file:
            count = WRITERS[form](tickets, file, names)
    where = f" to {out}" if out else ""
    click.echo(f"{count} {'ticket' if count == 1 else 'tickets'} written{where}", err=True)


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
