"""Several calls at once: processes that play calls, as on a real machine one process holds a call.

They share ears, voice and database with each other and with nothing else. A process loads the
agent's parts once and plays one call after another.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

from agent.callers.isolation import Stores
from agent.callers.player import Player, Task
from agent.errors import EngineError
from agent.observability import logs
from agent.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.callers.report import CallReport
    from agent.settings import Settings


@dataclass(slots=True)
class _Member:
    """What one process keeps between its calls."""

    runner: asyncio.Runner
    stores: Stores
    player: Player


_member: _Member | None = None
"""Of this process; None in the one that started the run."""


async def play_in_crew(
    settings: Settings,
    tasks: Sequence[Task],
    *,
    audio: bool,
    jobs: int,
    done: Callable[[CallReport], None],
) -> list[CallReport]:
    """Play tasks in ``jobs`` processes.

    Args:
        settings: of the line; ears and voice are running already.
        tasks: the calls.
        audio: with sound.
        jobs: calls at once, one process each.
        done: told of each call when it is over, in whatever order they end.

    Returns:
        The reports in the order of the tasks.

    Raises:
        AgentError: a call could not be played.
        EngineError: a process died.
    """
    loop = asyncio.get_running_loop()
    pool = ProcessPoolExecutor(
        min(jobs, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(
            settings,
            audio,
            logging.getLevelName(logging.getLogger().level),
            sys.stderr.isatty(),
        ),
    )

    async def one(task: Task) -> CallReport:
        report = await loop.run_in_executor(pool, _play, task)
        done(report)
        return report

    playing = [asyncio.create_task(one(task)) for task in tasks]
    try:
        return list(await asyncio.gather(*playing))
    except BrokenProcessPool:
        raise EngineError(
            "A process that played calls died: play with fewer --jobs, or see to this machine's "
            "memory."
        ) from None
    finally:
        for each in playing:
            each.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


def _begin(settings: Settings, audio: bool, log_level: str, on_terminal: bool) -> None:
    """Load the parts, in a fresh process."""
    global _member
    logs.configure(log_level, "text" if on_terminal else settings.log.format)
    stores = Stores(build_parts(settings, audio=audio))
    runner = asyncio.Runner()
    _member = _Member(runner, stores, runner.run(Player.ready(stores, audio=audio)))
    Finalize(None, _end, exitpriority=1)


def _end() -> None:
    """Close the parts, when the process ends."""
    if _member is not None:
        _member.runner.run(_member.player.aclose())
        _member.stores.close()
        _member.runner.close()


def _play(task: Task) -> CallReport:
    assert _member is not None  # noqa: S101 -- _begin ran in this process
    report = _member.runner.run(_member.player.play(task))
    # A read-only mapping cannot be sent to another process.
    exchanges = tuple(
        replace(each, lines=tuple(replace(line, values=dict(line.values)) for line in each.lines))
        for each in report.played.exchanges
    )
    return replace(report, played=replace(report.played, exchanges=exchanges))
