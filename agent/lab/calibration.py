"""A calibration: real ears, voice and call processes, more and more calls, until answers are late.

Everything of a phone call is real but WebRTC: callers of their own processes talk over simulated
lines, at natural speed, and hang up only to call again. What the line would cost is burnt beside
each call (CAPACITY__WEBRTC_CORES, less what the simulated caller costs), its delay is left out of
the target (CAPACITY__WEBRTC_S), its memory is counted (CAPACITY__WEBRTC_MB).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.callers.isolation import Stores, with_database
from agent.capacity.estimate import NEVER_S, Window
from agent.capacity.hardware import usable_cores
from agent.capacity.profile import CapacityProfile, promised
from agent.capacity.search import Plan, next_calls
from agent.control.supervisor import Supervisor
from agent.errors import EngineError
from agent.lab.capacity_report import TOLERATED_CORES
from agent.lab.findings import KEPT_FREE, Findings, Measured, level_line, profile_of
from agent.lab.made_calls import speak_beforehand
from agent.lab.meter import Meter, Processes, available_mb
from agent.lab.slot import SlotPlan
from agent.lab.slots import Slots, delays_of
from agent.recordings import render_fixed_prompts
from agent.speech.voice import VoiceClient
from agent.wiring import build_parts

if TYPE_CHECKING:
    from agent.callers.sources import CallSource
    from agent.settings import Settings

Say = Callable[[str], None]
"""Tells whoever waits how far it is."""

GRACE_S = 3.0
"""After a window, for the answers to what was said at its end."""
SUPPOSED_CALL_MB = 120.0
"""Memory of a call before any was measured, to begin with; with WebRTC."""
CALLS_A_CORE = 2
"""Where the ramp begins: what every machine carries that can be used at all."""
PROOFS = 3
"""How often a number of calls that is not held after all is lowered."""
_LINE_S = 6.0
_LOOK_EVERY_S = 1.0
_OTHERS_S = 2.0


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """How long to look, and how closely."""

    window_s: float
    """Of one level; up to twice as long where few calls give few turns."""
    turns: int
    """Short answers that are wanted of a level."""
    settle_s: float
    """Before it, for new calls to spread and old ones to end."""
    growth: float
    width: float
    windows: int
    """At the ends of the gap."""
    within_s: float
    """No level is begun that would end later than this after the beginning."""


QUICK = Thoroughness(40.0, 15, 12.0, 2.0, 0.1, 1, 570.0)
FULL = Thoroughness(90.0, 40, 15.0, 1.5, 0.05, 2, 3 * 3600.0)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line chose."""

    target_s: float
    """As a caller on the telephone hears it, seconds."""
    most: int | None = None
    thoroughness: Thoroughness = FULL

    def inside_s(self, settings: Settings) -> float:
        """The target without the telephone line."""
        return self.target_s - settings.capacity.webrtc_s


async def calibrate(
    settings: Settings, sources: Sequence[CallSource], wish: Wish, folder: Path, say: Say
) -> tuple[Findings, CapacityProfile]:
    """Measure this machine.

    Args:
        settings: of the worker that is to run here.
        sources: who calls.
        wish: target and thoroughness.
        folder: a fresh one, for everything that is written.
        say: told of every step.

    Raises:
        AgentError: ears or voice did not start, or a call process died.
    """
    began = time.monotonic()
    own = settings.model_copy(update={"data_dir": folder})
    own = with_database(own, f"sqlite:///{(folder / 'calls.db').resolve()}")
    findings = Findings(wish.inside_s(settings))
    async with _running(own, sources, say) as (slots, meter):
        bench = _Bench(own, wish, slots, meter, findings, say, began)
        await bench.prepare()
        await bench.search()
        await bench.prove()
        compute_type = str(meter.ears_facts.get("compute_type", ""))
    findings.seconds = time.monotonic() - began
    return findings, profile_of(settings, wish.target_s, findings, compute_type)


@asynccontextmanager
async def _running(
    settings: Settings, sources: Sequence[CallSource], say: Say
) -> AsyncIterator[tuple[Slots, Meter]]:
    """Ears, voice, prompts, callers, and slots that hold no call yet."""
    async with AsyncExitStack() as stack:
        say("Starting ears and voice ...")
        supervisor = await stack.enter_async_context(Supervisor(settings))
        stores = Stores(build_parts(settings, audio=False))
        stack.callback(stores.close)
        for script in stores.parts(None).scripts.values():
            await render_fixed_prompts(settings, script)
        say(f"Giving {len(sources)} callers their voices ...")
        callers = settings.data_dir / "callers"
        callers.mkdir()
        voice = VoiceClient(settings.voice_url, settings.speech.token.get_secret_value())
        stack.push_async_callback(voice.aclose)
        await speak_beforehand(sources, voice, callers)
        slots = await stack.enter_async_context(Slots(SlotPlan(0, settings, callers)))
        processes = Processes(
            calls=lambda: slots.pids,
            ears=lambda: _own_pids(supervisor, "ears"),
            voice=lambda: _own_pids(supervisor, "voice"),
        )
        yield slots, await stack.enter_async_context(Meter(settings, processes))


