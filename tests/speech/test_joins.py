"""Trimming and breathing between pieces."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speech.joins import (
    FADE_S,
    SAMPLE_RATE,
    Fader,
    SilenceTrimmer,
    Takeover,
    faded,
    pause_after_s,
    silence,
)


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


FADE = round(FADE_S * SAMPLE_RATE)


def cuts(size: int, edges: list[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise([0, *sorted(min(edge, size) for edge in edges), size]))


def test_a_piece_rises_from_silence_and_ends_in_it():
    out = np.frombuffer(faded(loud(0.1).tobytes()), np.int16).astype(int)
    assert out.size == loud(0.1).size
    assert abs(out[0]) < 10
    assert abs(out[-1]) < 10
    assert np.abs(np.diff(out)).max() < 4_000 * np.pi / 2 / FADE + 2
    assert (out[FADE:-FADE] == 4_000).all()


@given(st.integers(0, 3 * FADE), st.lists(st.integers(0, 600), max_size=8))
def test_a_stream_is_faded_the_same_however_it_is_cut(size: int, edges: list[int]):
    pcm = np.random.default_rng(3).integers(-9_000, 9_000, size).astype(np.int16).tobytes()
    fader = Fader()
    out = b"".join(fader.push(pcm[begin:end]) for begin, end in cuts(len(pcm), edges))
    out += fader.finish()
    assert len(out) == len(pcm)
    assert out == faded(pcm)


@given(
    st.lists(st.integers(0, 4_000), min_size=1, max_size=4),
    st.lists(st.integers(0, 8_000), max_size=8),
)
def test_a_run_taken_over_by_the_same_voice_is_the_run(breaks: list[int], edges: list[int]):
    """However often it breaks off and wherever the chunks end: no sample lost, none twice."""
    pcm = np.random.default_rng(4).integers(-9_000, 9_000, 4_000).astype(np.int16).tobytes()
    seam, out = Takeover(), b""
    for at in breaks:
        for begin, end in cuts(len(pcm[: 2 * at]), edges):
            out += seam.push(pcm[begin:end])
        seam.begin_again()
    for begin, end in cuts(len(pcm), edges):
        out += seam.push(pcm[begin:end])
    out += seam.finish()
    difference = np.frombuffer(out, np.int16).astype(int) - np.frombuffer(pcm, np.int16)
    assert np.abs(difference).max() <= 1


def test_another_voice_takes_over_without_a_step():
    low, high = np.full(2_000, -6_000, np.int16), np.full(2_000, 6_000, np.int16)
    seam = Takeover()
    out = seam.push(low[:1_000].tobytes())
    seam.begin_again()
    out += seam.push(high.tobytes()) + seam.finish()
    sound = np.frombuffer(out, np.int16).astype(int)
    assert sound.size == 2_000
    assert np.abs(np.diff(sound)).max() < 12_000 * np.pi / 2 / FADE + 2


def test_a_shorter_second_voice_ends_the_run():
    seam = Takeover()
    out = seam.push(loud(0.2).tobytes())
    seam.begin_again()
    out += seam.push(loud(0.1).tobytes()) + seam.finish()
    assert len(out) // 2 == loud(0.2).size - FADE
