"""``kural listen``: recordings to words, one JSON line a file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from agent import settings as settings_module
from agent.errors import UnreadableInput
from agent.speech.audio import read_audio
from agent.speech.ears_command import load_ears
from agent.speech.engine import SAMPLE_RATE, Ears
from agent.speech.transcript import DropReason

SHORT_S = 60.0
"""Recordings up to this long are done before a progress bar would be read."""

BECAUSE = {
    DropReason.SILENCE: "its loudest sample is under -50 dB of full scale",
    DropReason.NO_SPEECH: "the speech detector heard nobody",
    DropReason.FAINT: "it is 30 dB softer than the loudest speech of the recording",
    DropReason.NOT_SAID: "no_speech_prob is over 0.6 and avg_logprob under -1",
    DropReason.BLOCKED: "the text is on the list of known inventions (SPEECH__BLOCKLIST)",
    DropReason.ECHO: "the names of SPEECH__BIAS came back in their order",
    DropReason.LOOP: "a part of the text follows itself more often than anybody says it",
    DropReason.RUNAWAY: "decoding did not end within what can be said in that time",
    DropReason.TOO_FAST: "the text has more syllables than can be said in speech_s",
    DropReason.SCRIPT: "over a fifth of the letters are neither Tamil nor Latin",
}
"""What ``--explain`` says of each reason."""


@click.command()
@click.argument("wav", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--explain", is_flag=True, help="Add what the guards saw in each segment.")
@click.option("--model", type=click.Path(path_type=Path), help="Folder of another speech model.")
@click.pass_context
def command(
    context: click.Context, wav: tuple[Path, ...], explain: bool, model: Path | None
) -> None:
    """Write down what is said in each recording WAV (any sound file will do).

    Prints one JSON object a line. A file that cannot be read gets one sentence on standard error;
    the others are still printed, and the exit code is 2.
    """
    speech = settings_module.load().speech
    ears = load_ears(speech.model_copy(update={"model": model} if model else {}))
    failed = False
    for path in wav:
        try:
            line = listen(ears, path, explain=explain)
        except UnreadableInput as exc:
            click.echo(f"kural: {exc}", err=True)
            failed = True
        else:
            click.echo(json.dumps(line, ensure_ascii=False))
    if failed:
        context.exit(2)


def listen(ears: Ears, path: Path, *, explain: bool = False) -> dict[str, Any]:
    """What is said in the recording, as the JSON object of ``kural listen``.

    Raises:
        UnreadableInput: the file is no sound we can read.
    """
    clip = read_audio(path, sample_rate=SAMPLE_RATE)
    with _progress(clip.duration_s) as progress:
        transcript = ears.transcribe(clip.samples, progress=progress)
    line: dict[str, Any] = {
        "file": str(path).encode("utf-8", "replace").decode("utf-8"),
        "text": transcript.text,
        "confidence": transcript.confidence,
        "language": transcript.language,
        "timings": {"audio_s": round(clip.duration_s, 3), **transcript.timings},
        "dropped": [asdict(dropped) for dropped in transcript.dropped],
    }
    if explain:
        for shown in line["dropped"]:
            shown["because"] = BECAUSE[shown["reason"]]
        line["segments"] = [asdict(segment) for segment in transcript.segments]
    return line


@contextlib.contextmanager
def _progress(duration_s: float) -> Iterator[Callable[[float], None]]:
    """A bar on standard error for long recordings, when somebody sits there."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    shown = console.is_terminal and duration_s > SHORT_S
    with Progress(console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("listening", total=duration_s)
        yield lambda done_s: bar.update(task, completed=done_s)
