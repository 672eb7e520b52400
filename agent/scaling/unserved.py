"""Which calls no agent has, and who is to be sent to them. Pure.

LiveKit tries a dispatch once: when every worker is full, it forgets the call while the phone still
rings. Here it is decided whom to dispatch again and when; :mod:`agent.scaling.redispatch` looks at
the rooms and does it. All times are seconds of LiveKit's own clock (Unix), passed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

_EARLY_S = 0.02
"""A look that comes so little too early counts as on time, else it would be followed by another."""


class Target(StrEnum):
    """Who is dispatched to a call."""

    MAIN = "main"
    """The agent that takes complaints."""
    OVERLOAD = "overload"
    """The agent with reserved places that notes a call-back."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call waits for what, in seconds."""

    first_s: float = 3.0
    """From the caller's arrival to the first dispatch of ours; LiveKit's own has failed by then."""
    again_s: float = 3.0
    """Between two dispatches for one room, at least."""
    overload_s: float = 12.0
    """From the caller's arrival to the overload agent; phones ring for 20 s and more."""
    joining_s: float = 5.0
    """An agent that has accepted a call gets so long to be in its room."""
    slower: float = 6.0
    """A call that has waited for t is dispatched every t/slower: nobody hammers a line that is
    down."""
    slowest_s: float = 60.0
    """But at least so often."""


@dataclass(frozen=True, slots=True)
class SeenDispatch:
    """A dispatch LiveKit lists for a room."""

    target: Target
    made_at: float
    accepted_at: float | None = None
    """When a worker took the call; None: nobody has (yet)."""
    retrying: bool = False
    """LiveKit itself is about to try another worker (LiveKit Cloud does)."""


@dataclass(frozen=True, slots=True)
class SeenRoom:
    """A room of ours as LiveKit lists it."""

    sid: str
    """Never used twice, other than the name."""
    name: str
    callers: int
    """People in it: by phone, or by browser in a room of our prefix."""
    caller_at: float
    """When the first of them came."""
    answered: bool
    """An agent of ours is in it."""
    dispatches: tuple[SeenDispatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Memo:
    """What is remembered of a room between two looks."""

    since: float
    """Since when its caller has had no agent; the time of the last look while he has one."""
    asked_at: float | None = None
    """Our last dispatch."""
    asked: Target | None = None
    """Whom it called."""


Memory = Mapping[str, Memo]
"""Room sid -> what is remembered of it."""
NOTHING: Memory = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ask:
    """Dispatch somebody to a room."""

    room: SeenRoom
    target: Target
    waited_s: float
    """How long its caller has been without an agent."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one look."""

    memory: Memory
    asks: tuple[Ask, ...] = ()
    waiting: int = 0
    """Callers without an agent, those who have just come as well."""
    unserved: int = 0
    """Those of them whom LiveKit's own dispatch has not served in time."""
    next_at: float | None = None
    """When the next dispatch is due; None when nobody waits."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Who can be dispatched, and when."""

    patience: Patience = field(default_factory=Patience)
    overload: bool = True
    """Whether there is an overload agent at all."""


def decide(memory: Memory, rooms: Sequence[SeenRoom], now: float, rules: Rules) -> Decision:
    """Look once at all rooms and say whom to dispatch.

    A room that is not among ``rooms``, or has no caller, is forgotten. So is one with two people,
    who talk to each other (a caller after a warm transfer).

    Args:
        memory: of the look before.
        rooms: every room of ours there is now.
        now: LiveKit's time.
        rules: who can be dispatched.
    """
    kept = {r.sid: Memo(since=now) for r in rooms if r.callers == 1 and r.answered}
    asks: list[Ask] = []
    unserved, next_at = 0, None
    for room in waiting(rooms):
        memo = memory.get(room.sid) or Memo(since=_first_seen(room, now, rules.patience))
        waited_s = max(0.0, now - memo.since)
        unserved += waited_s > rules.patience.first_s
        due_at, target = due(memo, room, now, rules)
        if due_at <= now + _EARLY_S:
            asks.append(Ask(room, target, waited_s))
            memo = replace(memo, asked_at=now, asked=target)
            due_at, _ = due(memo, room, now, rules)
        kept[room.sid] = memo
        next_at = due_at if next_at is None else min(next_at, due_at)
    return Decision(
        MappingProxyType(kept), tuple(asks), len(tuple(waiting(rooms))), unserved, next_at
    )


def waiting(rooms: Iterable[SeenRoom]) -> Iterator[SeenRoom]:
    """Those with a caller and no agent."""
    return (room for room in rooms if room.callers == 1 and not room.answered)


def due(memo: Memo, room: SeenRoom, now: float, rules: Rules) -> tuple[float, Target]:
    """When the next dispatch for a room is due, and whom it calls.

    Args:
        memo: of the room.
        room: its caller has no agent.
        now: LiveKit's time.
        rules: who can be dispatched.
    """
    patience = rules.patience
    called = _called(room, memo)
    last_at = max((at for at, _ in called), default=memo.since)
    gap_s = max(patience.again_s, (now - memo.since) / patience.slower)
    at = max(
        now,
        memo.since + patience.first_s,
        last_at + min(gap_s, patience.slowest_s),
        _in_hand_until(room, patience),
    )
    overload_at = memo.since + patience.overload_s
    if not rules.overload:
        return at, Target.MAIN
    if at + patience.again_s > overload_at and all(who is Target.MAIN for _, who in called):
        # A dispatch shortly before would put off the one that is sure to be answered.
        return max(at, overload_at), Target.OVERLOAD
    if at < overload_at or max(called)[1] is Target.OVERLOAD:
        return at, Target.MAIN
    return at, Target.OVERLOAD


def _called(room: SeenRoom, memo: Memo) -> list[tuple[float, Target]]:
    """Who was dispatched when since the caller has waited, by us or by another."""
    made = [(d.made_at, d.target) for d in room.dispatches if d.made_at >= memo.since]
    if memo.asked is not None and memo.asked_at is not None:
        made.append((memo.asked_at, memo.asked))
    return made


def _first_seen(room: SeenRoom, now: float, patience: Patience) -> float:
    """Since when a room that is seen for the first time has waited.

    One that a worker accepted some time ago was probably served until just now: its caller has
    been cut off, not kept waiting.
    """
    accepted = [d.accepted_at for d in room.dispatches if d.accepted_at is not None]
    if accepted and max(accepted) + patience.joining_s < now:
        return now
    return min(room.caller_at, now)


def _in_hand_until(room: SeenRoom, patience: Patience) -> float:
    """Until when an agent that has accepted, or LiveKit that tries another, is waited for."""
    taken = (d for d in room.dispatches if d.retrying or d.accepted_at is not None)
    return max(
        (max(d.made_at, d.accepted_at or 0.0) + patience.joining_s for d in taken), default=0.0
    )
