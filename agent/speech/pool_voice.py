"""The pool at work: finds a place, asks, tries another one, asks twice when it is slow, probes.

Decisions are those of :mod:`agent.speech.pool`; this is the shell that waits, sends and listens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from typing import Any

from agent.speech.attempt import Attempt, PoolFailed
from agent.speech.pool import Outcome, Place, Pool, Rules, State, Wait
from agent.speech.pool_http import OUR_RATE, Asking, SpeechHttp

_log = logging.getLogger(__name__)

PROBE_WORD = "வணக்கம்"
"""What a probe has an instance say ("good day"); it is a real synthesis, its sound is checked."""
PROBE_WITHIN_S = 5.0
"""A probe may take this long, which warms a cold instance up; it is passed only in the time that a
caller would wait."""
_TICK_S = 0.25
_TRY_AGAIN_S = 0.02
"""A slow request that found every other instance full looks again after this time."""


@dataclass(slots=True)
class Told:
    """What became of a request, filled in while it runs."""

    instance: str = ""
    """``2-of-5``, the one that spoke or was asked last; empty when none was."""
    attempts: int = 0
    wait_s: float = 0.0
    """Time in the queue."""
    first_audio_s: float | None = None
    errors: list[str] = field(default_factory=list)


class PoolVoice:
    """A pool of instances. Belongs to one event loop; :meth:`run` must run beside the requests."""

    def __init__(self, rules: Rules | None = None, asking: Asking | None = None) -> None:
        self.policy = Pool(rules)
        self.asking = asking or Asking()
        self.first_audio_s = 0.8
        """How long a request may take to its first sound, with waiting and a second try."""
        self._http = SpeechHttp()
        self._granted: dict[Wait, asyncio.Future[None]] = {}
        self._attempts: set[Attempt] = set()

    def configure(
        self,
        instances: Iterable[tuple[str, bool]],
        rules: Rules,
        asking: Asking,
        first_audio_s: float,
    ) -> None:
        """Take over other instances (URL, abroad) and rules; requests that are open go on."""
        self.policy.rules, self.asking, self.first_audio_s = rules, asking, first_audio_s
        self.policy.resize(instances)
        self._serve()

    async def run(self) -> None:
        """Probe what is due until cancelled; then end everything that is open."""
        try:
            while True:
                for place in self.policy.probes(_now()):
                    self._probe(place)
                self._serve()  # a rest or a deadline may be over
                await asyncio.sleep(_TICK_S)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Cancel and await every request and close the connections."""
        attempts = list(self._attempts)
        for attempt in attempts:
            attempt.task.cancel()
        await asyncio.gather(*(each.task for each in attempts), return_exceptions=True)
        await self._http.aclose()

    async def check_all(self) -> list[dict[str, Any]]:
        """Probe every instance that has a place free now, then say how all are."""
        for place in self.policy.probes(_now(), everyone=True):
            self._probe(place)
        probes = [each.task for each in self._attempts if each.place.probe]  # begun before, too
        await asyncio.gather(*probes, return_exceptions=True)
        return self.policy.snapshot()

    async def speak(
        self, text: str, *, voice: str, rate: int, within_s: float, home: bool, told: Told
    ) -> AsyncGenerator[bytes, None]:
        """PCM (int16 mono, 22,050 Hz) of ``text``; close it to stop the instance at once.

        Args:
            text: something that can be pronounced.
            voice: the instances' name of the voice.
            rate: words a minute.
            within_s: seconds to the first sound, waiting for a place included.
            home: the words must not leave the own network.
            told: is filled in.

        Raises:
            PoolFailed: no instance gave speech in time, or the one that spoke broke off.
        """
        began = _now()
        deadline = began + min(within_s, self.first_audio_s)
        request = _Request(self, text, voice, rate, home, told)
        try:
            place = await self._place(began, deadline, home, told)
            told.wait_s = _now() - began
            spoken = await request.first_sound(place, deadline)
            told.first_audio_s = _now() - began
            async for chunk in spoken.chunks():
                yield chunk
        finally:
            request.close()

    async def _place(self, now: float, deadline: float, home: bool, told: Told) -> Place:
        place = self.policy.ask(now, home=home)
        if place is not None:
            return place
        wait = self.policy.wait(now, deadline, home=home)
        if wait is None:
            told.errors.append("full" if self.policy.waiting else "away")
            raise PoolFailed(told.errors[-1])
        granted = self._granted[wait] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout_at(deadline):
                await granted
        except TimeoutError:
            pass  # unless it was granted at the last moment
        except BaseException:
            self.policy.leave(wait, _now())
            self._serve()
            raise
        finally:
            del self._granted[wait]
        if wait.place is None:
            self.policy.leave(wait, _now())
            told.errors.append("full")
            raise PoolFailed("full")
        return wait.place

    def attempt(self, place: Place, text: str, voice: str, rate: int, within_s: float) -> Attempt:
        """Ask the instance of ``place``; the place is given back when the attempt ends."""
        http = self._http.speak(
            place.instance.url, text, voice=voice, rate=rate, asking=self.asking
        )
        attempt = Attempt(place, http, within_s, self.first_audio_s, self._ended)
        self._attempts.add(attempt)
        attempt.task.add_done_callback(lambda _: self._attempts.discard(attempt))
        return attempt

    def _probe(self, place: Place) -> Attempt:
        return self.attempt(place, PROBE_WORD, self.asking.voice, OUR_RATE, PROBE_WITHIN_S)

    def _ended(
        self, place: Place, outcome: Outcome, first_audio_s: float | None, error: str
    ) -> None:
        before = place.instance.state
        self.policy.done(place, outcome, _now(), first_audio_s=first_audio_s, error=error)
        if place.instance.state is not before:
            self._changed(place, error)
        self._serve()

    def _changed(self, place: Place, error: str) -> None:
        state = place.instance.state
        extra = {"instance": self.name(place), "state": state} | ({"error": error} if error else {})
        if state is State.WELL:
            _log.info("instance changed", extra=extra)
        else:
            _log.warning("instance changed", extra=extra)

    def name(self, place: Place) -> str:
        """``2-of-5``."""
        return f"{place.instance.number}-of-{len(self.policy)}"

    def _serve(self) -> None:
        for wait in self.policy.serve(_now()):
            granted = self._granted.get(wait)
            if granted is not None and not granted.done():
                granted.set_result(None)
            elif granted is None:
                self.policy.leave(wait, _now())


