"""``kural engine bench``: the ears against the ways that were not taken, on this machine."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.settings import SpeechSettings
from agent.speech.bench import simulation
from agent.speech.bench.arms import Arm, Compute
from agent.speech.bench.figures import Findings
from agent.speech.bench.machine import describe
from agent.speech.bench.plot import check_can_draw, draw
from agent.speech.bench.report import json_of, text_of
from agent.speech.bench.run import Plan, run_bench
from agent.speech.checkpoint import load_checkpoint
from agent.speech.device import Wish, decide

SECONDS, QUICK_SECONDS = 220.0, 40.0
_LEAST_SECONDS = 10.0
_MOST_SESSIONS = 100_000


def _counts(_context: click.Context, _option: click.Parameter, given: str) -> tuple[int, ...]:
    """``10,20,40`` as numbers."""
    try:
        found = {int(part) for part in given.split(",")} if given else set()
    except ValueError:
        found = {0}
    if found and not 1 <= min(found) <= max(found) <= _MOST_SESSIONS:
        raise UsageError(f"--sessions {given} is not a list of numbers like 10,20,40.")
    return tuple(sorted(found))


@click.command()
@click.option("--model", type=click.Path(path_type=Path), help="Folder of another speech model.")
@click.option("--seconds", type=float, help=f"Time for everything  [default: {SECONDS:g}].")
@click.option("--quick", is_flag=True, help=f"A first look in {QUICK_SECONDS:g} seconds.")
@click.option("--clips", type=click.Path(path_type=Path), help="WAV files instead of made ones.")
@click.option(
    "--sessions",
    default="",
    callback=_counts,
    metavar="N,N,...",
    help="Open load to try, as 10,20,40.",
)
@click.option(
    "--arm",
    "arms",
    type=click.Choice([arm.value for arm in Arm]),
    multiple=True,
    help="Only this way of serving; may be repeated.",
)
@click.option("--gpu", is_flag=True, help="Compute on the GPU, all ways.")
@click.option("--fake", is_flag=True, help="The scheduler over a simulated engine; no model.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--out", type=click.Path(path_type=Path), help="PNG of delay over sessions.")
def command(
    model: Path | None,
    seconds: float | None,
    quick: bool,
    clips: Path | None,
    sessions: tuple[int, ...],
    arms: tuple[str, ...],
    gpu: bool,
    fake: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Measure how many utterances the ears carry, beside a lock and a model per call.

    All ways run in one go and in turns, on the same utterances, weights and numbers. First with a
    full queue: utterances for a second of CPU. Then with open load, which comes whether or not
    earlier answers came: how many sessions are answered within 500 ms.
    """
    if fake:
        figures, text = simulation.report()
        click.echo(json.dumps(figures) if as_json else text)
        return
    if out is not None:
        check_can_draw(out)
    chosen = seconds if seconds is not None else (QUICK_SECONDS if quick else SECONDS)
    if not _LEAST_SECONDS <= chosen <= 24 * 3600:
        raise UsageError(f"--seconds {chosen:g} is out of range: {_LEAST_SECONDS:g} to 86400.")
    speech = settings_module.load().speech
    compute = compute_of(speech.model_copy(update={"model": model} if model else {}), gpu=gpu)
    plan = Plan(
        compute,
        arms=tuple(arm for arm in Arm if not arms or arm.value in arms),
        seconds=chosen,
        clips=clips,
        sessions=sessions,
    )
    if chosen <= QUICK_SECONDS:
        plan = replace(plan, clip_count=8, rounds=1, memory_sessions=(1, 8), first_share=0.4)
    findings = Findings(describe(), described(plan))
    began = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"{time.monotonic() - began:5.0f} s  {text}", err=True)

    asyncio.run(run_bench(plan, findings, say))
    click.echo(json.dumps(json_of(findings)) if as_json else text_of(findings))
    if out is not None:
        draw(findings, out)
        click.echo(f"picture: {out}", err=True)


def compute_of(speech: SpeechSettings, *, gpu: bool) -> Compute:
    """How all arms compute: what the settings ask for, settled once for all of them.

    Raises:
        ConfigurationError: no complete model, or no such device.
    """
    checkpoint = load_checkpoint(speech.model)
    wish = Wish(
        device="cuda" if gpu else "cpu",
        compute_type=speech.compute_type,
        threads=speech.cpu_threads,
        index=speech.device_index,
        vram_gb=speech.vram_gb,
        max_batch=speech.max_batch,
    )
    settled = decide(wish, checkpoint.folder / "model.bin")
    return Compute(
        model=speech.model.resolve(),
        language=speech.language,
        device=settled.device,
        device_index=settled.index,
        compute_type=settled.compute_type,
        threads=settled.threads,
        max_batch=settled.max_batch,
        vram_gb=speech.vram_gb,
    )


def described(plan: Plan) -> dict[str, str | int | float]:
    """What was measured, for the report."""
    checkpoint = load_checkpoint(plan.compute.model)
    return {
        "model": checkpoint.name,
        "device": plan.compute.device,
        "compute_type": plan.compute.compute_type,
        "beam_size": checkpoint.facts.beam_size,
        "threads": plan.compute.threads,
        "max_batch": plan.compute.max_batch,
        "seconds": plan.seconds,
    }
