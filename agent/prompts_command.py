"""``kural prompts``: render the fixed prompts to the cache, check the script."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent import settings as settings_module
from agent.conversation.prompt_check import differences, families, problems
from agent.conversation.script import LANGUAGES, Script
from agent.errors import VoiceUnavailable

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from agent.speech.prompts_audio import Progress, RenderReport

_NAMED = re.compile(r'"((?:[a-z]+_)*[a-z]+)"')


@click.group()
def command() -> None:
    """The sentences callers hear."""


@command.command()
def check() -> None:
    """Say which prompts are missing, unused, too long, or hold digits. Exit 1 if any."""
    folder = settings_module.load().call.prompts_dir
    scripts = {language: Script.load(folder, language) for language in LANGUAGES}
    first = scripts[LANGUAGES[0]]
    found = []
    for language, script in scripts.items():
        wrong = problems(script.prompts, named_in_code(first))
        if script is not first:
            wrong += differences(first.prompts, script.prompts, language)
        found += [f"{language}: {line}" for line in wrong]
    for line in found:
        click.echo(line)
    if found:
        raise SystemExit(1)
    pieces = sum(len(script.fixed_pieces()) for script in scripts.values())
    languages = " and ".join(scripts)
    click.echo(f"{len(first.prompts)} prompts in {languages}, {pieces} fixed pieces: all in order.")


@command.command()
@click.option("--prune", is_flag=True, help="Remove recordings that nothing needs any more.")
def render(prune: bool) -> None:
    """Render every fixed prompt that is not in the cache yet, for every voice."""
    # Imported here: `kural prompts check` needs neither sockets nor the audio framework.
    from agent.control.supervisor import Supervisor
    from agent.recordings import prune_prompts, render_fixed_prompts, voices_of
    from agent.wiring import load_scripts

    settings = settings_module.load()
    scripts = load_scripts(settings)
    supervisor = Supervisor(settings, ears=False)
    supervisor.start()
    lost: dict[str, int] = {}
    try:
        for language, script in scripts.items():
            voice = voices_of(settings)[language]
            pieces = len(script.fixed_pieces())
            with click.progressbar(length=pieces, label=f"prompts, {language}") as bar:
                report = asyncio.run(render_fixed_prompts(settings, script, _shown_on(bar)))
            click.echo(f"{language}, voice {voice}: {_summary(report)}")
            if not report.complete:
                lost[voice] = len(report.failed)
    finally:
        supervisor.stop()
    if lost:
        raise VoiceUnavailable(
            f"{sum(lost.values())} prompts have no sound; is the voice {' or '.join(lost)} known, "
            f"and can {settings.prompt_cache_dir} be written?"
        )
    if prune:
        click.echo(f"{prune_prompts(settings, scripts)} files removed that nothing needs.")


def _summary(report: RenderReport) -> str:
    return (
        f"{report.cached} already there, {report.rendered} rendered, {len(report.failed)} failed; "
        f"{report.sound_bytes / 1e6:.1f} MB of sound."
    )


def _shown_on(bar: ProgressBar[int]) -> Progress:
    return lambda done, _: bar.update(done - bar.pos)


def named_in_code(script: Script) -> set[str]:
    """Ids of prompts that stand as words in the flow's own source, or are said by the shell."""
    folder = Path(__file__).parent / "conversation"
    words = {w for path in _speaking(folder) for w in _NAMED.findall(path.read_text("utf-8"))}
    words |= {f"{word}_election" for word in words}
    return (words & set(script.prompts)) - families()


def _speaking(folder: Path) -> list[Path]:
    """The modules that choose sentences."""
    return sorted(folder.glob("flows/*.py")) + [
        folder / name
        for name in ("flow.py", "moves.py", "questions.py", "readback.py", "intake.py")
    ]