def _own_pids(supervisor: Supervisor, part: str) -> list[int]:
    return [pid for name, pid in supervisor.pids.items() if name == part]


@dataclass(slots=True)
class _Bench:
    """Measures levels one after another."""

    settings: Settings
    wish: Wish
    slots: Slots
    meter: Meter
    findings: Findings
    say: Say
    began: float
    longest_s: float = 0.0
    """Of a level, with what it took to get there."""

    async def prepare(self) -> None:
        """What must be known before the first level."""
        found, capacity = self.findings, self.settings.capacity
        found.others_before = await self.meter.others(_OTHERS_S)
        if found.others_before > TOLERATED_CORES:
            self.say(
                f"Others take {found.others_before:.1f} cores of this machine: what is found will "
                "be too low."
            )
        found.line_cores = await self.slots.line_cost(_LINE_S)
        burn = max(0.0, capacity.webrtc_cores - found.line_cores)
        self.say(
            f"A simulated caller takes {found.line_cores:.3f} cores; {burn:.3f} more are taken for "
            "each call in place of WebRTC."
        )
        self.slots.set_burn(burn)
        by_memory = int(available_mb() * (1 - KEPT_FREE) / SUPPOSED_CALL_MB)
        found.most = max(1, min(by_memory, self.wish.most or by_memory))
        found.most_by_memory = found.most == by_memory and self.wish.most != by_memory

    async def search(self) -> None:
        """Up, then between; the time allowed is kept with one level to spare for the proof."""
        how = self.wish.thoroughness
        plan = Plan(
            self.findings.target_s,
            first=max(2, round(CALLS_A_CORE * usable_cores())),
            growth=how.growth,
            most=self.findings.most,
            width=how.width,
            windows=how.windows,
        )
        while (calls := next_calls(self.findings.windows, plan)) is not None:
            if not self._has_time_for(3):
                self.say("No time is left to look more closely.")
                return
            await self._level(calls)

    async def prove(self) -> None:
        """Hold what would be accepted, fewer until that is kept, and then twice as many."""
        found = self.findings
        found.calls = promised(found.knee.calls)
        for _ in range(PROOFS):
            found.holds_p95_s = (await self._level(found.calls, "to be accepted")).window.p95_s
            if found.holds_p95_s <= found.target_s or found.calls == 1:
                break
            if not self._has_time_for(1):
                self.say("No time is left to hold fewer calls: what is accepted was not held.")
                break
            found.calls = max(1, min(found.calls - 1, promised(found.knee.calls)))
        if 2 * found.calls <= found.most and self._has_time_for(1):
            twice = await self._level(2 * found.calls, "twice as many")
            found.twice_p95_s = twice.window.p95_s

    def _has_time_for(self, levels: int) -> bool:
        """Whether so many more levels fit, each as long as the longest so far."""
        how = self.wish.thoroughness
        each_s = max(self.longest_s, how.window_s + how.settle_s + GRACE_S)
        return time.monotonic() - self.began + levels * each_s <= how.within_s

    async def _level(self, calls: int, why: str = "") -> Measured:
        """Hold so many calls for a while."""
        how, asked = self.wish.thoroughness, time.monotonic()
        await self.slots.talk(calls, how.settle_s)
        await asyncio.sleep(how.settle_s)
        await self.meter.begin()
        began = time.monotonic()
        await self._until_heard(began, how)
        ended = time.monotonic()
        lags = [lag.seconds for lag in self.slots.lags if began <= lag.at < ended]
        usage = await self.meter.end(lags)
        await asyncio.sleep(GRACE_S)
        delays = delays_of(self.slots.turns, began, ended, NEVER_S)
        measured = Measured(Window(calls, delays), usage)
        if not measured.window.turns:
            raise EngineError(
                "No caller said anything in time: this machine is too busy to be measured."
            )
        self.longest_s = max(self.longest_s, time.monotonic() - asked)
        self.findings.measured.append(measured)
        self.say(level_line(measured, self.findings.target_s, why))
        return measured

    async def _until_heard(self, began: float, how: Thoroughness) -> None:
        """Wait for the end of a window: its time, and its turns or twice its time."""
        await asyncio.sleep(how.window_s)
        for _ in range(round(how.window_s / _LOOK_EVERY_S)):
            if sum(turn.quick and turn.ends_at >= began for turn in self.slots.turns) >= how.turns:
                return
            if time.monotonic() - self.began > how.within_s:
                return
            await asyncio.sleep(_LOOK_EVERY_S)
