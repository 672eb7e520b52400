"""``kural capacity``: how many calls this machine carries, measured and told."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
from pathlib import Path

import click

from agent import settings as settings_module
from agent.callers.sources import CallSource, load_sources
from agent.capacity.profile import misfit, profile_path, read_profile, save_profile
from agent.errors import UnreadableInput, UsageError
from agent.lab.calibration import FULL, QUICK, Wish, calibrate
from agent.lab.capacity_picture import draw
from agent.lab.capacity_report import as_object, found_lines, report_lines
from agent.lab.made_calls import made_scripts
from agent.scaling.prices import SHIPPED, load_prices
from agent.speech.bench.plot import check_can_draw

TARGET_S = 1.1
"""What a caller on the telephone is promised: 95 % of short answers begin within it."""


def _number(_context: click.Context, option: click.Parameter, given: float | None) -> float | None:
    """``nan`` lies in every range."""
    if given is not None and not math.isfinite(given):
        raise UsageError(f"{option.opts[0]} must be a number.")
    return given


@click.group()
def command() -> None:
    """Measure how many calls this machine carries at once, and tell what was found."""


@command.command(name="calibrate")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH...]")
@click.option("--quick", is_flag=True, help="At most ten minutes; the interval is wider.")
@click.option(
    "--target-p95",
    type=click.FloatRange(0.2, 10.0),
    callback=_number,
    default=TARGET_S,
    show_default=True,
    help="Seconds in which 95 % of short answers are to begin, as heard on the telephone.",
)
@click.option("--most", type=click.IntRange(1, 5000), help="Try no more calls at once than this.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the profile here  [default: CAPACITY__PROFILE, or capacity.json in DATA_DIR].",
)
def calibrate_command(
    paths: tuple[Path, ...], quick: bool, target_p95: float, most: int | None, out: Path | None
) -> None:
    """Play more and more calls at once until answers come late, and write down how many it took.

    PATH is a recorded or scripted call or a folder of them; without any, made callers phone. The
    machine must have nothing else to do: no live calls. Takes about half an hour.
    """
    settings = settings_module.load()
    wish = Wish(target_p95, most, QUICK if quick else FULL)
    if wish.inside_s(settings) <= 0:
        raise UsageError(
            f"--target-p95 {target_p95:g} leaves nothing after the telephone line's "
            f"{settings.capacity.webrtc_s:g} s (CAPACITY__WEBRTC_S): name a longer one."
        )
    path = out or profile_path(settings)
    _check_folder(path)
    sources = load_sources(paths) if paths else _made()
    with tempfile.TemporaryDirectory(prefix="kural-capacity-") as folder:
        findings, profile = asyncio.run(calibrate(settings, sources, wish, Path(folder), _progress))
    profile = profile.model_copy(update={"command": _as_typed(quick, target_p95, most)})
    save_profile(profile, path)
    click.echo("\n".join(found_lines(findings, profile)))
    click.echo(f"Written to {path}; a worker of this machine reads it when it starts.")


@command.command(name="report")
@click.option(
    "--profile",
    "given",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another profile than this machine's.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Write the curve here.",
)
@click.option(
    "--usd-per-hour",
    type=click.FloatRange(0.0, 1000.0),
    callback=_number,
    help="What the machine costs  [default: by its kind, agent/scaling/data/prices.toml].",
)
@click.option("--prices", type=click.Path(path_type=Path), help="Another file of prices.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def report_command(
    given: Path | None,
    out: Path | None,
    usd_per_hour: float | None,
    prices: Path | None,
    as_json: bool,
) -> None:
    """Tell what the calibration found: calls, what binds first, a call-minute's cost, the curve."""
    settings = settings_module.load()
    path = given or profile_path(settings)
    if not path.exists():
        raise UnreadableInput(
            f"There is no profile at {path}: run `kural capacity calibrate` on this machine first."
        )
    if out is not None:
        check_can_draw(out)
    profile = read_profile(path)
    book = load_prices(prices or SHIPPED)
    why_not = misfit(profile, settings)
    told = as_object(profile, book, usd_per_hour, why_not)
    if out is not None:
        draw(profile, out)
    click.echo(
        json.dumps(told, ensure_ascii=False) if as_json else "\n".join(report_lines(profile, told))
    )


def _made() -> tuple[CallSource, ...]:
    return tuple(CallSource(Path(script.id), script) for script in made_scripts())


def _check_folder(path: Path) -> None:
    """Say now, not after minutes, that the profile cannot be written."""
    folder = next(each for each in (path.parent, *path.parent.parents) if each.exists())
    probe = folder / ".kural-capacity"
    try:
        probe.touch()
        probe.unlink()
    except OSError as exc:
        raise UsageError(f"{path} cannot be written ({exc.strerror}).") from None


def _as_typed(quick: bool, target_s: float, most: int | None) -> str:
    words = ["kural capacity calibrate"]
    words += ["--quick"] if quick else []
    words += [f"--target-p95 {target_s:g}"] if target_s != TARGET_S else []
    words += [f"--most {most}"] if most is not None else []
    return " ".join(words)


def _progress(line: str) -> None:
    click.echo(line, file=sys.stderr)
