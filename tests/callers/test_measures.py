"""Measures of a call, from spans and exchanges made by hand."""

import numpy as np
import pytest

from agent.callers.audio_io import AGENT_RATE
from agent.callers.measures import (
    Trace,
    asked_again,
    audible_spans,
    dead_air,
    measure,
    merge,
)
from agent.callers.played import Exchange
from agent.callers.script_file import ScriptedCall
from agent.callers.scripted_caller import Origin, Utterance
from agent.complaint import Slot

SCRIPT = ScriptedCall(
    id="T01",
    caller_turns_ta=("தண்ணி வரல", "பல்லடம்", "கோயில்", "ஒம்பது எட்டு", "நாலு மூணு", "போடா"),
    turn_slots=("complaint", "place", "landmark", "phone", "phone", "abuse"),
)


def exchange(
    asked: Slot, turn: int | None, heard: str | None = "", origin: Origin = Origin.SCRIPT
) -> Exchange:
    """An answer with a turn of the script; ``heard`` empty: word for word."""
    text = SCRIPT.caller_turns_ta[turn] if turn is not None else "தெரியல"
    said = Utterance(text, origin, turn, asked)
    return Exchange(0.0, asked, (), "?", said, text if heard == "" else heard)


def trace(**changes: object) -> Trace:
    usual = {
        "began_at": 0.0,
        "ended_at": 20.0,
        "agent": ((0.2, 6.0), (9.0, 14.0), (16.0, 19.8)),
        "caller": ((6.5, 8.2), (14.4, 15.5)),
    }
    return Trace(**(usual | changes))  # type: ignore[arg-type]


def test_dead_air_is_the_longest_time_in_which_neither_spoke() -> None:
    assert dead_air(trace()) == pytest.approx(0.8)
    assert dead_air(trace(agent=((5.0, 6.0), (9.0, 19.8)))) == pytest.approx(5.0)
    assert dead_air(trace(ended_at=30.0)) == pytest.approx(10.2)


def test_a_silence_the_caller_chose_is_not_the_agents() -> None:
    quiet = {"agent": ((0.2, 6.0), (12.0, 19.8)), "caller": ()}
    assert dead_air(trace(**quiet)) == pytest.approx(6.0)
    assert dead_air(trace(**quiet, chosen=(6.4,))) == pytest.approx(0.2)


def test_a_line_on_which_nobody_speaks_is_one_silence() -> None:
    assert dead_air(trace(agent=(), caller=())) == 20.0


def test_an_agent_that_goes_on_after_an_interruption_is_measured() -> None:
    spoken = ((5.7, 6.3), (10.0, 12.0))
    measured = measure((), SCRIPT, agent_turns=3, trace=trace(barge_ins=(5.7, 10.0), caller=spoken))
    assert measured.barge_ins_s == pytest.approx((0.3, 4.0))
    assert measured.barge_ins_heeded == 1
    assert measured.to_json()["barge_ins_heeded"] == 1


def test_the_pauses_of_a_spoken_number_are_no_falling_silent() -> None:
    pieces = ((0.2, 2.0), (2.5, 4.0), (4.5, 6.0), (9.0, 19.8))
    measured = measure(
        (), SCRIPT, agent_turns=1, trace=trace(agent=pieces, caller=(), barge_ins=(1.0,))
    )
    assert measured.barge_ins_s == pytest.approx((5.0,))


def test_a_sentence_is_over_when_the_answer_to_the_interruption_begins() -> None:
    talking = trace(agent=((0.2, 19.0),), caller=((5.2, 6.0),), barge_ins=(5.0,), asks=(0.1, 6.4))
    measured = measure((), SCRIPT, agent_turns=2, trace=talking)
    assert measured.barge_ins_s == pytest.approx((1.2,))


def test_a_murmur_that_stops_the_agent_is_counted() -> None:
    measured = measure((), SCRIPT, agent_turns=1, trace=trace(caller=(), murmurs=(1.0, 5.5, 9.5)))
    assert (measured.murmurs, measured.murmurs_that_stopped) == (3, 1)


def test_a_murmur_counts_from_its_own_sound_not_from_the_next_words() -> None:
    heard = ((0.98, 1.1), (7.0, 8.0))  # the line begins it with the frame before
    measured = measure((), SCRIPT, agent_turns=1, trace=trace(caller=heard, murmurs=(1.0,)))
    assert measured.murmurs_that_stopped == 0


def test_a_typed_call_has_no_sound_to_measure() -> None:
    measured = measure((), SCRIPT, agent_turns=7)
    assert (measured.agent_turns, measured.dead_air_s) == (7, None)


@pytest.mark.parametrize(
    ("exchanges", "again"),
    [
        ([exchange(Slot.PLACE, 1), exchange(Slot.LANDMARK, 2)], ()),
        ([exchange(Slot.PLACE, 1), exchange(Slot.PLACE, 1)], ("place",)),
        ([exchange(Slot.PLACE, 1), exchange(Slot.DAYS, None), exchange(Slot.PLACE, 1)], ("place",)),
        ([exchange(Slot.PLACE, 1, "பழடம்"), exchange(Slot.PLACE, 1)], ()),
        ([exchange(Slot.PLACE, 1, None), exchange(Slot.PLACE, 1)], ()),
        ([exchange(Slot.PLACE, 5), exchange(Slot.PLACE, 1)], ()),
        ([exchange(Slot.PHONE, 3), exchange(Slot.PHONE, 4)], ()),
        ([exchange(Slot.CONFIRM, None), exchange(Slot.CONFIRM, None)], ()),
    ],
)
def test_questions_asked_again_although_answered(
    exchanges: list[Exchange], again: tuple[str, ...]
) -> None:
    assert asked_again(exchanges, SCRIPT) == again


def test_not_knowing_settles_what_is_not_needed() -> None:
    unknown = [exchange(Slot.DAYS, None, "", Origin.DEFAULT)] * 2
    needed = [exchange(Slot.PLACE, None, "", Origin.DEFAULT)] * 2
    assert asked_again(unknown, SCRIPT) == ("days",)
    assert asked_again(needed, SCRIPT) == ()


def test_spans_are_merged_in_order() -> None:
    assert merge([(3, 4), (0, 1), (1.4, 2)], 0.5) == ((0, 2), (3, 4))
    assert merge([], 1.0) == ()


def test_audible_parts_of_a_track_are_found_at_any_speed() -> None:
    silent, loud = np.zeros(441, np.int16), np.full(441, 5000, np.int16)
    track = [(1.0, loud), (1.02, loud), (1.04, silent), (2.0, loud)]
    wanted = [(1.0, 1.02 + 441 / AGENT_RATE), (2.0, 2.02)]
    assert np.allclose(audible_spans(track, 1.0), wanted)
    assert np.allclose(audible_spans([(1.0, loud)], 2.0), [(1.0, 1.01)])
