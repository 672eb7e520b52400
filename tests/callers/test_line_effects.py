"""Noise, losses and mumbling: what they do to a signal, and that a seed makes them anew."""

import numpy as np
import pytest

from agent.callers.line_effects import (
    LineEffects,
    at_ratio,
    effects_of,
    mixed,
    mumble,
)
from agent.callers.line_kind import LineKind
from agent.callers.telephone import PHONE_RATE, SPEECH_RMS

NOTHING = np.zeros(0, np.int16)
FRAME = np.zeros(320)


def level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))


def arrived(effects: LineEffects, frames: int, frame: np.ndarray = FRAME) -> np.ndarray:
    return np.concatenate([effects.frame(frame.copy()) for _ in range(frames)])


@pytest.mark.parametrize("noise", ["street", "music", "hiss", "babble"])
@pytest.mark.parametrize("snr_db", [5.0, 20.0])
def test_a_noise_lies_the_named_ratio_under_the_voice(noise: str, snr_db: float) -> None:
    crowd = np.random.default_rng(1).normal(0, 900, 160_000).astype(np.int16)
    kind = LineKind.model_validate({"noise": noise, "snr_db": snr_db})
    heard = arrived(effects_of(kind, crowd, 7), 1000)
    assert 20 * np.log10(SPEECH_RMS / level(heard)) == pytest.approx(snr_db, abs=0.5)


def test_the_same_call_has_the_same_line_and_another_call_another() -> None:
    kind = LineKind(noise="street", loss=0.1)
    one, same, other = (arrived(effects_of(kind, NOTHING, seed), 200) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_clean_line_changes_nothing() -> None:
    frame = np.arange(320, dtype=np.float64)
    assert np.array_equal(LineEffects(NOTHING).frame(frame.copy()), frame)


def test_a_lost_frame_is_the_one_before_and_fades() -> None:
    effects = LineEffects(NOTHING, loss=1.0)
    effects._before = np.full(320, 800.0)
    assert effects.frame(np.full(320, 5.0))[0] == 400.0
    assert effects.frame(np.full(320, 5.0))[0] == 200.0


def test_the_named_part_of_the_frames_is_lost() -> None:
    effects = LineEffects(NOTHING, loss=0.1, seed=3)
    sent = [np.full(320, float(n + 1)) for n in range(2000)]
    lost = sum(effects.frame(frame)[0] != frame[0] for frame in sent)
    assert 140 < lost < 260


def test_silence_has_no_ratio() -> None:
    quiet = np.zeros(100, np.int16)
    assert np.array_equal(at_ratio(quiet, 10.0), quiet)


def test_a_crowd_is_as_long_as_asked_and_holds_every_voice() -> None:
    low = np.full(1000, 100, np.int16)
    high = np.full(700, 300, np.int16)
    crowd = mixed([low, high], seconds=1.0)
    assert crowd.size == 16_000
    assert set(np.unique(crowd)) == {200}
    assert not mixed([], seconds=0.1).any()


def test_a_mumbled_voice_is_dull_and_loses_the_ends_of_words() -> None:
    time = np.arange(PHONE_RATE) / PHONE_RATE
    low = (5000 * np.sin(2 * np.pi * 400 * time)).astype(np.int16)
    high = (5000 * np.sin(2 * np.pi * 3000 * time)).astype(np.int16)
    assert level(mumble(high, "அது இது")) < 0.05 * level(high)
    said = mumble(low, "அது இது")
    half = len(said) // 2
    begin, end = said[: half // 2], said[half - 400 : half]
    assert level(end) < 0.5 * level(begin)
    assert len(said) == len(low)


def test_nothing_to_mumble_stays_nothing() -> None:
    assert mumble(NOTHING, "அது").size == 0
    noise = np.ones(10, np.int16)
    assert np.array_equal(mumble(noise, " "), noise)
