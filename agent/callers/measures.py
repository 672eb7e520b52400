"""How a call felt, in figures: silences, interruptions, questions put twice. Pure.

Times are measured on the two waveforms, in wall seconds. On a line that is played faster than it
was spoken they are no delays a caller would feel: the speed stands beside them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from agent.callers.audio_io import AGENT_RATE, audible_span
from agent.callers.scripted_caller import ANSWERED_BY, Origin
from agent.complaint import Slot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from agent.callers.played import Exchange
    from agent.callers.script_file import ScriptedCall

Span = tuple[float, float]
"""Clock times between which somebody is heard."""

STOPS_WITHIN_S = 0.5
"""An agent that is interrupted falls silent within this time."""
ONE_BREATH_S = 0.6
"""Pauses shorter than this belong to one sentence: those of a spoken ticket number take 0.5 s."""
MURMUR_WITHIN_S = 1.5
"""An agent that falls silent so soon after a murmur was stopped by it."""
_FRAME_S = 0.05
"""The line counts sound from the beginning of the frame it was put into, a little before."""
_MAY_COME_AGAIN = frozenset(
    {Slot.CONFIRM, Slot.CORRECTION, Slot.REPEAT, Slot.CLOSE, Slot.CLARIFY, Slot.VOICE_NOTE}
)
"""Questions that are rightly put again: what is asked about has changed."""
_NEEDED = frozenset({Slot.COMPLAINT, Slot.PLACE, Slot.AREA, Slot.DISTRICT, Slot.PHONE, Slot.TICKET})
"""Questions that "I don't know" does not settle at once."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The sound of one call, reduced to when who was heard; clock times in wall seconds."""

    began_at: float
    ended_at: float
    agent: tuple[Span, ...]
    caller: tuple[Span, ...]
    """Words, murmurs and keys."""
    chosen: tuple[float, ...] = ()
    """When the caller chose to stay silent: the silence around it is his own."""
    barge_ins: tuple[float, ...] = ()
    """When he began to speak over words that could be interrupted and had time left."""
    murmurs: tuple[float, ...] = ()
    """When he murmured under words that had time left."""
    speed: float = 1.0
    asks: tuple[float, ...] = ()
    """When the agent decided on new words: what it says then is not the old sentence going on."""


@dataclass(frozen=True, slots=True)
class Measures:
    """The figures of one call."""

    agent_turns: int = 0
    """How often the agent spoke."""
    speed: float = 1.0
    """Pace of the line; seconds of the call as its people lived it are wall seconds times this."""
    dead_air_s: float | None = None
    """Longest time in which neither spoke although the agent owed words, wall seconds; None
    without sound."""
    asked_again: tuple[str, ...] = ()
    """Questions that were put again although they had been answered in words that were heard."""
    barge_ins_s: tuple[float, ...] = ()
    """How long the agent went on speaking after each interruption, wall seconds."""
    murmurs: int = 0
    """Back-channels of the caller while the agent had more to say."""
    murmurs_that_stopped: int = 0

    @property
    def barge_ins_heeded(self) -> int:
        """After how many interruptions the agent fell silent in time."""
        return sum(stop <= STOPS_WITHIN_S for stop in self.barge_ins_s)

    def to_json(self) -> dict[str, Any]:
        """The figures as the report holds them."""
        return asdict(self) | {
            "asked_again": list(self.asked_again),
            "barge_ins_s": list(self.barge_ins_s),
            "barge_ins_heeded": self.barge_ins_heeded,
        }


