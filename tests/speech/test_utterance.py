"""What is decoded when, in windows of 32 ms and no time at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speech.utterance import (
    Action,
    Ended,
    Finish,
    Resumed,
    Speculate,
    Started,
    UtteranceTracker,
)
from agent.speech.vad import WINDOW_S

SPEECH, SILENCE = 0.9, 0.05


class Line:
    """Feeds a tracker; each window is two bytes that name it."""

    def __init__(self, *, speculate_after_s: float = 0.16, max_utterance_s: float = 30.0) -> None:
        self.tracker = UtteranceTracker(
            speculate_after_s=speculate_after_s, max_utterance_s=max_utterance_s
        )
        self.at = 0
        self.sent = b""

    @property
    def at_s(self) -> float:
        return self.at * WINDOW_S

    def start(self) -> list[Action]:
        self.sent = b"<<"
        return self.tracker.started(b"<<", self.at_s)

    def windows(self, probability: float, count: int) -> list[Action]:
        actions: list[Action] = []
        for _ in range(count):
            self.at += 1
            pcm = self.at.to_bytes(2)
            self.sent += pcm
            actions += self.tracker.window(pcm, probability, self.at_s)
        return actions

    def end(self) -> list[Action]:
        return self.tracker.ended(self.at_s)


def test_an_utterance_is_speculated_on_and_its_end_reuses_that() -> None:
    line = Line()
    line.windows(SILENCE, 10)
    assert line.start() == [Started(line.at_s)]
    assert line.windows(SPEECH, 20) == []
    spoken_until = line.at_s
    actions = line.windows(SILENCE, 5)
    assert actions == [Speculate(line.sent, spoken_until)]
    assert line.windows(SILENCE, 6) == []
    assert line.end() == [Finish(line.sent, reuse=True, end_s=spoken_until, last=True)]


def test_nothing_outside_speech_is_kept() -> None:
    line = Line()
    assert line.windows(SPEECH, 3) == []
    line.start()
    line.windows(SPEECH, 3)
    line.end()
    assert line.windows(SILENCE, 50) == []
    line.start()
    (finish,) = line.end()
    assert isinstance(finish, Finish)
    assert finish.pcm == b"<<"


def test_a_caller_who_goes_on_takes_the_speculation_back() -> None:
    line = Line()
    line.start()
    line.windows(SPEECH, 20)
    line.windows(SILENCE, 5)
    assert line.windows(SPEECH, 1) == [Resumed()]
    assert line.windows(SPEECH, 5) == []
    (again,) = line.windows(SILENCE, 5)
    assert isinstance(again, Speculate)
    assert again.pcm == line.sent


def test_a_hesitation_shorter_than_the_limit_starts_nothing() -> None:
    line = Line()
    line.start()
    for _ in range(10):
        assert line.windows(SPEECH, 3) == []
        assert line.windows(SILENCE, 4) == []


def test_an_end_before_any_speculation_is_decoded_afresh() -> None:
    line = Line(speculate_after_s=0.5)
    line.start()
    line.windows(SPEECH, 10)
    line.windows(SILENCE, 11)
    (finish,) = line.end()
    assert isinstance(finish, Finish)
    assert not finish.reuse


def test_between_the_two_thresholds_speech_goes_on() -> None:
    line = Line()
    line.start()
    line.windows(SPEECH, 5)
    assert line.windows(0.4, 30) == []


def test_a_flush_answers_at_once_and_the_end_adds_nothing() -> None:
    line = Line()
    line.start()
    line.windows(SPEECH, 10)
    line.windows(SILENCE, 6)
    (finish,) = line.tracker.flush()
    assert isinstance(finish, Finish)
    assert finish.reuse
    assert not finish.last
    assert line.tracker.flush() == []
    assert line.windows(SILENCE, 10) == []
    assert line.end() == [Ended(line.at_s)]


def test_speech_after_a_flush_is_a_part_of_its_own() -> None:
    line = Line()
    line.start()
    line.windows(SPEECH, 10)
    line.tracker.flush()
    line.sent = b""
    line.windows(SPEECH, 10)
    (finish,) = line.end()
    assert isinstance(finish, Finish)
    assert finish.pcm == line.sent


def test_a_flush_without_speech_has_nothing_to_say() -> None:
    line = Line()
    line.windows(SILENCE, 10)
    assert line.tracker.flush() == []


def test_a_long_utterance_is_cut_at_its_best_pause() -> None:
    line = Line()
    line.start()
    line.windows(SPEECH, 800)
    line.windows(SILENCE, 4)  # a breath at 25.6 s, too short to speculate
    actions = line.windows(SPEECH, 200)
    (finish,) = [action for action in actions if isinstance(action, Finish)]
    assert not finish.last
    assert 800 <= len(finish.pcm) // 2 - 1 <= 805
    (rest,) = line.end()
    assert isinstance(rest, Finish)
    assert finish.pcm + rest.pcm == line.sent


@given(
    st.lists(st.tuples(st.sampled_from([SPEECH, 0.4, SILENCE]), st.integers(1, 60)), max_size=20)
)
def test_no_speech_is_ever_lost_or_decoded_twice(parts: list[tuple[float, int]]) -> None:
    line = Line(max_utterance_s=2.0)
    line.start()
    actions = [action for part in parts for action in line.windows(*part)] + line.end()
    clear = b"".join(
        (b"!!" if probability == SPEECH else b"..") * count for probability, count in parts
    )
    at = 2  # behind the padding, which the first piece may begin with
    for action in actions:
        if isinstance(action, Finish):
            piece = action.pcm.removeprefix(b"<<")
            begin = line.sent.index(piece, at)
            assert clear[at - 2 : begin - 2].count(b"!!") < 2
            at = begin + len(piece)
    assert clear[at - 2 :].count(b"!!") < 2
    open_speculations = 0
    for action in actions:
        open_speculations += isinstance(action, Speculate)
        open_speculations -= isinstance(action, Resumed)
        if isinstance(action, Finish):
            open_speculations -= action.reuse
        assert 0 <= open_speculations <= 1
    assert open_speculations == 0


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.032])
def test_the_shortest_speculation_is_one_window(seconds: float) -> None:
    line = Line(speculate_after_s=seconds)
    line.start()
    line.windows(SPEECH, 3)
    assert len(line.windows(SILENCE, 1)) == 1
