"""Sends agents again to calls that found none, while the phone still rings.

LiveKit tries each dispatch once; what it could not place it forgets. This loop looks at the rooms,
lets :mod:`agent.scaling.unserved` decide, and dispatches. Nothing is kept on disk: who starts it
again, or beside another, starts with what LiveKit lists. Two of them may both send an agent; the
second agent finds the first in the room and leaves (:mod:`agent.control.one_agent`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.errors import AgentError, ConfigurationError, LiveKitAway
from agent.observability import metrics
from agent.scaling.unserved import NOTHING, Ask, Rules, SeenRoom, Target, decide

if TYPE_CHECKING:
    from agent.observability.metrics import Meters
    from agent.scaling.livekit_rooms import LiveKitRooms
    from agent.scaling.unserved import Memory

logger = logging.getLogger(__name__)

WATCHED_S = 2.0
"""Between two looks while there are calls."""
IDLE_S = 10.0
"""Between two looks while there is none; a webhook wakes us earlier."""
_SOONEST_S = 0.05
"""Between two looks at least."""
_APART_S = 0.4
"""Each dispatch waits for up to this long, at random, so that of two redispatchers the second sees
what the first has done."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What was done about one call; ``--json`` prints it."""

    room: str
    """Sid of the room; its name may hold a number."""
    target: Target
    waited_s: float
    unserved: int
    """Calls that no agent has, this one among them."""
    done: bool
    """False: LiveKit did not take the dispatch, it is tried again."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look found."""

    unserved: int
    waiting: int
    calls: int
    """Rooms of ours with a caller."""
    pause_s: float
    """Until the next look."""
    answers: bool = True
    """False: LiveKit's API is away, the counts are those of the look before."""


class Redispatcher:
    """The loop. Owns nothing but its memory; ``rooms`` must be open.

    Args:
        rooms: LiveKit.
        rules: who can be dispatched, and when.
        meters: counts what is done.
        report: is told of every dispatch.
        apart_s: longest time two redispatchers keep apart.
    """

    def __init__(
        self,
        rooms: LiveKitRooms,
        rules: Rules,
        *,
        meters: Meters | None = None,
        report: Callable[[Acted], None] | None = None,
        apart_s: float = _APART_S,
    ) -> None:
        self._rooms = rooms
        self._rules = rules
        self._meters = meters
        self._report = report
        self._apart_s = apart_s
        self._memory: Memory = NOTHING
        self._news = asyncio.Event()
        self._away_since_look = False
        self.last = Looked(0, 0, 0, IDLE_S, answers=False)
        """What the latest look found."""

    def wake(self) -> None:
        """A room has changed: look now."""
        self._rooms.forget()
        self._news.set()

    async def run(self) -> None:
        """Look, decide, dispatch, until cancelled. An API that is away is asked again.

        Raises:
            ConfigurationError: LiveKit refuses our key at the first look. Later it is waited out:
                keys are changed on a server that runs.
        """
        looked = await self.once()
        while True:
            try:
                async with asyncio.timeout(looked.pause_s):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            try:
                looked = await self.once()
            except ConfigurationError as exc:
                looked = self._away(exc)

    async def once(self) -> Looked:
        """One look and what follows from it.

        Raises:
            ConfigurationError: LiveKit refuses our key.
        """
        try:
            rooms = await self._rooms.look()
        except LiveKitAway as exc:
            return self._away(exc)
        now = self._rooms.clock.now()
        decision = decide(self._memory, rooms, now, self._rules)
        self._memory = decision.memory
        self._count(decision.unserved)
        async with asyncio.TaskGroup() as work:
            for ask in decision.asks:
                work.create_task(self._send(ask, decision.unserved))
        calls = sum(room.callers > 0 for room in rooms)
        pause_s = WATCHED_S if calls else IDLE_S
        if decision.next_at is not None:
            pause_s = min(pause_s, max(_SOONEST_S, decision.next_at - self._rooms.clock.now()))
        if self._away_since_look:
            logger.info("LiveKit answers again", extra={"calls": calls})
            self._away_since_look = False
        self.last = Looked(decision.unserved, decision.waiting, calls, pause_s)
        return self.last

    async def _send(self, ask: Ask, unserved: int) -> None:
        """Dispatch, unless somebody else has meanwhile, or the caller has gone."""
        await asyncio.sleep(random.uniform(0.0, self._apart_s))
        try:
            room = await self._rooms.look_at(ask.room.name)
            if room is None or not _still_due(ask, room):
                return
            await self._rooms.dispatch(ask.room.name, ask.target)
            done = True
        except AgentError as exc:
            logger.warning("call not dispatched", extra={"error": type(exc).__name__})
            done = False
        if self._meters is not None:
            outcome = "asked" if done else "failed"
            self._meters.add(metrics.REDISPATCHES, role=ask.target.value, outcome=outcome)
        waited_s = round(ask.waited_s, 2)
        logger.info(
            "call dispatched again",
            extra={"role": ask.target.value, "waited_s": waited_s, "done": done},
        )
        if self._report is not None:
            self._report(Acted(ask.room.sid, ask.target, waited_s, unserved, done))

    def _away(self, why: AgentError) -> Looked:
        """LiveKit cannot be asked: what is remembered stays, and one line says so."""
        if not self._away_since_look:
            logger.warning("LiveKit cannot be asked", extra={"error": type(why).__name__})
            self._away_since_look = True
        last = self.last
        self.last = Looked(last.unserved, last.waiting, last.calls, WATCHED_S, answers=False)
        return self.last

    def _count(self, unserved: int) -> None:
        if self._meters is not None:
            self._meters.set(metrics.CALLS_UNSERVED, unserved)


def _still_due(ask: Ask, room: SeenRoom) -> bool:
    """Whether the call still waits, and nobody was sent since it was looked at."""
    if room.sid != ask.room.sid or room.callers != 1 or room.answered:
        return False
    return len(room.dispatches) <= len(ask.room.dispatches)