class _Request:
    """The attempts that are made for one request."""

    def __init__(
        self, pool: PoolVoice, text: str, voice: str, rate: int, home: bool, told: Told
    ) -> None:
        self._pool = pool
        self._said = (text, voice, rate)
        self._home = home
        self._told = told
        self._tried: list[str] = []
        self._running: list[Attempt] = []

    async def first_sound(self, place: Place, deadline: float) -> Attempt:
        """The attempt that sounds first.

        Raises:
            PoolFailed: none did in time.
        """
        self._start(place)
        slow_after_s = self._pool.policy.hedge_after_s()
        hedge_at = deadline if slow_after_s is None else _now() + slow_after_s
        while True:
            if (winner := await self._sounding(min(deadline, hedge_at))) is not None:
                return winner
            if _now() >= deadline:
                self._let_go(self._running)
                self._told.errors.append("slow")
                raise PoolFailed("slow")
            if not self._running:
                if not self._start_again():
                    raise PoolFailed(self._told.errors[-1])
            elif _now() >= hedge_at:
                asked = not self._pool.policy.waiting and self._start_again()
                hedge_at = deadline if asked else _now() + _TRY_AGAIN_S  # asked twice, not thrice

    def close(self) -> None:
        """Nobody listens any more: hang up on everyone still at work."""
        for attempt in self._running:
            attempt.task.cancel()

    async def _sounding(self, until: float) -> Attempt | None:
        """Wait for a sound or a failure; failed attempts are forgotten."""
        firsts = [attempt.first for attempt in self._running]
        await asyncio.wait(
            firsts, timeout=max(0.0, until - _now()), return_when=asyncio.FIRST_COMPLETED
        )
        for attempt in list(self._running):
            if not attempt.first.done():
                continue
            if attempt.first.result():
                self._told.instance = self._pool.name(attempt.place)
                self._let_go([each for each in self._running if each is not attempt])
                return attempt
            self._told.errors.append(attempt.failed)
            self._running.remove(attempt)
        return None

    def _let_go(self, attempts: list[Attempt]) -> None:
        """Not waited for any more, but heard to the first sound: how slow it is must be known."""
        for attempt in attempts:
            attempt.wanted = False
        self._running = [each for each in self._running if each not in attempts]

    def _start_again(self) -> bool:
        place = self._pool.policy.again(_now(), self._tried, home=self._home)
        if place is not None:
            self._start(place)
        return place is not None

    def _start(self, place: Place) -> None:
        self._tried.append(place.instance.url)
        self._told.attempts += 1
        self._told.instance = self._pool.name(place)
        self._running.append(self._pool.attempt(place, *self._said, self._pool.first_audio_s))


def _now() -> float:
    return asyncio.get_running_loop().time()
