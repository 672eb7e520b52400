"""Real models without training, and real Tamil speech, for the tests of the ears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from agent.speech.audio import Samples, resample
from agent.speech.engine import Ears
from agent.speech.espeak import SAMPLE_RATE as ESPEAK_RATE
from agent.speech.espeak import Espeak
from tests.speech.whisper_maker import make_model

SAID = "தண்ணி வரல"
"""What the saying model makes of any speech."""

# A shared machine may stop for a second: how long an example takes proves nothing.
settings.register_profile("kural", deadline=None)
settings.load_profile("kural")

Speak = Callable[..., Samples]


@pytest.fixture(scope="session")
def random_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights: it babbles and never ends by itself."""
    return make_model(tmp_path_factory.mktemp("models") / "babbler")


@pytest.fixture(scope="session")
def saying_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says SAID for any sound it is given."""
    return make_model(tmp_path_factory.mktemp("models") / "sayer", SAID)


@pytest.fixture(scope="session")
def saying_ears(saying_model_dir: Path) -> Ears:
    return Ears(saying_model_dir, device="cpu")


@pytest.fixture(scope="session")
def babbling_ears(random_model_dir: Path) -> Ears:
    return Ears(random_model_dir, device="cpu")


@pytest.fixture(scope="session")
def speak() -> Speak:
    """Tamil text to int16 at 16 kHz, with silence (seconds) before and after."""
    voice = Espeak()

    def say(text: str, *, before: float = 0.3, after: float = 0.0, rate: int = 165) -> Samples:
        chunks: list[bytes] = []

        def keep(chunk: bytes) -> bool:
            chunks.append(chunk)
            return True

        voice.speak(text, keep, rate=rate)
        sound = np.frombuffer(b"".join(chunks), dtype=np.int16)
        return np.concatenate(
            [
                np.zeros(int(before * 16_000), np.int16),
                resample(sound, ESPEAK_RATE, 16_000),
                np.zeros(int(after * 16_000), np.int16),
            ]
        )

    return say
