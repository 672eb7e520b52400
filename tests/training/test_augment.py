"""Telephone lines: repeatable, finite, within range; and lines without speech."""

from __future__ import annotations

from random import Random

import pytest

np = pytest.importorskip("numpy", reason="needs the packages of the extra `voice`: numpy")
pytest.importorskip("soxr", reason="needs a training-only package: soxr")

from training.augment import MODEL_RATE, Telephone  # noqa: E402


def line(seed: int) -> Telephone:
    return Telephone(Random(seed), np.random.default_rng(seed))


def speech():
    t = np.arange(22_050) / 22_050
    return (0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)


def test_the_same_seed_gives_the_same_line() -> None:
    first, second = line(3).carry(speech(), 22_050), line(3).carry(speech(), 22_050)
    assert np.array_equal(first.samples, second.samples)


def test_speech_keeps_its_length_and_its_place() -> None:
    for seed in range(40):
        clip = line(seed).carry(speech(), 22_050)
        assert clip.speech_end_s - clip.speech_start_s == pytest.approx(1.0, abs=0.01)
        assert len(clip.samples) / MODEL_RATE > clip.speech_end_s
        assert np.isfinite(clip.samples).all()


def test_a_line_without_speech_is_finite_and_not_too_long() -> None:
    telephone = line(1)
    for _ in range(80):
        samples = telephone.nothing()
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert len(samples) <= 5.1 * MODEL_RATE
