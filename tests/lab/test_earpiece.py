"""What a caller heard, on one clock."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from agent.callers.audio_io import LINE_RATE
from agent.errors import UsageError
from agent.lab.earpiece import (
    Earpiece,
    audible_spans,
    on_a_line,
    on_one_clock,
    write_two_tracks,
)

BLOCK = LINE_RATE // 50


def _tone(blocks=1, level=3000):
    return np.full(blocks * BLOCK, level, np.int16)


def test_blocks_that_were_taken_late_are_put_where_they_belong():
    times = [10.02, 10.04, 10.20, 10.201, 10.202, 10.203, 10.204, 10.16]
    arrived = [(max(at, 10.0), _tone()) for at in times]
    begins = [at for at, _ in on_one_clock(arrived)]
    assert begins == pytest.approx([10.0 + 0.02 * index for index in range(8)], abs=1e-6)


def test_nothing_heard_is_an_empty_track():
    assert on_one_clock([]) == ()
    assert Earpiece().track == ()
    assert Earpiece().since(0.0).size == 0


def test_first_and_last_sound_are_those_of_audible_blocks():
    heard = Earpiece()
    for at, level in [(1.0, 5), (1.02, 3000), (1.04, 3000), (1.06, 5)]:
        heard.take(_tone(level=level), at)
    assert heard.first_sound_at == 1.02
    assert heard.last_sound_at == 1.04
    assert heard.sounded_since(1.03)
    assert not heard.sounded_since(1.04)
    assert len(heard.since(1.02)) == 2 * BLOCK


def test_spans_bridge_the_gaps_within_a_word_only():
    track = [
        (0.0, _tone()),
        (0.02, _tone(2, 0)),
        (0.06, _tone()),
        (0.08, _tone(5, 0)),
        (0.18, _tone()),
    ]
    spans = [at for span in audible_spans(track) for at in span]
    assert spans == pytest.approx([0.0, 0.08, 0.18, 0.2])


def test_a_track_is_laid_on_a_line_with_silence_in_its_gaps():
    line = on_a_line([(5.0, _tone()), (5.06, _tone())], began=4.98, seconds=0.1)
    assert [bool(line[i * BLOCK]) for i in range(5)] == [False, True, False, False, True]


def test_a_recording_has_the_caller_left_and_the_agent_right(tmp_path):
    path = tmp_path / "call.wav"
    write_two_tracks(path, _tone(1, 100), _tone(2, 200))
    with wave.open(str(path)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
        assert (file.getnchannels(), file.getframerate()) == (2, LINE_RATE)
    assert both[0].tolist() == [100, 200]
    assert both[-1].tolist() == [0, 200]


def test_a_recording_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        write_two_tracks(tmp_path / "missing" / "call.wav", _tone(), _tone())
