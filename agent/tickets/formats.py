"""The formats of an export by name: how each is opened and what its files are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from agent.tickets.export import CsvWriter, JsonLinesWriter, Writer
from agent.tickets.open311 import Open311Writer


@dataclass(frozen=True, slots=True)
class Target:
    """Where one format goes."""

    file: IO[str]
    """Opened as UTF-8 with ``newline=""``."""
    events: IO[str] | None
    """The same, for events of a format that has a file of its own for them."""
    beside: Path
    """Folder where a format may keep what is not finished."""
    with_events: bool
    remark: str
    """One line about this export, for formats that have a place for it."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    suffix: str
    open: Callable[[Target], Writer]
    has_events: bool = True
    events_apart: bool = False
    """Whether events go into a second file."""
    is_text: bool = True
    """Whether it may go to standard output."""


def _spreadsheet(target: Target) -> Writer:
    # XlsxWriter takes a quarter of a second to read in and 10 MB; most exports do without.
    from agent.tickets.spreadsheet import SpreadsheetWriter

    return SpreadsheetWriter(
        target.file.buffer,  # type: ignore[attr-defined]
        target.beside,
        events=target.with_events,
        remark=target.remark,
    )


FORMATS: Final[dict[str, Format]] = {
    "csv": Format(".csv", lambda to: CsvWriter(to.file, to.events), events_apart=True),
    "xlsx": Format(".xlsx", _spreadsheet, is_text=False),
    "jsonl": Format(".jsonl", lambda to: JsonLinesWriter(to.file, to.events), events_apart=True),
    "open311": Format(".open311.json", lambda to: Open311Writer(to.file), has_events=False),
}


def paths(out: Path, names: Sequence[str]) -> dict[str, Path]:
    """The file of each format: ``out`` itself for one, its stem with their suffixes for several."""
    if len(names) == 1:
        return {names[0]: out}
    known = sorted((form.suffix for form in FORMATS.values()), key=len, reverse=True)
    name = out.name
    for suffix in known:
        if name.endswith(suffix) and name != suffix:
            name = name.removesuffix(suffix)
            break
    return {each: out.with_name(name + FORMATS[each].suffix) for each in names}


def events_path(path: Path) -> Path:
    """Beside a file of tickets, that of their events: tickets-events.csv."""
    return path.with_name(f"{path.stem}-events{path.suffix}")
