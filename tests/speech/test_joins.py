"""Trimming and breathing between pieces."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speech.joins import SAMPLE_RATE, SilenceTrimmer, pause_after_s, silence


def trimmed(samples: np.ndarray, chunks: list[int]) -> np.ndarray:
    raw, trimmer, out = samples.astype(np.int16).tobytes(), SilenceTrimmer(), b""
    edges = [0, *sorted(min(edge, len(raw)) for edge in chunks), len(raw)]
    for begin, end in itertools.pairwise(edges):
        out += trimmer.push(raw[begin:end])
    return np.frombuffer(out, np.int16)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def loud(seconds: float) -> np.ndarray:
    return np.full(round(seconds * SAMPLE_RATE), 4_000, np.int16)


def test_silence_at_both_ends_goes_and_silence_inside_stays():
    sound = np.concatenate((quiet(0.3), loud(0.2), quiet(0.4), loud(0.2), quiet(0.5)))
    out = trimmed(sound, [])
    assert 0.8 <= out.size / SAMPLE_RATE <= 0.84
    assert np.count_nonzero(out) == np.count_nonzero(sound)


def test_pure_silence_gives_nothing():
    assert trimmed(quiet(2.0), [100, 5_000]).size == 0


def test_the_first_sound_is_not_held_back():
    assert SilenceTrimmer().push(np.concatenate((quiet(0.1), loud(0.06))).tobytes())


@given(st.lists(st.integers(0, 40_000), max_size=12))
def test_chopping_the_stream_anywhere_never_loses_or_doubles_a_loud_sample(edges: list[int]):
    rng = np.random.default_rng(7)
    speech = rng.integers(200, 9_000, 9_000)
    sound = np.concatenate((quiet(0.1), speech[:4_000], quiet(0.2), speech[4_000:], quiet(0.1)))
    out = trimmed(sound, edges)
    assert np.array_equal(out[out != 0], speech.astype(np.int16))
    assert abs(out.size - (9_000 + quiet(0.2).size)) < SAMPLE_RATE * 0.05


@pytest.mark.parametrize(
    ("text", "pause_s"),
    [
        ("நன்றி.", 0.22),
        ("சரியா?", 0.22),
        ("“சரி!”", 0.22),
        ("கொரட்டூர்,", 0.12),
        ("எண்", 0.06),
        ("", 0.06),
    ],
)
def test_the_breath_follows_the_punctuation(text: str, pause_s: float):
    assert pause_after_s(text) == pause_s


def test_silence_has_whole_samples():
    assert len(silence(0.06)) == 2 * 1_323
