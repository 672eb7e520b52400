"""``kural tickets migrate``, ``lines`` and ``seats``: the database's form and its dated tables."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from agent.errors import UsageError
from agent.tickets import schema
from agent.tickets.calendar import IST
from agent.tickets.commands.common import DATABASE_UNREADABLE, load_settings, opened
from agent.tickets.database import DatabaseAway, open_engine
from agent.tickets.records import Row
from agent.tickets.registry import add_line, end_line, enter_seats, lines, seats

_WITHIN_S = 30.0


@click.command("migrate")
@click.option(
    "--down-to", metavar="REVISION", help="Take revisions back; what only they hold is lost."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def migrate_command(down_to: str | None, as_json: bool) -> None:
    """Bring the database to the form this program needs; calls go on meanwhile."""
    engine = open_engine(load_settings().database_url)
    try:
        with engine.begin() as connection:
            before = schema.revision_of(connection)
            if down_to is not None:
                _down(before, down_to)
                schema.downgrade(connection, down_to)
            elif before is None:
                schema.prepare(connection)
            elif before < schema.HEAD:
                schema.upgrade(connection)
            after = schema.revision_of(connection)
    except SQLAlchemyError:
        raise UsageError(DATABASE_UNREADABLE) from None
    finally:
        engine.dispose()
    if as_json:
        click.echo(json.dumps({"before": before, "after": after}))
    elif before == after:
        click.echo(f"The database is of revision {after}: nothing to do.")
    else:
        click.echo(f"The database went from revision {before or 'none'} to {after}.")


def _down(before: str | None, to: str) -> None:
    known = [f"{number:04}" for number in range(1, int(schema.HEAD) + 1)]
    if to not in known:
        raise UsageError(f"There is no revision {to}: choose one of {', '.join(known)}.")
    if before is None or before < to:
        raise UsageError(f"The database is of revision {before or 'none'}, below {to} already.")


@click.command("lines")
@click.option("--add", "added", metavar="NUMBER", help="A number people dial, like +914428592828.")
@click.option(
    "--constituency", type=int, metavar="N", help="Whose office it is; none = the state's."
)
@click.option("--end", "ended", metavar="NUMBER", help="A number that belongs to nobody any more.")
@click.option("--on", "day", metavar="DATE", help="From (last) day; today when not said.")
def lines_command(
    added: str | None, constituency: int | None, ended: str | None, day: str | None
) -> None:
    """Show, add or end the numbers people dial, and the seats they belong to."""
    if added and ended:
        raise UsageError("Give --add or --end, one at a time.")
    if constituency is not None and not added:
        raise UsageError("--constituency belongs to --add NUMBER.")
    when = _day(day)

    with opened(load_settings()) as store:
        try:
            if added:
                store.database.visit(
                    lambda db: add_line(db, added, constituency, when), within_s=_WITHIN_S
                )
            elif ended and not store.database.visit(
                lambda db: end_line(db, ended, when), within_s=_WITHIN_S
            ):
                raise UsageError(f"{ended} belongs to nobody.")
            found = store.database.visit(lines, within_s=_WITHIN_S)
        except DatabaseAway:
            raise UsageError(DATABASE_UNREADABLE) from None
    for row in found:
        whose = row["constituency_no"] or "all"
        click.echo(f"{row['number']}\t{whose}\t{row['valid_from']}\t{row['valid_to'] or ''}")


@click.command("seats")
@click.option(
    "--import",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV with number, name_en, name_ta, district_en of every seat.",
)
@click.option("--on", "day", metavar="DATE", help="First day of the new table, or the day to show.")
def seats_command(table: Path | None, day: str | None) -> None:
    """Show the seats of a day, or import those of a new delimitation."""
    when = _day(day)
    with opened(load_settings()) as store:
        try:
            if table is not None:
                rows = _read_seats(table)
                count = store.database.visit(
                    lambda db: enter_seats(db, rows, when), within_s=_WITHIN_S
                )
                click.echo(f"{count} seats hold from {when}.")
                return
            found = store.database.visit(lambda db: seats(db, when), within_s=_WITHIN_S)
        except DatabaseAway:
            raise UsageError(DATABASE_UNREADABLE) from None
    for row in found:
        click.echo(f"{row['number']}\t{row['name_en']}\t{row['name_ta']}\t{row['district_en']}")


def _read_seats(path: Path) -> list[Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path} cannot be read: it must be a CSV file in UTF-8.") from None
    plain = [line for line in text.splitlines() if not line.startswith("#")]
    rows: list[Row] = []
    for at, row in enumerate(csv.DictReader(plain), 1):
        try:
            rows.append(
                {
                    "number": int(row["number"]),
                    **{name: row[name].strip() for name in ("name_en", "name_ta", "district_en")},
                }
            )
        except (KeyError, ValueError, AttributeError):
            raise UsageError(
                f"{path}, seat {at}: number, name_en, name_ta and district_en are needed."
            ) from None
    return rows


def _day(text: str | None) -> date:
    if not text:
        return datetime.now(IST).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text} is not a date: write it like 2026-11-20.") from None
