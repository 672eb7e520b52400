"""What the clock demands, in virtual time."""

from __future__ import annotations

from agent.conversation.vigil import Due, Limits, Vigil

LIMITS = Limits(max_call_s=900.0)


def run(
    vigil: Vigil, until_s: float, *, since_s: float = 0.0, quiet: bool = True
) -> list[tuple[float, Due]]:
    """Look five times a second; silences are taken in as the agent does."""
    seen: list[tuple[float, Due]] = []
    for tick in range(round(since_s * 5), round(until_s * 5) + 1):
        now = tick / 5
        for due in vigil.due(now, quiet=quiet):
            seen.append((now, due))
            if due is Due.SILENCE:
                vigil.silenced(now)
    return seen


def test_a_line_on_which_nothing_is_said_falls_silent_after_a_minute_whatever_it_sounds_like():
    assert run(Vigil(LIMITS, 0.0), 59.8, quiet=False) == []
    assert run(Vigil(LIMITS, 0.0), 60.0, quiet=False) == [(60.0, Due.SILENCE)]


def test_silences_then_follow_every_five_seconds():
    silences = [at for at, due in run(Vigil(LIMITS, 0.0), 71.0) if due is Due.SILENCE]
    assert silences == [60.0, 65.0, 70.0]


def test_a_turn_or_a_key_starts_the_minute_again():
    vigil = Vigil(LIMITS, 0.0)
    vigil.progressed(50.0)
    assert run(vigil, 109.8) == []
    assert run(vigil, 110.0, since_s=110.0) == [(110.0, Due.SILENCE)]


def test_a_silence_of_the_away_timer_keeps_the_next_one_off_for_five_seconds():
    vigil = Vigil(LIMITS, 0.0)
    vigil.silenced(58.0)
    assert not vigil.may_be_silent(62.8)
    assert vigil.may_be_silent(63.0)
    assert run(vigil, 64.0) == [(63.0, Due.SILENCE)]


def test_who_waits_for_an_answer_hears_once_that_we_are_at_it():
    vigil = Vigil(LIMITS, 0.0)
    vigil.owe(10.0)
    vigil.owe(12.0)  # the turn is committed: the caller has waited since 10
    assert run(vigil, 30.0, since_s=10.0) == [(13.0, Due.HOLD)]


def test_every_turn_has_a_hold_of_its_own():
    vigil = Vigil(LIMITS, 0.0)
    vigil.owe(10.0)
    first = run(vigil, 14.0, since_s=10.0)
    vigil.answered()
    assert not vigil.owed
    vigil.owe(20.0)
    assert [*first, *run(vigil, 24.0, since_s=20.0)] == [(13.0, Due.HOLD), (23.0, Due.HOLD)]


def test_an_answer_in_time_needs_no_hold():
    vigil = Vigil(LIMITS, 0.0)
    vigil.owe(10.0)
    assert run(vigil, 12.8, since_s=10.0) == []
    vigil.answered()
    assert run(vigil, 30.0, since_s=13.0) == []


def test_a_long_call_is_warned_once_a_minute_before_its_end_and_ended_once():
    vigil = Vigil(LIMITS, 0.0)
    vigil.progressed(880.0)
    assert run(vigil, 930.0) == [(840.0, Due.SHORT), (900.0, Due.OVER)]


def test_the_warning_waits_for_a_pause_but_not_for_ever():
    vigil = Vigil(LIMITS, 0.0)
    vigil.progressed(880.0)
    assert run(vigil, 860.0, quiet=False) == [(850.0, Due.SHORT)]


def test_a_very_short_call_is_warned_half_way():
    assert run(Vigil(Limits(max_call_s=40.0), 0.0), 50.0) == [(20.0, Due.SHORT), (40.0, Due.OVER)]


def test_a_line_that_sounds_on_after_an_answer_gives_its_turn_once():
    vigil = Vigil(LIMITS, 0.0)
    vigil.settled(10.0, so=True)
    vigil.settled(12.0, so=True)  # more words, the question still answered: the time goes on
    assert run(vigil, 30.0, since_s=10.0, quiet=False) == [(16.0, Due.ENOUGH)]


def test_words_that_leave_the_question_open_again_or_a_turn_take_that_back():
    for undo in (lambda v: v.settled(12.0, so=False), lambda v: v.progressed(12.0)):
        vigil = Vigil(LIMITS, 0.0)
        vigil.settled(10.0, so=True)
        undo(vigil)
        assert run(vigil, 30.0, since_s=12.0, quiet=False) == []
