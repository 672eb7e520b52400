"""Who is on the telephone and who behind it, in levels and in sound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agent.callers.line_effects import at_ratio, mixed
from agent.callers.telephone import SPEECH_RMS
from agent.speech.audio import Samples
from agent.speech.foreground import Foreground, level_db
from tests.speech.conftest import Speak
from tests.speech.test_vad import events, kinds

WINDOW_S = 0.032


def _heard(levels: list[tuple[float, float]]) -> list[bool]:
    """For each (level, seconds) whether its last window may be the caller's."""
    foreground = Foreground()
    return [
        [foreground.hears(level, WINDOW_S) for _ in range(round(seconds / WINDOW_S))][-1]
        for level, seconds in levels
    ]


def test_a_room_far_below_the_caller_is_not_the_caller():
    assert _heard([(55, 2), (71, 3), (55, 2), (71, 1), (57, 5)]) == [True, True, False, True, False]


def test_the_caller_of_a_noisy_room_is_remembered_while_the_agent_talks():
    assert _heard([(55, 1), (71, 3), (56, 14)])[-1] is False


def test_on_a_quiet_line_whoever_whispers_is_heard():
    _, loud, _, soft, _, whispered = _heard([(20, 2), (72, 3), (20, 1), (45, 1), (20, 5), (38, 1)])
    assert (loud, soft, whispered) == (True, True, True)


def test_a_room_as_loud_as_the_caller_takes_nothing_away():
    assert all(_heard([(64, 3), (70, 4), (64, 3), (66, 9)]))


def test_who_talks_without_a_breath_is_heard_through_soft_words():
    syllables = itertools.cycle([72, 58, 69, 55, 66, 60])
    foreground = Foreground()
    assert all(foreground.hears(next(syllables), WINDOW_S) for _ in range(2_000))


def test_the_level_of_nothing_is_zero():
    assert level_db(np.zeros(0, np.int16)) == 0.0
    assert level_db(np.zeros(512, np.int16)) == 0.0
    assert level_db(np.full(512, 1000, np.int16)) == pytest.approx(60.0, abs=0.1)


def _over_a_canteen(speak: Speak, snr_db: float) -> Samples:
    """A caller's two answers, four seconds apart, with three people talking behind all of it."""
    said = [
        speak(text, after=4.0).astype(np.float64)
        for text in ("எங்க தெருவில மூணு நாளா தண்ணி வரல", "தரமணி ரயில் நிலையம் பக்கத்துல")
    ]
    loud = np.concatenate([np.zeros(32_000), *(clip * SPEECH_RMS / _rms(clip) for clip in said)])
    others = ("மழை வருமான்னு தெரியல", "டீ ரெண்டு சூடா குடுங்க", "நேத்து பஸ்ல ஒரே கூட்டம்")
    room = at_ratio(mixed([speak(text) for text in others], seconds=len(loud) / 16_000), snr_db)
    return np.clip(loud + room[: len(loud)], -32_768, 32_767).astype(np.int16)


def _rms(clip: np.ndarray) -> float:
    return float(np.sqrt(np.mean(clip[np.abs(clip) > 50] ** 2)))


async def test_turns_end_although_people_talk_behind_the_caller(speak: Speak):
    heard = kinds(await events(_over_a_canteen(speak, 14.0)))
    assert [kind.value for kind in heard].count("end_of_speech") >= 2


async def test_the_sound_of_an_utterance_is_whole_however_it_was_gated(speak: Speak):
    sound = _over_a_canteen(speak, 14.0)
    heard = await events(sound)
    windows = [event for event in heard if event.type.value == "inference_done"]
    told = b"".join(bytes(window.frames[0].data) for window in windows)
    assert told == sound.tobytes()[: len(told)]
    assert len(told) >= len(sound.tobytes()) - 2 * 512
