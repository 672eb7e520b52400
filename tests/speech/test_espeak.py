"""The embedded voice, with the real library."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ConfigurationError, UnreadableInput
from agent.speech import espeak, joins, voice

SENTENCE = "வணக்கம், உங்கள் புகாரைச் சொல்லுங்கள்"
PROJECT = Path(__file__).resolve().parents[2]


def speak(text: str, **sound: object) -> np.ndarray:
    chunks: list[bytes] = []

    def keep(chunk: bytes) -> bool:
        chunks.append(chunk)
        return True

    espeak.Espeak().speak(text, keep, **sound)  # type: ignore[arg-type]
    return np.frombuffer(b"".join(chunks), np.int16)


def test_the_greeting_is_about_two_seconds_of_audible_sound():
    sound = speak(SENTENCE)
    assert 1.8 < sound.size / espeak.SAMPLE_RATE < 3.2
    assert np.sqrt(np.mean(sound.astype(float) ** 2)) > 800
    assert np.abs(sound.astype(int)).max() > 5_000


def test_the_sample_rate_and_the_limit_are_the_ones_the_rest_of_the_voice_counts_with():
    assert espeak.SAMPLE_RATE == joins.SAMPLE_RATE == voice.VOICE_SAMPLE_RATE
    assert espeak.MAX_CHARS == voice.MAX_TEXT_CHARS


def test_sound_comes_in_chunks_of_at_most_60_ms():
    sizes: list[int] = []

    def keep(chunk: bytes) -> bool:
        sizes.append(len(chunk))
        return True

    espeak.Espeak().speak(SENTENCE, keep)
    assert len(sizes) > 20
    assert max(sizes) <= 2 * espeak.SAMPLE_RATE * 61 // 1000


def test_a_sink_that_has_enough_stops_the_synthesis():
    chunks: list[bytes] = []

    def two(chunk: bytes) -> bool:
        chunks.append(chunk)
        return len(chunks) < 2

    espeak.Espeak().speak(SENTENCE, two)
    assert len(chunks) == 2
    assert speak(SENTENCE).size > 30_000  # and the library is whole afterwards


def test_what_the_sink_raises_reaches_the_caller_and_the_next_text_is_spoken():
    class Enough(Exception):
        pass

    def refuse(_: bytes) -> bool:
        raise Enough

    with pytest.raises(Enough):
        espeak.Espeak().speak(SENTENCE, refuse)
    assert speak(SENTENCE).size > 30_000


@pytest.mark.parametrize("text", ["", "   ", "...", "\n\t", "\x00\x07", "👍", "்", "–—!?"])
def test_a_text_without_letters_or_digits_gives_no_sound(text: str):
    assert speak(text).size == 0


@pytest.mark.parametrize(
    ("text", "least_s"),
    [
        ("Anna Nagar", 0.4),
        ("EB office-க்கு போனேன்", 0.8),
        ("இரண்டு சைபர் நான்கு", 0.9),
        ("வணக்கம்\x00உலகம்", 0.8),
        ("வண\ud800க்கம்", 0.3),
    ],
)
def test_mixed_scripts_and_stray_characters_are_spoken(text: str, least_s: float):
    assert speak(text).size / espeak.SAMPLE_RATE > least_s


def test_tamil_in_two_parts_sounds_as_long_as_composed_tamil():
    whole, parts = "பொது", "ப" + "\u0bc6\u0bbe" + "து"
    assert whole != parts
    assert abs(speak(whole).size - speak(parts).size) < 100


def test_a_variant_changes_the_sound_and_a_rate_its_length():
    plain = speak(SENTENCE)
    other = speak(SENTENCE, voice="ta+f5")
    length = min(plain.size, other.size)
    assert not np.allclose(plain[:length], other[:length], atol=500)
    assert speak(SENTENCE, rate=240).size < 0.8 * plain.size


@pytest.mark.parametrize(
    "sound",
    [
        {"voice": "no-such"},
        {"voice": ""},
        {"voice": "ta+"},
        {"voice": "ta+nosuch"},
        {"voice": "ta+../../ta_dict"},
        {"voice": "../ta"},
        {"voice": "தமிழ்"},
        {"rate": 79},
        {"rate": 451},
        {"pitch": -1},
        {"pitch": 100},
    ],
)
def test_an_unknown_voice_or_a_value_out_of_range_is_refused(sound: dict[str, object]):
    with pytest.raises(ConfigurationError, match=r"^The|^This"):
        speak("வணக்கம்", **sound)
    assert speak("வணக்கம்").size > 5_000


def test_a_hundred_kilobytes_of_text_are_refused_in_one_sentence():
    with pytest.raises(UnreadableInput, match="split it"):
        speak("வணக்கம் " * 5_000)


def test_the_longest_allowed_text_is_spoken():
    longest = ("வணக்கம் " * 400)[: espeak.MAX_CHARS]
    assert speak(longest).size / espeak.SAMPLE_RATE > 60


def test_as_a_program_it_reads_standard_input_and_writes_samples():
    done = subprocess.run(
        [sys.executable, "-m", "agent.speech.espeak", "ta", "165", "50"],
        input=SENTENCE.encode(),
        capture_output=True,
        cwd=PROJECT,
        check=True,
    )
    assert 1.8 < len(done.stdout) / 2 / espeak.SAMPLE_RATE < 3.2
    assert done.stderr == b""


def test_as_a_program_it_says_what_is_wrong_and_exits_2():
    done = subprocess.run(
        [sys.executable, "-m", "agent.speech.espeak", "zz", "165", "50"],
        input=SENTENCE.encode(),
        capture_output=True,
        cwd=PROJECT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"This voice is unknown")


def test_call_processes_do_not_load_espeak():
    """GPL-3 code stays in the voice process: the client and the TTS never import it."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, agent.speech.tts, agent.speech.voice\n"
            "print([m for m in sys.modules if 'espeak' in m], "
            "'espeak' in open('/proc/self/maps').read())",
        ],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=True,
    )
    assert done.stdout.strip() == "[] False"
