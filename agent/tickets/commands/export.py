"""``kural tickets export``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.tickets.calendar import IST
from agent.tickets.commands.common import audit, opened, unmask_options
from agent.tickets.commands.dates import moment
from agent.tickets.disk import whole_file
from agent.tickets.export import Writer, export
from agent.tickets.extract import Extract, open_extract
from agent.tickets.formats import FORMATS, Target, events_path, paths
from agent.tickets.models import TicketStatus
from agent.tickets.names import Names, load_names
from agent.tickets.open311 import Open311Writer
from agent.tickets.repository import Search


@click.command("export")
@click.option("--constituency", type=int, metavar="N", help="Only this seat (1 to 234).")
@click.option(
    "--format",
    "forms",
    default="csv",
    metavar="F[,F]",
    show_default=True,
    help=f"{', '.join(FORMATS)}; several give files of one name with different endings.",
)
@click.option("--since", default="", metavar="DATE", help="From this day or time on (IST).")
@click.option("--until", default="", metavar="DATE", help="Up to and including this day (IST).")
@click.option("--status", type=click.Choice([each.value for each in TicketStatus]))
@click.option("--category", metavar="CODE", help="Only this category, like WATER.")
@click.option("--needs-listening", is_flag=True, help="Only those that are told by their sound.")
@click.option("--out", type=click.Path(path_type=Path), help="File; without it, standard output.")
@click.option("--events", is_flag=True, help="Also what happened to the tickets, one line each.")
@unmask_options
def export_command(
    constituency: int | None,
    forms: str,
    since: str,
    until: str,
    status: str | None,
    category: str | None,
    needs_listening: bool,
    out: Path | None,
    events: bool,
    unmask: bool,
    who: str,
    reason: str,
) -> None:
    """Write tickets to a file, oldest first. Names and phone numbers are masked."""
    names = load_names()
    search = _search(constituency, since, until, status, category, names)
    if needs_listening:
        search = replace(search, needs_listening=True)
    formats = _formats(forms, out, events=events)
    files = paths(out, formats) if out else {}
    _check(files, events=events)
    settings = settings_module.load()
    with opened(settings) as store:
        if unmask:
            facts = {key: str(value) for key, value in asdict(search).items() if value is not None}
            facts |= {"action": "export", "format": ",".join(formats)}
            audit(settings, who, reason, facts)
        elif who or reason:
            raise UsageError("--as and --reason belong to --unmask: add it, or leave them out.")
        remark = _remark(who if unmask else "")
        with open_extract(
            store.database.engine, store.cipher, names, search, unmask=unmask
        ) as extract:
            total = _total(extract, formats, events=events)
            with (
                _progress(total) as done,
                _writers(formats, files, remark, events=events) as writers,
            ):
                count = export(extract, writers, events=events, done=done)
    _say_what_was_written(count, list(files.values()), writers)


def _formats(text: str, out: Path | None, *, events: bool) -> list[str]:
    """Names of formats, each once."""
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",")))
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise UsageError(
            f"There is no format {unknown[0] or '(empty)'}: choose from {', '.join(FORMATS)}."
        )
    if events and not any(FORMATS[name].has_events for name in names):
        raise UsageError("Open311 has no history: leave --events out, or add another --format.")
    if out is None:
        if len(names) > 1:
            raise UsageError("Several formats need files: give --out FILE.")
        if not FORMATS[names[0]].is_text:
            raise UsageError("A spreadsheet is no text for a terminal: give --out FILE.")
        if events:
            raise UsageError("--events needs a second file: give --out FILE.")
    return names


def _check(files: dict[str, Path], *, events: bool) -> None:
    """Refuse what cannot be written before anything is read."""
    wanted = list(files.values())
    if events:
        wanted += [events_path(path) for name, path in files.items() if FORMATS[name].events_apart]
    for path in wanted:
        if path.is_dir():
            raise UsageError(f"{path} is a folder: give --out a file name in it.")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a plain file: leave --out away for standard output.")
        if not path.parent.is_dir():
            raise UsageError(f"There is no folder {path.parent}: make it, or choose another --out.")


def _total(extract: Extract, formats: Sequence[str], *, events: bool) -> int:
    """How many rows there will be; too many for a spreadsheet are refused at once."""
    tickets, happened = extract.count(), extract.count_events() if events else 0
    if "xlsx" in formats:
        from agent.tickets.spreadsheet import MAX_ROWS, too_many_rows

        for what, count in (("tickets", tickets), ("events", happened)):
            if count >= MAX_ROWS:
                raise too_many_rows(what)
    return tickets + happened


@contextmanager
def _writers(
    formats: Sequence[str], files: dict[str, Path], remark: str, *, events: bool
) -> Iterator[list[Writer]]:
    """Open every format; the files appear under their names when the block ends well."""
    if not files:
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        yield [FORMATS[formats[0]].open(Target(sys.stdout, None, Path(), False, remark))]
        return
    try:
        with ExitStack() as stack:
            writers = []
            for name, path in files.items():
                form = FORMATS[name]
                file = stack.enter_context(whole_file(path))
                apart = events and form.events_apart
                beside = stack.enter_context(whole_file(events_path(path))) if apart else None
                writers.append(form.open(Target(file, beside, path.parent, events, remark)))
            yield writers
    except OSError as exc:
        names = " and ".join(map(str, files.values()))
        raise UsageError(f"{names} cannot be written ({exc.strerror}).") from None


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error when somebody sits there."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True)
    with Progress(
        *Progress.get_default_columns(), MofNCompleteColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("exporting", total=total)

        def done(count: int) -> None:
            bar.advance(task, count)
            if bar.finished:
                bar.update(task, description="finishing the file")  # a large spreadsheet takes long

        yield done


def _say_what_was_written(count: int, files: Sequence[Path], writers: Sequence[Writer]) -> None:
    where = f" to {', '.join(map(str, files))}" if files else ""
    click.echo(f"{count} {'ticket' if count == 1 else 'tickets'} written{where}", err=True)
    left_out = sum(each.left_out for each in writers if isinstance(each, Open311Writer))
    if left_out:
        click.echo(f"Open311 is for the public: {left_out} confidential left out.", err=True)


def _remark(who: str) -> str:
    now = datetime.now(IST).strftime("%Y-%m-%d %H:%M")
    seen = f"with names and phone numbers, for {who.strip()}" if who else "masked"
    return f"Kural, exported {now} IST, {seen}"


def _search(
    constituency: int | None,
    since: str,
    until: str,
    status: str | None,
    category: str | None,
    names: Names,
) -> Search:
    if constituency is not None and constituency not in names.seats:
        raise UsageError(
            f"There is no constituency {constituency}: give a number from 1 to {len(names.seats)}."
        )
    category = category.strip().upper() if category is not None else None
    if category is not None and category not in names.categories:
        raise UsageError(
            f"There is no category {category or '(empty)'}: "
            f"choose from {', '.join(sorted(names.categories))}."
        )
    start, end = moment("--since", since), moment("--until", until, end_of_day=True)
    if start is not None and end is not None and start >= end:
        raise UsageError("--since must lie before --until.")
    return Search(
        constituency=constituency, since=start, until=end, status=status, category=category
    )
