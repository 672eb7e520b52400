"""``kural lab load``: many callers at once, with real speech, over a real LiveKit."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from agent import settings as settings_module
from agent.callers.sources import load_sources
from agent.errors import UsageError
from agent.lab.load_picture import draw
from agent.lab.load_run import LoadReport, Plan, run_load
from agent.lab.load_table import lines_of
from agent.lab.web_caller import Line
from agent.settings import PROJECT_DIR, Settings
from agent.speech.bench.plot import check_can_draw

CALLERS = PROJECT_DIR / "tests" / "data" / "calls" / "spoken"
"""Who calls when nobody is named: callers the bundled demo model understands."""
_MOST_CALLERS = 500
_SCHEMES = ("ws", "wss", "http", "https")


def _stages(_context: click.Context, _option: click.Parameter, given: str) -> tuple[int, ...]:
    """``1,2,4`` as numbers, in the order given."""
    try:
        found = [int(part) for part in given.split(",")]
    except ValueError:
        found = [0]
    if not all(1 <= callers <= _MOST_CALLERS for callers in found):
        raise UsageError(
            f"--calls {given} is not a number of calls at once, or a list of them like 1,2,4 "
            f"(1 to {_MOST_CALLERS})."
        )
    return tuple(dict.fromkeys(found))


@click.command("load")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH...]")
@click.option(
    "--calls",
    "stages",
    default="2",
    show_default=True,
    callback=_stages,
    metavar="N[,N...]",
    help="Calls at once; a list makes a stage of each.",
)
@click.option(
    "--ramp",
    "ramp_s",
    type=click.FloatRange(0, 3600),
    default=5.0,
    show_default=True,
    help="Seconds within which the first calls of a stage begin.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0.05, 1440),
    help="Callers of a stage call again for so long.",
)
@click.option(
    "--total",
    type=click.IntRange(1, 100_000),
    help="Calls of a stage altogether; above 20 the worker's growth is watched  "
    "[default: one a caller].",
)
@click.option(
    "--capacity",
    type=click.IntRange(1, 500),
    help="Calls our own worker takes  [default: the largest stage].",
)
@click.option("--short", is_flag=True, help="Callers hang up at the notice or in the story.")
@click.option("--url", help="A LiveKit elsewhere, with its worker; keys from the settings.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Keep each call as WAV: left what was said, right what was heard.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw a picture.")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON here as well."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    paths: tuple[Path, ...],
    stages: tuple[int, ...],
    ramp_s: float,
    minutes: float | None,
    total: int | None,
    capacity: int | None,
    short: bool,
    url: str | None,
    record: Path | None,
    out: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Call a worker over WebRTC and measure what callers hear.

    PATH is a scripted or recorded caller, or a folder of them, as for `kural call`. LiveKit and a
    worker with the demo model are started on this machine unless --url is given. Delays come from
    the sound the callers recorded. Exit code 1 when a call was not answered or broke.
    """
    plan = Plan(stages, ramp_s, minutes, total, capacity, short, record)
    settings = settings_module.load()
    line = _elsewhere(settings, url) if url else None
    sources = load_sources(paths or (CALLERS,))
    _check(plan, line, out, report)
    found = asyncio.run(run_load(settings, sources, plan, _tell, line))
    if report is not None:
        _write(report, found)
    if out is not None:
        draw(found, out)
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False))
    else:
        click.echo("\n".join(lines_of(found)))
    if any(stage.answered < stage.calls or stage.troubles for stage in found.stages):
        sys.exit(1)


def _elsewhere(settings: Settings, url: str) -> Line:
    if urlsplit(url).scheme not in _SCHEMES or not urlsplit(url).hostname:
        raise UsageError(f"--url {url} is no address of a LiveKit, like ws://127.0.0.1:7880.")
    key = settings.livekit_api_key.get_secret_value()
    secret = settings.livekit_api_secret.get_secret_value()
    if not key or not secret:
        raise UsageError("--url needs LIVEKIT_API_KEY and LIVEKIT_API_SECRET in the settings.")
    return Line(
        url,
        key,
        secret,
        settings.livekit.agent_name,
        room_prefix=settings.livekit.room_prefix,
    )


def _check(plan: Plan, line: Line | None, out: Path | None, report: Path | None) -> None:
    """Refuse what could only fail after minutes of calling."""
    if plan.minutes is not None and plan.watched:
        raise UsageError("--minutes and a --total above 20 do not go together: give one of them.")
    if line is not None and plan.capacity is not None:
        raise UsageError("--capacity is for a worker started here: leave it out with --url.")
    if out is not None:
        check_can_draw(out)
    if report is not None and not report.parent.is_dir():
        raise UsageError(f"The folder {report.parent} does not exist; make it first.")
    if plan.record is not None:
        try:
            plan.record.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise UsageError(f"{plan.record} cannot be made ({exc.strerror}).") from None


def _write(path: Path, found: LoadReport) -> None:
    text = json.dumps(found.to_json(), ensure_ascii=False, indent=1) + "\n"
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as exc:
        unfinished.unlink(missing_ok=True)
        raise UsageError(f"The report {path} cannot be written ({exc.strerror}).") from None


def _tell(line: str) -> None:
    click.echo(line, err=True)
