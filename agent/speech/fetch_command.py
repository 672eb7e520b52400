"""``kural engine fetch``: a speech model from a hub or a folder, made ready for the ears."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.settings import SpeechSettings
from agent.speech import fetch as fetching
from agent.speech import word_error_gate as gate
from agent.speech.checkpoint import load_checkpoint
from agent.speech.contexts import BUCKETS
from agent.speech.fetch_convert import QUANTIZATIONS
from agent.speech.fetch_hub import Hub

MODELS = Path("models")


@click.command()
@click.argument("source", metavar="ID@REVISION|FOLDER")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where it goes  [default: models/NAME]."
)
@click.option(
    "--clips",
    type=click.Path(path_type=Path),
    help="Folder of WAV files with index.jsonl: measure whether short contexts may be used.",
)
@click.option("--force", is_flag=True, help="Replace a model that is there.")
@click.option(
    "--quantization",
    type=click.Choice(QUANTIZATIONS),
    help="How converted weights are stored  [default: float16].",
)
@click.option("--license", "by_hand", default="", help="Its licence, where it states none.")
@click.option("--accept-license", "accepted", default="", help="Take it in spite of this licence.")
def command(
    source: str,
    out: Path | None,
    clips: Path | None,
    force: bool,
    quantization: str | None,
    by_hand: str,
    accepted: str,
) -> None:
    """Fetch a Whisper checkpoint, convert it if need be, and record its licence.

    ID@REVISION is a model of the hub (HF_ENDPOINT, HF_TOKEN) at a commit, FOLDER one on this
    machine: CTranslate2, or transformers, which needs the extra `convert`.
    See docs/models.md.
    """
    from_where = fetching.parse_source(source)
    folder = out or MODELS / from_where.name
    recordings = gate.read_clips(clips) if clips else None
    speech = settings_module.load().speech
    in_place = _is_same(from_where.folder, folder) and recordings is not None
    if not in_place:
        wish = fetching.Wish(
            from_where,
            folder,
            quantization or QUANTIZATIONS[0],
            by_hand,
            accepted,
            force,
            speech.language,
        )
        _fetch(wish, told=quantization is not None)
    if recordings is None:
        click.echo(
            "Short contexts stay off: nothing was measured; add --clips DIR with at least "
            f"{gate.LEAST_CLIPS} recordings of your callers to switch them on."
        )
    else:
        load_checkpoint(folder)
        _gate(folder, recordings, speech)
    click.echo(f"{folder} is ready: set SPEECH__MODEL={shlex.quote(str(folder))}")


def _fetch(wish: fetching.Wish, *, told: bool) -> None:
    try:
        done = fetching.fetch(wish, Hub(), _say)
    except KeyboardInterrupt:
        _say("stopped; run the same command again, what came whole is kept")
        raise
    click.echo(
        f"{wish.source.title} lies in {done.folder}, licence {done.license.name} "
        f"({done.license.by})"
    )
    if done.converted:
        versions = ", ".join(f"{name} {what}" for name, what in done.converted.items())
        click.echo(f"converted: {versions}")
    elif told:
        click.echo("It is CTranslate2 already and was taken as it is; --quantization had no use.")


def _gate(folder: Path, clips: gate.Clips, speech: SpeechSettings) -> None:
    from agent.speech.ears_command import load_ears
    from agent.speech.engine import Ears

    used: list[tuple[str, str]] = []

    def load(place: Path) -> Ears:
        ears = load_ears(speech.model_copy(update={"model": place, "bias": ""}))
        used.append((ears.device, ears.compute_type))
        return ears

    with _progress(len(clips.items)) as progress:
        verdict = gate.measure(folder, clips, load, progress)
    device, compute_type = used[0]
    fetching.note(
        folder,
        gate.facts_of(
            verdict, clips, language=speech.language, device=device, compute_type=compute_type
        ),
    )
    for line in _table(verdict):
        click.echo(line)


def _table(verdict: gate.Verdict) -> Iterator[str]:
    yield "context  word error  clips in it  astray"
    for one in (verdict.full, *verdict.short):
        yield (
            f"{one.frames / 100:5g} s  {one.word_error:9.2%}  {one.clips_here:11}  "
            f"{len(one.astray):6}"
        )
    if verdict.chosen is None:
        yield "Short contexts stay off: none is as good as the 30 s window on these recordings."
    else:
        yield (
            f"Short contexts are on, from {verdict.chosen / 100:g} s, with "
            f"{verdict.tail_frames / 100:g} s after the sound."
        )


@contextlib.contextmanager
def _progress(clips: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error when somebody sits there."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True)
    columns: tuple[Any, ...] = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("word error", total=clips * len(BUCKETS))
        order = sorted(BUCKETS, reverse=True)

        def show(frames: int, done: int) -> None:
            bar.update(
                task,
                completed=order.index(frames) * clips + done,
                description=f"word error at {frames / 100:g} s",
            )

        yield show


def _is_same(one: Path | None, other: Path) -> bool:
    try:
        return one is not None and other.exists() and one.samefile(other)
    except OSError as exc:
        raise UsageError(f"{other} cannot be read ({exc.strerror}).") from None


def _say(line: str) -> None:
    click.echo(line, err=True)
