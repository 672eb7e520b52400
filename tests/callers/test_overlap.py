"""When a caller speaks under or over the agent; the clock is ours."""

import numpy as np

from agent.callers.audio_io import AGENT_RATE, AgentLine, CallerLine
from agent.callers.overlap import Manners, Overlap
from agent.callers.watch import Ask
from agent.complaint import Slot

MURMUR = np.full(1600, 5000, np.int16)


class HandClock:
    """Shows the time it was given."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    async def sleep_until(self, when: float) -> None:
        self.time = max(self.time, when)


class SpeakingLine(AgentLine):
    """An agent who began to speak at 0 and has so many seconds left."""

    def __init__(self, clock: HandClock, left_s: float) -> None:
        super().__init__(clock)
        self.left = left_s
        self._track.append((0.0, np.full(AGENT_RATE // 50, 5000, np.int16)))

    @property
    def left_s(self) -> float:
        return self.left


def ask(slot: Slot, *, uninterruptible: bool = False) -> Ask:
    return Ask(0.0, slot, "எந்த ஊர்?", (), end=False, uninterruptible=uninterruptible)


def overlap(manners: Manners, left_s: float = 5.0, speed: float = 1.0) -> tuple[Overlap, HandClock]:
    clock = HandClock()
    line = SpeakingLine(clock, left_s)
    return Overlap(manners, clock, 1, speed=speed, agent_line=line), clock


def test_an_impatient_caller_breaks_in_a_second_after_the_agent_began_once():
    over, clock = overlap(Manners(interrupts=frozenset({Slot.PLACE})))
    clock.time = 0.9
    assert not over.interrupts(ask(Slot.PLACE))
    clock.time = 1.0
    assert not over.interrupts(ask(Slot.LANDMARK))
    assert over.interrupts(ask(Slot.PLACE))
    assert not over.interrupts(ask(Slot.PLACE))
    assert over.barge_ins == [1.0]


def test_what_must_be_heard_out_or_is_nearly_over_is_no_test_of_the_agent():
    for left_s, protected in ((5.0, True), (0.5, False)):
        over, clock = overlap(Manners(interrupts=frozenset({Slot.PLACE})), left_s)
        clock.time = 1.2
        assert over.interrupts(ask(Slot.PLACE, uninterruptible=protected))
        assert over.barge_ins == []


def test_a_listener_murmurs_while_the_agent_speaks_and_not_all_the_time():
    over, clock = overlap(Manners(murmur=MURMUR))
    line = CallerLine(clock)
    for step in range(100):
        clock.time = step / 10
        over.murmur(ask(Slot.PLACE), line)
        line._waiting.clear()
    assert 3 <= len(over.murmurs) <= 5
    assert over.murmurs[0] == 1.5
    assert min(np.diff(over.murmurs)) >= 2.5


def test_nobody_murmurs_into_silence_or_over_his_own_words():
    over, clock = overlap(Manners(murmur=MURMUR), left_s=0.0)
    clock.time = 3.0
    over.murmur(ask(Slot.PLACE), CallerLine(clock))
    assert over.murmurs == []
    over, clock = overlap(Manners(murmur=MURMUR))
    clock.time = 3.0
    line = CallerLine(clock)
    line.say(MURMUR)
    over.murmur(ask(Slot.PLACE), line)
    assert over.murmurs == []


def test_a_quiet_caller_does_nothing_of_the_kind():
    over, clock = overlap(Manners())
    clock.time = 5.0
    over.murmur(ask(Slot.PLACE), CallerLine(clock))
    assert not over.interrupts(ask(Slot.PLACE))
    assert over.murmurs == over.barge_ins == []
