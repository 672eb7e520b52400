"""Sound becomes pieces of fixed size; what is padded, and what is left out."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.speech.audio import Samples, to_float
from agent.speech.engine import Ears
from agent.speech.features import SAMPLE_RATE
from agent.speech.transcript import DropReason
from tests.speech.conftest import SAID, Speak
from tests.speech.whisper_maker import make_model

SENTENCE = "எங்க தெருவில மூணு நாளா தண்ணி வரல"


def extracted(sound: Samples) -> NDArray[np.float32]:
    """What faster-whisper itself makes of it."""
    from faster_whisper.feature_extractor import FeatureExtractor

    mel: NDArray[np.float32] = FeatureExtractor()(to_float(sound))[:, :-1]
    return mel


def test_features_are_those_of_faster_whisper_and_zeros(saying_ears: Ears, speak: Speak) -> None:
    sound = speak(SENTENCE)
    (piece,) = saying_ears.prepare(sound).pieces
    span = piece.span
    mel = extracted(sound[round(span.start_s * SAMPLE_RATE) : round(span.end_s * SAMPLE_RATE)])
    assert piece.features.shape == (80, 3000)
    assert piece.features.dtype == np.float32
    np.testing.assert_array_equal(piece.features[:, : mel.shape[1]], mel)
    assert not piece.features[:, mel.shape[1] :].any()
    assert piece.tokens == pytest.approx(15 * span.speech_s)


def test_null_pads_with_what_silence_would_have_been(
    saying_model_dir: Path, tmp_path: Path, speak: Speak
) -> None:
    folder = Path(shutil.copytree(saying_model_dir, tmp_path / "m"))
    facts = json.loads((folder / "kural.json").read_text())
    (folder / "kural.json").write_text(json.dumps(facts | {"pad_value": None}))
    sound = speak(SENTENCE)
    (piece,) = Ears(folder, device="cpu").prepare(sound).pieces
    part = sound[round(piece.span.start_s * SAMPLE_RATE) : round(piece.span.end_s * SAMPLE_RATE)]
    padded = extracted(np.concatenate([part, np.zeros(SAMPLE_RATE, np.int16)]))
    assert piece.features[0, -1] == pytest.approx(padded[0, -1], abs=1e-5)
    assert -1.5 <= piece.features[0, -1] < -0.3


def test_a_voice_far_softer_than_the_caller_is_left_out(saying_ears: Ears, speak: Speak) -> None:
    """A television in the next room is speech to the detector."""
    near = speak(SENTENCE, after=2.0)
    far = (near * 0.01).astype(np.int16)
    heard = saying_ears.transcribe(np.concatenate([near, far]))
    assert heard.text == SAID
    (dropped,) = heard.dropped
    assert dropped.reason is DropReason.FAINT
    assert dropped.start_s > len(near) / SAMPLE_RATE - 1


def test_softer_words_of_the_same_caller_are_kept(saying_ears: Ears, speak: Speak) -> None:
    loud = speak(SENTENCE, after=2.0)
    soft = (loud * 0.1).astype(np.int16)
    heard = saying_ears.transcribe(np.concatenate([loud, soft]))
    assert heard.text == f"{SAID} {SAID}"
    assert heard.dropped == ()


def test_several_threads_prepare_at_once_and_get_the_same(saying_ears: Ears, speak: Speak) -> None:
    sounds = [speak(SENTENCE, rate=rate) for rate in (120, 140, 165, 200)]
    alone = [saying_ears.prepare(sound) for sound in sounds]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(saying_ears.prepare, sounds * 3))
    for expected, found in zip(alone * 3, together, strict=True):
        assert [p.span for p in found.pieces] == [p.span for p in expected.pieces]
        for one, other in zip(found.pieces, expected.pieces, strict=True):
            np.testing.assert_array_equal(one.features, other.features)


def test_a_piece_of_the_longest_length_fits_its_context(tmp_path: Path, speak: Speak) -> None:
    facts = {"short_context": True, "tail_frames": 400}
    ears = Ears(make_model(tmp_path / "m", SAID, facts), device="cpu")
    prepared = ears.prepare(speak(" ".join([SENTENCE] * 14)))
    assert max(piece.bucket for piece in prepared.pieces) == 3000
    assert all(piece.features.shape == (80, piece.bucket) for piece in prepared.pieces)
