"""Which parts of a recording are decoded, by speech probabilities alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.speech.segments import (
    EARLIEST_CLAUSE_S,
    LEAD_S,
    LONGEST_S,
    TAIL_S,
    best_cut,
    clause_cut,
    spans_of,
)
from agent.speech.vad import WINDOW_S


def timeline(*parts: tuple[float, float]) -> NDArray[np.float32]:
    """(probability, seconds) after one another."""
    windows = [np.full(round(seconds / WINDOW_S), p, np.float32) for p, seconds in parts]
    return np.concatenate(windows) if windows else np.zeros(0, np.float32)


@pytest.mark.parametrize(
    "silence", [timeline(), timeline((0.0, 5)), timeline((0.49, 60)), timeline((0.9, 0.096))]
)
def test_silence_and_clicks_are_never_decoded(silence: NDArray[np.float32]) -> None:
    assert spans_of(silence) == []


def test_a_short_answer_is_kept_with_sound_around_it() -> None:
    (span,) = spans_of(timeline((0, 2), (0.9, 0.2), (0, 2)))
    assert span.start_s == pytest.approx(2 - LEAD_S, abs=WINDOW_S)
    assert span.end_s == pytest.approx(2.2 + TAIL_S, abs=2 * WINDOW_S)
    assert span.speech_s == pytest.approx(0.2, abs=WINDOW_S)


def test_short_pauses_are_bridged_and_long_ones_left_out() -> None:
    spans = spans_of(timeline((0.9, 2), (0, 1), (0.9, 2), (0, 10), (0.9, 2)))
    assert [round(s.speech_s) for s in spans] == [4, 2]
    assert spans[1].start_s > 14


def test_speech_goes_on_between_the_two_thresholds() -> None:
    (span,) = spans_of(timeline((0.9, 1), (0.4, 3), (0, 1)))
    assert span.speech_s == pytest.approx(4, abs=2 * WINDOW_S)


def test_a_long_piece_is_cut_at_its_pauses() -> None:
    talk = timeline((0.9, 20), (0.0, 0.5), (0.9, 15), (0.0, 0.5), (0.9, 5))
    spans = spans_of(talk)
    assert len(spans) == 2
    assert 20 <= spans[0].end_s <= 20.5


def test_the_deepest_pause_wins_and_the_later_of_two_equal_ones() -> None:
    talk = timeline((0.9, 10), (0.3, 0.4), (0.9, 3), (0, 0.4), (0.9, 3), (0, 0.4), (0.9, 5))
    assert 16.8 <= best_cut(talk) * WINDOW_S <= 17.2


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0.04, 40)), min_size=1, max_size=12))
def test_pieces_are_in_order_short_enough_and_hold_all_clear_speech(
    parts: list[tuple[float, float]],
) -> None:
    talk = timeline(*parts)
    spans = spans_of(talk)
    covered = np.zeros(len(talk), dtype=bool)
    for span in spans:
        assert span.end_s - span.start_s <= LONGEST_S
        assert 0 < span.speech_s <= span.end_s - span.start_s + 1e-6
        first, last = round(span.start_s / WINDOW_S), round(span.end_s / WINDOW_S)
        covered[first:last] = True
    assert [s.start_s for s in spans] == sorted(s.start_s for s in spans)
    if spans:
        assert covered[talk >= 0.5].all()


def cut_s(
    heard: NDArray[np.float32], levels: NDArray[np.float32] | None = None, *, least: int
) -> float | None:
    flat = np.full(len(heard), 60, np.float32)
    cut = clause_cut(heard.tolist(), flat if levels is None else levels, least_pause=least)
    return None if cut is None else cut * WINDOW_S


def test_a_clause_ends_at_a_breath_and_not_at_a_shorter_dip() -> None:
    heard = timeline((0.95, 3), (0.1, 0.064), (0.95, 1), (0.1, 0.032), (0.95, 1))
    assert cut_s(heard, least=2) == pytest.approx(3.03, abs=0.07)
    assert cut_s(heard, least=3) is None
    assert cut_s(timeline((0.95, 6)), least=1) is None


def test_a_breath_right_at_the_beginning_makes_no_clause() -> None:
    heard = timeline((0.95, 1), (0.1, 0.2), (0.95, 5))
    assert cut_s(heard, least=2) is None
    forced = cut_s(heard, least=0)
    assert forced is not None
    assert forced >= EARLIEST_CLAUSE_S - WINDOW_S


def test_a_clause_ends_where_its_breath_is_quietest() -> None:
    """The detector sees the end of a word 0.1 s late: the silence began before its windows."""
    heard = timeline((0.95, 4), (0.1, 0.096), (0.95, 2))
    levels = np.full(len(heard), 60, np.float32)
    start = round(4 / WINDOW_S)
    levels[start - 3 : start] = 10
    cut = cut_s(heard, levels, least=2)
    assert cut is not None
    assert 4 - 0.128 <= cut <= 4.0


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=400), st.integers(0, 4))
def test_a_cut_leaves_something_on_both_sides(heard: list[float], least: int) -> None:
    levels = np.asarray(heard, np.float32) * 60
    cut = clause_cut(heard, levels, least_pause=least)
    assert cut is None or 0 < cut < len(heard)
    assert least or cut is not None