def measure(
    exchanges: Sequence[Exchange],
    script: ScriptedCall,
    *,
    agent_turns: int,
    trace: Trace | None = None,
) -> Measures:
    """Measure one call.

    Args:
        exchanges: the dialogue.
        script: the caller's side of it.
        agent_turns: how often the agent spoke.
        trace: when who was heard; None without sound.
    """
    again = asked_again(exchanges, script)
    if trace is None:
        return Measures(agent_turns, asked_again=again)
    breaths = merge(trace.agent, ONE_BREATH_S / trace.speed)
    stops = [_goes_on(trace, breaths, at) for at in trace.barge_ins]
    murmurs = [_goes_on(trace, breaths, at) for at in trace.murmurs]
    return Measures(
        agent_turns,
        trace.speed,
        round(dead_air(trace), 3),
        again,
        tuple(round(stop, 3) for stop in stops if stop is not None),
        len(murmurs),
        sum(stop is not None and stop <= MURMUR_WITHIN_S for stop in murmurs),
    )


def dead_air(trace: Trace) -> float:
    """The longest silence of both that the caller did not choose, wall seconds."""
    heard = merge((*trace.agent, *trace.caller), 0.0)
    ends = [trace.began_at, *(end for _, end in heard)]
    begins = [*(start for start, _ in heard), trace.ended_at]
    gaps = [
        after - before
        for before, after in zip(ends, begins, strict=True)
        if not any(before <= at <= after for at in trace.chosen)
    ]
    return max(0.0, *gaps) if gaps else 0.0


def asked_again(exchanges: Sequence[Exchange], script: ScriptedCall) -> tuple[str, ...]:
    """Questions put again after an answer that arrived word for word.

    What was misheard, said in pieces, or no answer at all may be asked for again.
    """
    answered: set[Slot] = set()
    again: list[str] = []
    for index, exchange in enumerate(exchanges):
        slot = exchange.asked
        if slot is None or slot in _MAY_COME_AGAIN:
            continue
        if slot in answered:
            again.append(slot.value)
            answered.discard(slot)
        if _answers(exchange, slot, script) and not _goes_on_later(exchanges, index, slot):
            answered.add(slot)
    return tuple(again)


def merge(spans: Iterable[Span], bridge_s: float) -> tuple[Span, ...]:
    """Spans in order, those joined that overlap or lie at most ``bridge_s`` apart."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] <= bridge_s:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def audible_spans(
    track: Iterable[tuple[float, NDArray[np.int16]]], speed: float
) -> tuple[Span, ...]:
    """When a track was audible.

    Args:
        track: clock time and samples (int16 at 22,050 Hz) of each stretch, in order.
        speed: pace of the line.
    """
    spans = []
    for started_at, pcm in track:
        first, after_last = audible_span(pcm)
        if after_last:
            second = AGENT_RATE * speed
            spans.append((started_at + first / second, started_at + after_last / second))
    return merge(spans, 0.05 / speed)


def _goes_on(trace: Trace, breaths: Sequence[Span], decided_at: float) -> float | None:
    """How long a sentence goes on after the caller is heard; None when nobody was speaking."""
    since = decided_at - _FRAME_S
    heard = (start for start, _ in sorted(trace.caller) if start >= since)
    at = next(heard, decided_at)
    over = next((ask for ask in sorted(trace.asks) if ask > decided_at), trace.ended_at)
    ends = (end for start, end in breaths if start <= decided_at <= end)
    end = next(ends, None)
    return None if end is None else max(0.0, min(end, over) - at)


def _answers(exchange: Exchange, slot: Slot, script: ScriptedCall) -> bool:
    said = exchange.said
    if said is None or not said.text or not exchange.heard_exactly:
        return False
    if said.origin is Origin.DEFAULT:
        return slot not in _NEEDED
    word = script.turn_slots[said.turn] if said.turn is not None and script.turn_slots else ""
    return word in ANSWERED_BY.get(slot, (slot.value,))


def _goes_on_later(exchanges: Sequence[Exchange], index: int, slot: Slot) -> bool:
    """Whether the same question gets another turn of the script: the answer comes in pieces."""
    now = exchanges[index].said
    turn = now.turn if now is not None else None
    later = [each.said for each in exchanges[index + 1 :] if each.asked is slot and each.said]
    return any(
        said.origin is Origin.SCRIPT and said.turn is not None and said.turn != turn
        for said in later
    )
