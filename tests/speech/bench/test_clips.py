"""Utterances of the bench: lengths, telephone band, recordings of one's own."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest

from agent.errors import UnreadableInput
from agent.speech.audio import write_wav
from agent.speech.bench.clips import (
    LONGEST_S,
    SHORTEST_S,
    cut,
    lengths_s,
    make_clips,
    over_telephone,
    read_clips,
)


@pytest.mark.parametrize("count", [8, 24, 500])
def test_lengths_follow_the_call_model_even_when_they_are_few(count: int) -> None:
    lengths = lengths_s(count, np.random.default_rng(1))
    assert statistics.median(lengths) == pytest.approx(2.8, rel=0.05)
    assert statistics.fmean(lengths) == pytest.approx(3.6, rel=0.07)
    assert SHORTEST_S <= min(lengths) < max(lengths) <= LONGEST_S


def test_lengths_come_in_the_same_order_for_the_same_seed_only() -> None:
    one, same, other = (lengths_s(20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert sorted(one) == sorted(other)


async def test_clips_are_the_same_sound_for_the_same_seed() -> None:
    once, again, others = [await make_clips(3, seed) for seed in (5, 5, 6)]
    assert [clip.pcm for clip in once] == [clip.pcm for clip in again]
    assert {clip.pcm for clip in once}.isdisjoint(clip.pcm for clip in others)
    wanted = [length + 0.65 for length in sorted(lengths_s(3, np.random.default_rng(5)))]
    assert sorted(clip.duration_s for clip in once) == pytest.approx(wanted, abs=0.35)
    for clip in once:
        assert np.abs(clip.samples).max() > 3000
        assert not clip.samples[: 16_000 // 4].any()  # what comes before speech


def test_a_telephone_lets_only_its_band_through() -> None:
    at = np.arange(32_000) / 16_000
    tones = [(hertz, 6000 * np.sin(2 * np.pi * hertz * at)) for hertz in (100, 1000, 5000)]
    levels = {
        hertz: float(np.std(over_telephone(tone.astype(np.int16), 16_000).astype(float)))
        for hertz, tone in tones
    }
    assert levels[1000] == pytest.approx(6000 / 2**0.5, rel=0.05)
    assert levels[100] < 100
    assert levels[5000] < 100


def test_a_sound_is_cut_where_it_is_quietest() -> None:
    sound = np.full(32_000, 5000, np.int16)
    sound[17_600:17_920] = 0  # 1.10 s to 1.12 s
    assert len(cut(sound, 1.0, 16_000)) == 17_600
    assert len(cut(sound, 9.0, 16_000)) == 32_000


def test_recordings_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, seconds in (("b.wav", 1), ("a.WAV", 2), ("c.txt", 3)):
        write_wav(tmp_path / name, np.ones(8000 * seconds, np.int16), 8000)
    assert [clip.duration_s for clip in read_clips(tmp_path)] == [2.0, 1.0]


@pytest.mark.parametrize("what", ["missing", "empty", "a file", "no sound", "too long"])
def test_a_folder_without_recordings_is_refused_in_a_sentence(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "clips"
    if what == "a file":
        folder.write_text("x")
    elif what != "missing":
        folder.mkdir()
    if what == "no sound":
        (folder / "a.wav").write_text("not sound")
    if what == "too long":
        write_wav(folder / "a.wav", np.ones(8000 * 17, np.int16), 8000)
    with pytest.raises(UnreadableInput) as caught:
        read_clips(folder)
    assert str(folder) in str(caught.value)
