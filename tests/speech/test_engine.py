"""The ears in one process: what is decoded, what is not, and how much at most."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ConfigurationError
from agent.speech.audio import Samples
from agent.speech.engine import MOST_TOKENS, SAMPLE_RATE, Ears
from agent.speech.transcript import DropReason
from tests.speech.conftest import SAID, Speak
from tests.speech.whisper_maker import make_model

SENTENCE = "எங்க தெருவில மூணு நாளா தண்ணி வரல"


def noise(seconds: float, level: float, seed: int = 1) -> Samples:
    rng = np.random.default_rng(seed)
    return rng.normal(0, level, int(seconds * SAMPLE_RATE)).astype(np.int16)


def test_speech_becomes_words_with_confidence_and_timings(saying_ears: Ears, speak: Speak) -> None:
    sound = speak(SENTENCE, after=0.5)
    heard = saying_ears.transcribe(sound)
    assert heard.text == SAID
    assert 0 < heard.confidence <= 1
    assert heard.language == "ta"
    assert heard.dropped == ()
    assert set(heard.timings) == {"vad_s", "mel_s", "encode_s", "decode_s", "total_s"}
    assert all(value >= 0 for value in heard.timings.values())
    assert heard.duration_s == len(sound) / SAMPLE_RATE


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(0, np.int16), DropReason.SILENCE),
        (np.zeros(5 * SAMPLE_RATE, np.int16), DropReason.SILENCE),
        (noise(5, 20), DropReason.SILENCE),
        (noise(5, 500), DropReason.NO_SPEECH),
        (noise(60, 3000), DropReason.NO_SPEECH),
        (np.tile(np.array([0] * 7999 + [20000], np.int16), 10), DropReason.NO_SPEECH),
    ],
    ids=["nothing", "zeros", "hiss", "noise", "loud noise", "clicks"],
)
def test_silence_and_noise_are_never_decoded(
    saying_ears: Ears, sound: Samples, reason: DropReason
) -> None:
    """This model says its sentence for any sound it is given: an empty text proves the gate."""
    heard = saying_ears.transcribe(sound)
    assert heard.text == ""
    assert heard.confidence == 0
    assert [dropped.reason for dropped in heard.dropped] == [reason]
    assert heard.timings["decode_s"] == heard.timings["encode_s"] == 0


@pytest.mark.parametrize("word", ["ஆமா", "இல்ல", "ஆம்", "சரி"])
@pytest.mark.parametrize("rate", [120, 200])
def test_the_shortest_answers_pass_the_gate(
    saying_ears: Ears, speak: Speak, word: str, rate: int
) -> None:
    assert saying_ears.transcribe(speak(word, after=0.2, rate=rate)).segments


def test_a_model_that_babbles_is_stopped_and_dropped(babbling_ears: Ears, speak: Speak) -> None:
    heard = babbling_ears.transcribe(speak(SENTENCE, after=0.5))
    assert heard.text == ""
    assert heard.confidence == 0
    (segment,) = heard.segments
    assert segment.dropped in (DropReason.RUNAWAY, DropReason.LOOP, DropReason.TOO_FAST)
    assert [dropped.reason for dropped in heard.dropped] == [segment.dropped]


@pytest.mark.parametrize("per_s", [5.0, 12.5, 25.0])
def test_the_bound_of_tokens_is_what_the_model_really_gets(
    tmp_path: Path, speak: Speak, per_s: float
) -> None:
    """CTranslate2 halves max_length; a babbling model shows how many tokens came."""
    folder = make_model(tmp_path / "babbler", facts={"max_new_tokens_per_s": per_s})
    (segment,) = Ears(folder, device="cpu").transcribe(speak(SENTENCE, after=0.5)).segments
    sound_s = segment.end_s - segment.start_s
    assert segment.tokens == min(MOST_TOKENS, int(np.ceil(per_s * sound_s)) + 20)


def test_the_longest_piece_is_decoded_to_its_end(tmp_path: Path, speak: Speak) -> None:
    """224 tokens, the usual bound, is 15 s of Tamil: the rest would vanish without an error."""
    long_text = " ".join(["தண்ணி வரல", "மழை", "சாலை", "வீடு", "மரம்"] * 20)[:430].strip()
    ears = Ears(make_model(tmp_path / "teller", long_text), device="cpu")
    heard = ears.transcribe(speak(" ".join([SENTENCE] * 10))[: 27 * SAMPLE_RATE])
    assert heard.segments[0].tokens == len(long_text)
    assert heard.segments[0].text == long_text


@pytest.mark.slow
def test_ten_minutes_are_cut_into_pieces_and_every_piece_is_heard(
    saying_ears: Ears, speak: Speak
) -> None:
    block = speak(" ".join([SENTENCE] * 2), after=1.0)
    recording = np.tile(block, 600 * SAMPLE_RATE // len(block) + 1)
    heard = saying_ears.transcribe(recording)
    assert heard.duration_s > 600
    assert heard.text.split() == SAID.split() * len(heard.segments)
    assert all(s.end_s - s.start_s <= 28 for s in heard.segments)
    assert sum(s.end_s - s.start_s for s in heard.segments) > 480


def test_a_short_context_is_never_shorter_than_its_floor(tmp_path: Path, speak: Speak) -> None:
    facts = {"short_context": True, "tail_frames": 0, "min_frames": 600}
    ears = Ears(make_model(tmp_path / "floor", SAID, facts), device="cpu")
    assert ears._decoder._features(speak("ஆமா")).shape[1] == 600
    assert ears._decoder._features(np.zeros(16_000 * 8, np.int16)).shape[1] == 800


def test_a_short_context_costs_less_and_says_the_same(tmp_path: Path, speak: Speak) -> None:
    facts = {"short_context": True, "tail_frames": 40}
    short = Ears(make_model(tmp_path / "short", SAID, facts), device="cpu")
    heard = short.transcribe(speak(SENTENCE, after=0.5))
    assert heard.text == SAID


def test_threads_take_turns_and_all_are_answered(saying_ears: Ears, speak: Speak) -> None:
    sound = speak(SENTENCE, after=0.3)
    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(lambda _: saying_ears.transcribe(sound).text, range(8)))
    assert heard == [SAID] * 8


def test_the_same_sound_gives_the_same_words_and_figures(saying_ears: Ears, speak: Speak) -> None:
    sound = speak(SENTENCE, after=0.3)
    first, second = saying_ears.transcribe(sound), saying_ears.transcribe(sound)
    assert first.segments == second.segments


@pytest.fixture
def folder(saying_model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saying_model_dir, tmp_path / "model"))


def test_a_model_of_another_language_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="SPEECH__LANGUAGE"):
        Ears(folder, device="cpu", language="hi")


def test_a_damaged_model_is_refused_in_one_sentence(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"\x06\x00\x00\x00nonsense")
    with pytest.raises(ConfigurationError, match="does not run"):
        Ears(folder, device="cpu")


def test_a_damaged_tokenizer_is_refused_in_one_sentence(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="does not run"):
        Ears(folder, device="cpu")


def test_a_wrong_number_of_mel_bands_is_found_at_the_start(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128}))
    with pytest.raises(ConfigurationError, match="does not run"):
        Ears(folder, device="cpu")


def test_an_impossible_device_is_one_sentence(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="SPEECH__DEVICE"):
        Ears(folder, device="abacus")


def test_importing_the_engine_loads_no_inference_library() -> None:
    """Call processes import what stands beside it; CUDA must never come with it."""
    code = (
        "import sys, agent.speech.engine, agent.speech.stt, agent.speech.ears_client;"
        "heavy = {'ctranslate2', 'faster_whisper', 'torch', 'av', 'onnxruntime'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout.replace("'", '"'))) <= {"av"}
