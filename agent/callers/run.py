"""A run: engines up, every caller played, one after another or several at once."""

from __future__ import annotations

import re
import sys
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from agent.callers.caller_voice import manner_of
from agent.callers.crew import play_in_crew
from agent.callers.isolation import Stores
from agent.callers.live_view import LiveView
from agent.callers.player import Player, Task
from agent.control.supervisor import Supervisor
from agent.recordings import render_fixed_prompts
from agent.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from agent.callers.report import CallReport
    from agent.callers.sources import CallSource
    from agent.settings import Settings

NATURAL_SPEED = 1.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line chose."""

    audio: bool = True
    speed: float = 1.0
    """Pace of the line where a caller does not ask for the natural one."""
    voice: str | None = None
    """Voice of scripted callers; None: one never trained on, by call."""
    live: bool = False
    jobs: int = 1
    """Calls at once."""
    repeat: int = 1
    """How often each caller is played."""


async def run_calls(
    settings: Settings, sources: Sequence[CallSource], options: RunOptions, console: Console
) -> list[CallReport]:
    """Play all callers against one pair of ears and voice.

    Returns:
        The reports: all callers in order, then all of them once more for each repetition.

    Raises:
        AgentError: ears, voice or database did not start, or a call could not be played.
    """
    tasks = tasks_of(settings, sources, options)
    count = 0

    def done(report: CallReport) -> None:
        nonlocal count
        count += 1
        if not options.live:
            again = f" (time {report.turn})" if options.repeat > 1 else ""
            _progress(f"[{count}/{len(tasks)}] {report.id}{again}")

    async with AsyncExitStack() as stack:
        if options.audio:
            _progress("Starting ears and voice ...")
            await stack.enter_async_context(Supervisor(settings))
        stores = Stores(build_parts(settings, audio=options.audio))
        stack.callback(stores.close)
        if options.audio:
            for script in stores.parts(None).scripts.values():
                await render_fixed_prompts(settings, script)
        if options.jobs > 1:
            return await play_in_crew(
                settings, tasks, audio=options.audio, jobs=options.jobs, done=done
            )
        player = await Player.ready(stores, audio=options.audio)
        stack.push_async_callback(player.aclose)
        gloss = stores.parts(None).script.gloss
        reports = []
        for task in tasks:
            view = LiveView(console, gloss) if options.live else None
            reports.append(await _play_one(player, task, view, audio=options.audio))
            done(reports[-1])
        return reports


def tasks_of(settings: Settings, sources: Sequence[CallSource], options: RunOptions) -> list[Task]:
    """The calls of a run in order: every pass has a database, every call a number, of its own.

    Else a caller would find the tickets of another, or his own of the pass before.
    """
    tasks = []
    seen: Counter[str] = Counter()
    for turn in range(1, options.repeat + 1):
        for source in sources:
            ending = "".join(re.findall(r"\d", source.script.id))[-2:].lstrip("0")
            script = source.script.model_copy(update={"namesakes": seen[ending]})
            seen[ending] += 1
            tasks.append(
                Task(
                    replace(source, script=script),
                    NATURAL_SPEED if script.at_natural_speed else options.speed,
                    options.voice,
                    None if turn == 1 else _beside(settings.database_url, turn),
                    turn,
                )
            )
    return tasks


def _beside(url: str, turn: int) -> str:
    """The database of a further pass, a file beside that of the first."""
    return f"{url.removesuffix('.db')}-{turn}.db"


async def _play_one(
    player: Player, task: Task, view: LiveView | None, *, audio: bool
) -> CallReport:
    if view is not None:
        spoken = audio and task.source.clips is None
        view.begin(task.source, manner_of(task.source.script, task.voice).voice if spoken else None)
    report = await player.play(task, view)
    if view is not None:
        view.show_rows(report.rows)
    return report


def _progress(line: str) -> None:
    click.echo(line, file=sys.stderr)
