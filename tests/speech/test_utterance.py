"""What is decoded when, in windows of 32 ms and no time at all."""

from __future__ import annotations

import numpy as np
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

    def __init__(
        self,
        *,
        speculate_after_s: float = 0.16,
        clause_after_s: float = 5.0,
        longest_s: float = 12.0,
    ) -> None:
        self.tracker = UtteranceTracker(
            speculate_after_s=speculate_after_s, clause_after_s=clause_after_s, longest_s=longest_s
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


def clauses(actions: list[Action]) -> list[Finish]:
    return [action for action in actions if isinstance(action, Finish) and action.clause]


def test_a_long_utterance_is_cut_at_the_breath_it_took_before() -> None:
    line = Line()
    line.start()
    line.windows(SPEECH, 110)
    line.windows(SILENCE, 3)  # a breath at 3.5 s, too short to speculate
    assert line.windows(SPEECH, 42) == []
    (clause,) = line.windows(SPEECH, 1)  # 5 s
    assert isinstance(clause, Finish)
    assert clause.clause
    assert not clause.last
    assert not clause.reuse
    cut = len(clause.pcm) // 2 - 1
    assert 106 <= cut <= 113
    assert clause.end_s == pytest.approx(cut * WINDOW_S)
    (rest,) = line.end()
    assert isinstance(rest, Finish)
    assert rest.last
    assert not rest.clause
    assert clause.pcm + rest.pcm == line.sent


def test_a_long_utterance_without_a_breath_waits_for_the_next_one() -> None:
    line = Line()
    line.start()
    assert line.windows(SPEECH, 200) == []
    assert line.windows(SILENCE, 3) == []
    (clause,) = clauses(line.windows(SPEECH, 1))
    assert 196 <= len(clause.pcm) // 2 - 1 <= 203


def test_a_silence_that_may_be_the_end_is_speculated_on_and_not_cut() -> None:
    line = Line()
    line.start()
    line.windows(SPEECH, 200)
    actions = line.windows(SILENCE, 7)
    assert [type(action) for action in actions] == [Speculate]
    (finish,) = line.end()
    assert isinstance(finish, Finish)
    assert finish.reuse
    assert not finish.clause


def test_a_caller_who_goes_on_after_a_speculation_gets_a_clause_instead() -> None:
    line = Line()
    line.start()
    line.windows(SPEECH, 200)
    line.windows(SILENCE, 6)
    resumed, clause = line.windows(SPEECH, 1)
    assert resumed == Resumed()
    assert isinstance(clause, Finish)
    assert clause.clause


def test_twelve_seconds_without_any_breath_are_cut_where_they_are_quietest() -> None:
    line = Line()
    line.start()
    loud, soft = (np.full(2, level, np.int16).tobytes() for level in (9000, 90))
    actions: list[Action] = []
    for at in range(375):
        line.at += 1
        pcm = soft if 300 <= at < 304 else loud
        actions += line.tracker.window(pcm, SPEECH, line.at_s)
    (clause,) = clauses(actions)
    assert 300 <= len(clause.pcm.removeprefix(b"<<")) // 4 <= 304


def test_single_dips_inside_words_are_no_breath() -> None:
    line = Line()
    line.start()
    actions: list[Action] = []
    for _ in range(18):
        actions += line.windows(SPEECH, 19) + line.windows(SILENCE, 1)
    assert clauses(actions) == []  # 11.5 s


@given(
    st.lists(st.tuples(st.sampled_from([SPEECH, 0.4, SILENCE]), st.integers(1, 60)), max_size=20)
)
def test_no_speech_is_ever_lost_or_decoded_twice(parts: list[tuple[float, int]]) -> None:
    line = Line(clause_after_s=1.0, longest_s=2.0)
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
