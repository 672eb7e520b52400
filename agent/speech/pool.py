"""Which instance of a neural voice gets the next request, and who is left alone for a while.

Pure: time is an argument (seconds of any clock that only goes forward), nothing is sent. The shell
around it is :mod:`agent.speech.pool_voice`. Why least outstanding and not chance: twenty callers on
five instances of four places, chosen at random, meet a full one in 7 % of their requests, and never
when the least busy is taken (benchmarks/voice_pool.py prints both).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from itertools import count
from typing import Any

from agent.speech.instances import KEPT, Instance, Outcome, Place, Rules, State, Wait, quantile

__all__ = ["Instance", "Outcome", "Place", "Pool", "Rules", "State", "Wait"]


class Pool:
    """The policy. One event loop uses it; it holds no lock."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self._instances: dict[str, Instance] = {}
        self._leaving: dict[str, Instance] = {}
        """Taken off the list while requests are open there; found again if it is put back."""
        self._waits: deque[Wait] = deque()
        self._extra = self.rules.extra_reserve
        self._firsts_s: deque[float] = deque(maxlen=2 * KEPT)
        self._uses = count(1)

    def __len__(self) -> int:
        return len(self._instances)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waits)

    def resize(self, instances: Iterable[tuple[str, bool]]) -> None:
        """Make the pool consist of these (URL, abroad), in this order; what is known stays.

        Requests open on an instance that goes are left to end. Call :meth:`serve` afterwards.
        """
        before = self._leaving | self._instances
        wanted = dict(instances)
        self._instances = {}
        for number, (url, abroad) in enumerate(wanted.items(), start=1):
            known = before.pop(url, None) or Instance(url, number)
            known.number, known.abroad = number, abroad
            self._instances[url] = known
        self._leaving = {url: gone for url, gone in before.items() if gone.outstanding}
        self._eject_suspects()

    def ask(self, now: float, *, home: bool = False) -> Place | None:
        """A place for a new request; None when it has to wait, or to go elsewhere.

        Args:
            now: seconds.
            home: the words must not leave the own network.
        """
        self._extra = min(self.rules.extra_reserve, self._extra + self.rules.extra_share)
        return None if self._waits else self._take(now, (), home=home)

    def again(self, now: float, tried: Collection[str], *, home: bool = False) -> Place | None:
        """A place on another instance for a request that failed or is slow, if the budget allows.

        Args:
            now: seconds.
            tried: URLs of the instances it has been to.
            home: as in :meth:`ask`.
        """
        if self._extra < 1.0:
            return None
        place = self._take(now, tried, home=home)
        if place is not None:
            self._extra -= 1.0
        return place

    def wait(self, now: float, deadline: float, *, home: bool = False) -> Wait | None:
        """Queue up until ``deadline``; None when the queue is full or nobody would serve it."""
        if len(self._waits) >= self.rules.queue or deadline <= now or not self._hope(home=home):
            return None
        self._waits.append(wait := Wait(deadline, home))
        return wait

    def serve(self, now: float) -> list[Wait]:
        """Those whose waiting is over now: with a place, or without one.

        To be called after every :meth:`done` and :meth:`resize`, and now and then.
        """
        ended = []
        for wait in list(self._waits):
            if wait.deadline > now and self._hope(home=wait.home):
                wait.place = self._take(now, (), home=wait.home)
                if wait.place is None:
                    continue
            wait.over = True
            self._waits.remove(wait)
            ended.append(wait)
        return ended

    def leave(self, wait: Wait, now: float) -> None:
        """The request is not wanted any more; a place it was given is free again."""
        if wait in self._waits:
            self._waits.remove(wait)
        wait.over = True
        if wait.place is not None:
            self.done(wait.place, Outcome.DROPPED, now)

    def done(
        self,
        place: Place,
        outcome: Outcome,
        now: float,
        *,
        first_audio_s: float | None = None,
        error: str = "",
    ) -> None:
        """Give a place back and say how it went; a second time changes nothing."""
        if not place.held:
            return
        place.held = False
        instance = place.instance
        instance.outstanding -= 1
        if place.probe:
            instance.probing = False
        if not instance.outstanding:
            self._leaving.pop(instance.url, None)
        if outcome is Outcome.ANSWERED:
            self._answered(instance, first_audio_s, probe=place.probe)
        elif outcome is Outcome.BUSY:
            instance.error = error
            instance.rest_until = instance.next_probe = now + self.rules.rest_s
        elif outcome is Outcome.FAILED:
            self._failed(instance, now, error, probe=place.probe)

    def probes(self, now: float, *, everyone: bool = False) -> list[Place]:
        """Places for the probes that are due; with ``everyone`` also of those that are well."""
        due = [
            each
            for each in self._instances.values()
            if not each.probing
            and each.outstanding < self.rules.limit
            and (everyone or (each.state is not State.WELL and each.next_probe <= now))
        ]
        for each in due:
            each.probing = True
        return [self._hold(each, probe=True) for each in due]

    def hedge_after_s(self) -> float | None:
        """After how long without a sound a request is slow; None while too little is known."""
        if len(self._firsts_s) < self.rules.hedge_samples:
            return None
        return quantile(self._firsts_s, self.rules.hedge_quantile)

    def snapshot(self) -> list[dict[str, Any]]:
        """One row an instance, in their order, as JSON knows it."""
        return [
            {
                "instance": each.number,
                "url": each.url,
                "state": each.state.value,
                "outstanding": each.outstanding,
                "served": each.served,
                "p50_s": each.latency_s(0.5),
                "p95_s": each.latency_s(0.95),
                "failures": each.failures,
                "last_error": each.error,
            }
            for each in self._instances.values()
        ]

    def _take(self, now: float, tried: Collection[str], *, home: bool) -> Place | None:
        fit = [
            each
            for each in self._instances.values()
            if each.url not in tried
            and each.outstanding < self._places(each)
            and each.rest_until <= now
            and not (home and each.abroad)
        ]
        if not fit:
            return None
        return self._hold(
            min(
                fit,
                key=lambda i: (i.state is State.SUSPECT, i.outstanding, i.ewma_s, i.last_used),
            )
        )

    def _places(self, instance: Instance) -> int:
        if instance.state is State.WELL:
            return self.rules.limit
        return 1 if instance.state is State.SUSPECT else 0

    def _hold(self, instance: Instance, *, probe: bool = False) -> Place:
        instance.outstanding += 1
        instance.last_used = next(self._uses)
        return Place(instance, probe)

    def _hope(self, *, home: bool) -> bool:
        return any(
            self._places(each) and not (home and each.abroad) for each in self._instances.values()
        )

    def _answered(self, instance: Instance, first_audio_s: float | None, *, probe: bool) -> None:
        instance.failures = 0
        instance.answers += 1
        instance.served += not probe
        if instance.answers >= self.rules.forgive_after:
            instance.ejections = 0
        if first_audio_s is not None:
            instance.measured(first_audio_s)
            if not probe:
                self._firsts_s.append(first_audio_s)
        # An old request that still ends well does not bring an ejected one back: a probe does.
        if probe or instance.state is State.SUSPECT:
            instance.state = State.WELL

    def _failed(self, instance: Instance, now: float, error: str, *, probe: bool) -> None:
        instance.failures += 1
        instance.answers = 0
        instance.error = error
        was = instance.state
        if was is State.WELL and instance.failures < self.rules.eject_after:
            return
        if was is State.WELL or probe:
            wait_s = self.rules.first_out_s * 2**instance.ejections
            instance.next_probe = now + min(wait_s, self.rules.longest_out_s)
            instance.ejections = min(instance.ejections + 1, 16)
        if was is State.WELL:
            instance.state = State.SUSPECT
        elif was is State.NEW:
            instance.state = State.OUT
        self._eject_suspects()

    def _eject_suspects(self) -> None:
        """At most half of the instances are out, unless nobody is well: then asking is no use."""
        everyone = self._instances.values()
        suspects = [each for each in everyone if each.state is State.SUSPECT]
        out = sum(each.state in (State.OUT, State.NEW) for each in everyone)
        most = len(everyone) if out + len(suspects) == len(everyone) else len(everyone) // 2
        for each in suspects[: max(0, most - out)]:
            each.state = State.OUT
