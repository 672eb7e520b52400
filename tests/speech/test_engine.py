"""The ears in one process: what is decoded, what is not, and how much at most."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ConfigurationError
from agent.settings import PROJECT_DIR
from agent.speech.audio import Samples
from agent.speech.engine import (
    MOST_TOKENS,
    SAMPLE_RATE,
    Ears,
    Piece,
    better_of,
    worth_a_second_try,
)
from agent.speech.transcript import DropReason, Segment
from tests.speech.conftest import SAID, Speak
from tests.speech.whisper_maker import PROMPT_TOKENS, make_model

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
    steps = {"vad_s", "mel_s", "encode_s", "decode_s", "total_s"}
    assert set(heard.timings) == steps | {"batch"}
    assert heard.timings["batch"] == 1
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
    assert [piece.bucket for piece in ears.prepare(speak("ஆமா")).pieces] == [750]
    assert ears.buckets == (750, 1000, 1500, 3000)


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


DEMO = PROJECT_DIR / "models" / "demo-ta"
PLACES = ("எங்க தெருவில", "எங்க ஊர்ல", "அண்ணா நகர்ல", "கொரட்டூர் பக்கத்துல", "பஸ் ஸ்டாண்ட் பக்கத்துல")
TIMES = ("மூணு நாளா", "ஒரு வாரமா", "நேத்துல இருந்து", "ரெண்டு மாசமா", "காலைல இருந்து")
TROUBLES = ("தண்ணி வரல", "லைட் எரியல", "குப்பை எடுக்கல", "ரோடு சரியில்ல", "சாக்கடை அடைச்சிருக்கு")


@pytest.fixture(scope="module")
def demo_ears() -> Ears:
    return Ears(DEMO, device="cpu")


def utterances(ears: Ears, speak: Speak, count: int) -> list[Piece]:
    """Complaints of one to nine phrases, so that every context of the model is met."""
    rng = random.Random(1)
    pieces: list[Piece] = []
    while len(pieces) < count:
        phrases = [rng.choice(PLACES), rng.choice(TIMES), rng.choice(TROUBLES)]
        if len(pieces) % 4:
            phrases = phrases[: rng.randint(1, 3)]
        else:
            phrases *= rng.randint(1, 3)
        sound = speak(" ".join(phrases), after=0.3, rate=rng.choice([130, 165, 200]))
        pieces += ears.prepare(sound).pieces
    return pieces


def words_of(segment: Segment) -> tuple[str, int, DropReason | None]:
    return segment.text, segment.tokens, segment.dropped


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_a_batch_says_what_each_utterance_says_alone(
    demo_ears: Ears, speak: Speak, count: int
) -> None:
    """Batched and permuted, by the real model; words, length and verdict are the same."""
    pieces = utterances(demo_ears, speak, count)
    alone = [words_of(demo_ears.decode([piece])[0][0]) for piece in pieces]
    assert len({text for text, _, _ in alone}) > count / 4
    rng = random.Random(2)
    together: dict[int, tuple[str, int, DropReason | None]] = {}
    for bucket in demo_ears.buckets:
        here = [i for i, piece in enumerate(pieces) if piece.bucket == bucket]
        rng.shuffle(here)
        for start in range(0, len(here), demo_ears.max_batch):
            batch = here[start : start + demo_ears.max_batch]
            segments, _ = demo_ears.decode([pieces[i] for i in batch])
            together |= {i: words_of(s) for i, s in zip(batch, segments, strict=True)}
    assert [together[i] for i in range(len(pieces))] == alone


def test_a_babbler_in_a_batch_is_cut_at_its_own_bound(babbling_ears: Ears, speak: Speak) -> None:
    """The batch decodes as long as its longest item may; the short one must not notice."""
    short = babbling_ears.prepare(speak("ஆமா")).pieces[0]
    long = babbling_ears.prepare(speak(" ".join([SENTENCE] * 3))).pieces[0]
    assert short.bound < long.bound
    segments, _ = babbling_ears.decode([long, short])
    assert [segment.tokens for segment in segments] == [long.bound, short.bound]
    assert words_of(segments[1]) == words_of(babbling_ears.decode([short])[0][0])


def test_a_batch_of_two_contexts_is_refused(tmp_path: Path, speak: Speak) -> None:
    ears = Ears(make_model(tmp_path / "short", SAID, {"short_context": True}), device="cpu")
    one, two = (ears.prepare(speak(text)).pieces[0] for text in ("ஆமா", " ".join([SENTENCE] * 3)))
    assert one.bucket != two.bucket
    with pytest.raises(ValueError, match="bucket"):
        ears.decode([one, two])


def test_a_long_recording_is_decoded_in_batches_in_its_order(
    saying_ears: Ears, speak: Speak
) -> None:
    recording = np.tile(speak(SENTENCE, after=2.0), 5)
    seen: list[float] = []
    heard = saying_ears.transcribe(recording, progress=seen.append)
    assert [s.text for s in heard.segments] == [SAID] * 5
    assert [s.start_s for s in heard.segments] == sorted(s.start_s for s in heard.segments)
    assert heard.timings["batch"] == 5
    assert seen == [heard.segments[-1].end_s]


def test_a_loop_is_tried_a_second_time_and_says_so(babbling_ears: Ears, speak: Speak) -> None:
    (segment,) = babbling_ears.transcribe(speak(SENTENCE, after=0.5)).segments
    assert segment.dropped is not None
    assert segment.retried


def test_the_second_try_replaces_the_first_only_with_words_that_may_be_kept() -> None:
    first = Segment(0.0, 1.0, 1.0, "நன்றி " * 12, 40, -0.2, 0.0, DropReason.LOOP)
    kept = Segment(0.0, 1.0, 1.0, "நன்றி", 4, -0.3, 0.0, None, retried=True)
    junk = replace(kept, dropped=DropReason.RUNAWAY)
    assert worth_a_second_try(first)
    assert better_of(first, kept) == kept
    assert better_of(first, junk) == replace(first, retried=True)
    assert not worth_a_second_try(replace(first, retried=True))
    assert not worth_a_second_try(replace(first, dropped=DropReason.BLOCKED))


def test_an_invention_is_dropped_whatever_the_model_says_of_it(
    saying_model_dir: Path, tmp_path: Path, speak: Speak
) -> None:
    (tmp_path / "own.toml").write_text(f'whole = ["{SAID}"]', encoding="utf-8")
    ears = Ears(saying_model_dir, device="cpu", blocklist=tmp_path / "own.toml")
    heard = ears.transcribe(speak(SENTENCE))
    assert heard.text == ""
    assert [dropped.reason for dropped in heard.dropped] == [DropReason.BLOCKED]


BIAS = "அஆஇ கஙச லமய"


def test_a_prompt_of_names_goes_to_models_that_take_one(tmp_path: Path, speak: Speak) -> None:
    """The made model speaks by position, so it says its words only if the prompt is that long."""
    tokens = PROMPT_TOKENS + 1 + len(BIAS) + 1  # prompt mark, a word mark before each word
    folder = make_model(tmp_path / "m", SAID, {"prompt": True}, prompt_tokens=tokens)
    ears = Ears(folder, device="cpu", bias=BIAS)
    assert ears.bias == BIAS
    assert ears.transcribe(speak(SENTENCE)).text == SAID


def test_a_prompt_that_comes_back_is_dropped(tmp_path: Path, speak: Speak) -> None:
    tokens = PROMPT_TOKENS + 1 + len(BIAS) + 1
    folder = make_model(tmp_path / "m", BIAS, {"prompt": True}, prompt_tokens=tokens)
    heard = Ears(folder, device="cpu", bias=BIAS).transcribe(speak(SENTENCE))
    assert [dropped.reason for dropped in heard.dropped] == [DropReason.ECHO]


def test_a_prompt_never_takes_more_than_its_share(tmp_path: Path, speak: Speak) -> None:
    folder = make_model(tmp_path / "m", None, {"prompt": True, "max_new_tokens_per_s": 99})
    ears = Ears(folder, device="cpu", bias="கஙசஞட " * 100)
    (piece,) = ears.prepare(speak(" ".join([SENTENCE] * 3))).pieces
    assert piece.bound == 448 - PROMPT_TOKENS - 1 - 60  # ten words of six tokens fit into 64
    assert ears.decode([piece])[0][0].tokens == piece.bound


def test_other_models_are_not_given_a_prompt(saying_model_dir: Path, speak: Speak) -> None:
    ears = Ears(saying_model_dir, device="cpu", bias=BIAS)
    assert ears.bias == ""
    assert ears.transcribe(speak(SENTENCE)).text == SAID


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
