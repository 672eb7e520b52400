"""``kural call``: simulated callers against the real agent, graded by the rows they leave."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from agent import settings as settings_module
from agent.callers.isolation import with_database
from agent.callers.page import write_page
from agent.callers.record import record_call
from agent.callers.report import CallReport, print_report, write_report
from agent.callers.run import RunOptions, run_calls
from agent.callers.sources import CallSource, load_sources
from agent.callers.summary import summarise
from agent.errors import UsageError
from agent.settings import Settings

_PLAIN_WIDTH = 140
"""Columns where the output is no terminal: a log file does not wrap."""


@click.command()
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option("--text", is_flag=True, help="Typed turns, no sound: no ears, no voice.")
@click.option(
    "--speed",
    type=click.FloatRange(0.25, 4.0),
    default=1.0,
    show_default=True,
    help="Pace of the line. Delays are only honest at 1; callers who need it stay at 1.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Calls at once."
)
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Play every caller so many times, each time on a fresh database.",
)
@click.option("--db", metavar="URL", help="Database the calls write to  [default: a fresh file].")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON here.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write a page to look at: figures, flows, failed calls.",
)
@click.option("--live", is_flag=True, help="Show each call as it happens, with English glosses.")
@click.option("--voice", help="Voice of scripted callers  [default: one never trained on].")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Journal, prompts and sockets  [default: a temporary folder].",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.wav",
    help="Instead: play one script in text and record the caller's side of it.",
)
def command(
    paths: tuple[Path, ...],
    text: bool,
    speed: float,
    jobs: int,
    repeat: int,
    db: str | None,
    report: Path | None,
    page: Path | None,
    live: bool,
    voice: str | None,
    data_dir: Path | None,
    record: Path | None,
) -> None:
    """Play callers and grade what they leave in the database.

    PATH is a scripted call (JSON), a recording (WAV, MP3, ...) whose JSON file of the same stem
    says what is expected, or a folder of them. Exit code 1 when a required field is wrong.
    """
    settings = settings_module.load()
    sources = load_sources(paths)
    options = RunOptions(
        audio=not (text or record), speed=speed, voice=voice, live=live, jobs=jobs, repeat=repeat
    )
    _check(sources, options, report, page, record)
    if repeat > 1 and db is not None:
        raise UsageError("--repeat plays on a fresh database each time: leave out --db.")
    with ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kural-")))
        chosen = _settings(settings, folder, db)
        if record is not None:
            asyncio.run(record_call(chosen, sources[0], record, voice))
            click.echo(f"{record} and {record.with_suffix('.json').name} written.")
            return
        console = _console()
        calls = asyncio.run(run_calls(chosen, sources, options, console))
    _tell(console, calls, options, report, page)
    if not all(call.passed for call in calls):
        sys.exit(1)


def _tell(
    console: Console,
    calls: list[CallReport],
    options: RunOptions,
    report: Path | None,
    page: Path | None,
) -> None:
    """Print the report, and write what was asked for."""
    summary = summarise(calls, audio=options.audio, speed=options.speed)
    print_report(console, calls, summary)
    if report is not None:
        write_report(report, calls, summary)
    if page is not None:
        write_page(page, calls, summary)


def _check(
    sources: tuple[CallSource, ...],
    options: RunOptions,
    report: Path | None,
    page: Path | None,
    record: Path | None,
) -> None:
    """Refuse what could only fail after minutes of playing."""
    for out in (report, page, record):
        if out is not None and not out.parent.is_dir():
            raise UsageError(f"The folder {out.parent} does not exist; make it first.")
    if record is not None:
        _check_record(sources, record)
    if options.live and options.jobs > 1:
        raise UsageError("--live shows one call at a time: leave out --jobs.")
    if options.audio:
        return
    for source in sources:
        if not source.script.caller_turns_ta:
            raise UsageError(
                f"{source.path} is a recording whose words nobody wrote down: leave out --text, "
                "or describe its turns in a JSON file of the same name."
            )


def _check_record(sources: tuple[CallSource, ...], record: Path) -> None:
    if len(sources) != 1 or sources[0].clips is not None:
        raise UsageError("--record takes exactly one scripted call (JSON).")
    if record.suffix.lower() != ".wav":
        raise UsageError("The file of --record must end in .wav; only WAV is written.")


def _settings(settings: Settings, folder: Path, db: str | None) -> Settings:
    """The user's settings, with everything a run writes in its own place."""
    own = settings.model_copy(update={"data_dir": folder})
    return with_database(own, db or _fresh_database(folder))


def _fresh_database(folder: Path) -> str:
    """An own file for each run, so that runs do not mix."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    return f"sqlite:///{(folder / f'calls-{stamp}.db').resolve()}"


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
