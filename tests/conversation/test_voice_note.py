"""A spoken note, in the time of its samples."""

from __future__ import annotations

import numpy as np

from agent.conversation.voice_note import KEPT_RATE, VoiceNote, kept_sound

RATE = 8_000
FRAME = RATE // 50


def hear(note: VoiceNote, seconds: float, *, level: int = 0, prompting: bool = False) -> float:
    """Give it so much sound, or less when it is over; the seconds it took."""
    for frame in range(round(seconds * 50)):
        if note.over:
            return frame / 50
        note.hear(np.full(FRAME, level, np.int16), prompting=prompting)
    return seconds


def speak(note: VoiceNote, seconds: float) -> None:
    note.voice(speaking=True)
    hear(note, seconds, level=1000)
    note.voice(speaking=False)


def test_a_note_ends_after_three_seconds_of_silence():
    note = VoiceNote(RATE)
    speak(note, 5.0)
    assert hear(note, 10.0) == 3.0


def test_a_pause_for_breath_does_not_end_it():
    note = VoiceNote(RATE)
    speak(note, 2.0)
    hear(note, 2.9)
    speak(note, 2.0)
    assert not note.over
    assert hear(note, 10.0) == 3.0


def test_it_ends_after_a_minute_of_speech():
    note = VoiceNote(RATE)
    note.voice(speaking=True)
    assert hear(note, 90.0, level=1000) == 60.0
    assert kept_sound(note).seconds == 60.0


def test_who_says_nothing_is_waited_for_six_seconds_after_the_prompt():
    note = VoiceNote(RATE)
    hear(note, 20.0, prompting=True)
    assert not note.over
    assert hear(note, 20.0) == 6.0
    assert kept_sound(note).pcm == b""


def test_the_sound_is_kept_from_before_the_first_word_to_after_the_last():
    note = VoiceNote(RATE)
    hear(note, 4.0)
    speak(note, 2.0)
    hear(note, 3.0)
    sound = note.sound()
    assert len(sound) == round(3.0 * RATE)
    loud = np.flatnonzero(sound)
    assert (loud[0], loud[-1]) == (round(0.5 * RATE), round(2.5 * RATE) - 1)


def test_a_cough_is_no_note():
    note = VoiceNote(RATE)
    speak(note, 0.3)
    hear(note, 3.0)
    assert note.over
    assert kept_sound(note).pcm == b""


def test_it_is_kept_at_sixteen_kilohertz():
    note = VoiceNote(RATE)
    speak(note, 2.0)
    hear(note, 1.0)
    kept = kept_sound(note)
    assert kept.seconds == 2.5
    assert len(kept.pcm) == 2 * round(2.5 * KEPT_RATE)
