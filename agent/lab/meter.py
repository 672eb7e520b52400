"""What a stretch of time took of this machine, by who took it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
import psutil

from agent.capacity.binding import Usage
from agent.capacity.hardware import usable_cores, usable_memory_bytes
from agent.errors import AgentError
from agent.settings import Settings
from agent.speech.ears_client import EarsClient
from agent.speech.voice import VoiceClient

_LOOK_EVERY_S = 0.5
_ANSWER_WITHIN_S = 2.0
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Processes:
    """Whose processor time is counted where; pids are asked for anew at every look."""

    calls: Callable[[], Iterable[int]]
    ears: Callable[[], Iterable[int]]
    voice: Callable[[], Iterable[int]]


@dataclass(slots=True)
class _Counts:
    """Totals since their beginning, at one moment."""

    at: float
    busy: float
    """Seconds of processor of the whole machine."""
    idle: float
    seconds: dict[str, float]
    refused: dict[str, int] = field(default_factory=dict)


class Meter:
    """Asks ears and voice and reads the kernel's counts; for one ``async with`` block."""

    def __init__(self, settings: Settings, processes: Processes) -> None:
        token = settings.speech.token.get_secret_value()
        self._ears = EarsClient(
            settings.ears_url, token, _ANSWER_WITHIN_S, tls_ca=settings.speech.tls_ca
        )
        self._voice = VoiceClient(settings.voice_url, token, deadline_s=_ANSWER_WITHIN_S)
        self._processes = processes
        self._threads = float(settings.speech.cpu_threads)
        self._own = psutil.Process(os.getpid())
        self._pressure: list[float] = []
        self._free: list[float] = []
        self._began: _Counts | None = None
        self._looking: asyncio.Task[None] | None = None
        self.ears_facts: dict[str, object] = {}
        """What the ears said of themselves last."""

    async def __aenter__(self) -> Self:
        await self._counts()
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._ears.aclose()
        await self._voice.aclose()

    async def begin(self) -> None:
        """A stretch begins now."""
        self._pressure.clear()
        self._free.clear()
        self._began = await self._counts()

    async def end(self, lags_s: Iterable[float] = ()) -> Usage:
        """The stretch since :meth:`begin`.

        Args:
            lags_s: how late the call processes ran what was due, in it.
        """
        began, ended = self._began, await self._counts()
        if began is None:
            raise ValueError("no stretch was begun")
        wall = max(1e-6, ended.at - began.at)
        cores = {
            who: max(0.0, ended.seconds[who] - began.seconds[who]) / wall for who in ended.seconds
        }
        refused = {who: ended.refused[who] - began.refused[who] for who in ended.refused}
        busy, idle = ended.busy - began.busy, ended.idle - began.idle
        on_cpu = self.ears_facts.get("device") == "cpu" and bool(list(self._processes.ears()))
        return Usage(
            # A container with a share of the machine is full before the machine is.
            cpu_busy=max(busy / max(1e-6, busy + idle), sum(cores.values()) / usable_cores()),
            call_cores=cores["calls"],
            ears_cores=cores["ears"],
            ears_threads=2 * self._threads if on_cpu else 0.0,  # decoding, and preparing beside it
            ears_pressure=_high(self._pressure),
            ears_refused=max(0, refused["ears"]),
            voice_cores=cores["voice"],
            voice_refused=max(0, refused["voice"]),
            own_cores=cores["own"],
            other_cores=max(0.0, busy / wall - sum(cores.values())),
            lag_s=_high(list(lags_s)),
            call_mb=await asyncio.to_thread(_mean_private_mb, list(self._processes.calls())),
            free_memory=min(self._free, default=1.0),
        )

    async def others(self, seconds: float) -> float:
        """Cores everything else on this machine takes while we do nothing."""
        await self.begin()
        await asyncio.sleep(seconds)
        return (await self.end()).other_cores

    async def _look(self) -> None:
        while True:
            self._pressure.append(await self._ears_pressure())
            memory = psutil.virtual_memory()
            self._free.append(min(1.0, memory.available / usable_memory_bytes()))
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _ears_pressure(self) -> float:
        """Their own figure; 1 when they do not even answer that."""
        try:
            self.ears_facts = await self._ears.stat()
            return float(str(self.ears_facts.get("pressure", 0.0)))
        except (AgentError, ValueError):
            return 1.0

    async def _counts(self) -> _Counts:
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # `user` holds `guest` already; what others stole of our processors counts as busy.
        busy = sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        refused = {"ears": await self._ears_refused(), "voice": await self._voice_refused()}
        who = self._processes
        seconds = {
            "calls": _seconds(who.calls()),
            "ears": _seconds(who.ears()),
            "voice": _seconds(who.voice()),
            "own": _seconds([self._own.pid]),
        }
        return _Counts(asyncio.get_running_loop().time(), busy, idle, seconds, refused)

    async def _ears_refused(self) -> int:
        with suppress(AgentError):
            facts = self.ears_facts = await self._ears.stat()
            shed = facts.get("shed", {})
            # Speculation that is left out, or replaced, costs nobody an answer.
            return int(facts["failed"] + shed.get("full", 0) + shed.get("expired", 0))
        return 0

    async def _voice_refused(self) -> int:
        with suppress(AgentError):
            return int((await self._voice.stat()).get("refused", 0))
        return 0


def available_mb() -> float:
    """Memory that is free for calls, 10^6 bytes."""
    return float(min(psutil.virtual_memory().available, usable_memory_bytes())) / _MB


def _seconds(pids: Iterable[int]) -> float:
    total = 0.0
    for pid in pids:
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            total += times.user + times.system
    return total


def _mean_private_mb(pids: list[int]) -> float:
    found = []
    for pid in pids:
        with suppress(psutil.Error):
            found.append(psutil.Process(pid).memory_full_info().uss / _MB)
    return float(np.mean(found)) if found else 0.0


def _high(values: list[float]) -> float:
    return float(np.quantile(values, 0.95)) if values else 0.0
