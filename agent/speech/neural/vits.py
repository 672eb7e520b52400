"""A VITS voice (Kim et al. 2021, arXiv 2106.06103) as transformers runs it, in batches.

MMS-TTS and most Tamil VITS models are of this shape. torch and transformers are imported when a
voice is loaded, never before.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import ConfigurationError, VoiceUnavailable
from agent.speech import device
from agent.speech.neural.folder import VoiceFolder

Sound = NDArray[np.float32]
"""Shape (samples,), -1..1."""

BATCH_ON_GPU = 8
BATCH_ON_CPU = 1
"""On a CPU four texts together take as much of it as four in turn (0.69 against 0.64 CPU seconds a
second of sound, 36 million parameters, one thread, 2026-11), and all wait for the whole."""
_WARM_UP_LETTERS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where the voice computes."""

    device: str
    """As torch names it: ``cpu`` or ``cuda:0``."""
    threads: int = 1
    """Of a synthesis on a CPU."""


def check_packages(folder: VoiceFolder) -> None:
    """See that the libraries are installed, without loading them.

    Raises:
        ConfigurationError: which are missing, and the extra that brings them.
    """
    needed = ["torch", "transformers", *(["uroman"] if folder.romanised else [])]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"A neural voice needs {' and '.join(missing)}: install the extra `voice` "
            "(pip install 'kural[voice]'), or leave SPEECH__VOICE_MODEL empty."
        )


def find_place(wanted: str, index: int, threads: int) -> Place:
    """The GPU when there is one, else the CPU.

    Args:
        wanted: SPEECH__DEVICE: ``auto``, ``cpu`` or ``cuda``.
        index: which GPU.
        threads: of a synthesis on a CPU.

    Raises:
        ConfigurationError: ``cuda`` was asked for where torch can use none.
    """
    if wanted != "cpu" and device.find_card(index) is not None:
        torch: Any = importlib.import_module("torch")
        if torch.cuda.is_available() and index < torch.cuda.device_count():
            return Place(f"cuda:{index}", threads)
    if wanted == "cuda":
        raise ConfigurationError(
            f"There is no GPU number {index} that torch can use for the voice; check the driver, "
            "or set SPEECH__DEVICE=cpu."
        )
    return Place("cpu", threads)


class Vits:
    """A loaded voice. One thread at a time may call it.

    Args:
        folder: a checked checkpoint.
        place: where it computes.
        speaker: which of its speakers.

    Raises:
        ConfigurationError: the weights do not fit the rest of the folder, or no such speaker.
        VoiceUnavailable: the GPU fails or is full.
    """

    def __init__(self, folder: VoiceFolder, place: Place, speaker: int = 0) -> None:
        if speaker >= folder.speakers:
            raise ConfigurationError(
                f"The voice {folder.name} has {folder.speakers} speakers, counted from 0; set "
                "SPEECH__VOICE_SPEAKER to one of them."
            )
        self.sample_rate = folder.sample_rate
        self._folder = folder
        self._torch: Any = importlib.import_module("torch")
        self._speaker = speaker if folder.speakers > 1 else None
        self._romaniser = self._load_romaniser() if folder.romanised else None
        self._tokenizer, self._model = _load(folder)
        self.batch = BATCH_ON_CPU if place.device == "cpu" else BATCH_ON_GPU
        if place.device == "cpu":
            self._torch.set_num_threads(place.threads)
        try:
            self._model.to(place.device)
            self._device = place.device
            self._warm_up()
        except RuntimeError:  # what torch raises for every trouble of a device
            raise VoiceUnavailable("The neural voice does not run on this device.") from None

    def written(self, text: str) -> str:
        """``text`` in the letters this voice reads."""
        return str(self._romaniser.romanize_string(text)) if self._romaniser else text

    def synthesise(self, texts: Sequence[str], speeds: Sequence[float]) -> list[Sound]:
        """Speak several texts at once.

        Args:
            texts: from :meth:`written`; each with at least one letter it knows.
            speeds: of each, 1.0 = natural.

        Returns:
            The sound of each, at ``sample_rate``, as long as the voice made it.

        Raises:
            VoiceUnavailable: the device fails, or one text alone needs more memory than it has.
        """
        try:
            return self._together(texts, speeds)
        except self._torch.OutOfMemoryError:
            self._torch.cuda.empty_cache()
        except (RuntimeError, IndexError, ValueError):
            raise VoiceUnavailable("The neural voice failed on this device.") from None
        if len(texts) == 1:
            raise VoiceUnavailable("The GPU is full: the neural voice cannot speak.")
        half = len(texts) // 2
        first = self.synthesise(texts[:half], speeds[:half])
        return first + self.synthesise(texts[half:], speeds[half:])

    def _together(self, texts: Sequence[str], speeds: Sequence[float]) -> list[Sound]:
        torch = self._torch
        batch = self._tokenizer(list(texts), padding=True, return_tensors="pt")
        # A tensor instead of its one number: each text of the batch gets its own speed.
        self._model.speaking_rate = torch.tensor(speeds, device=self._device).reshape(-1, 1, 1)
        with torch.inference_mode():
            made = self._model(**batch.to(self._device), speaker_id=self._speaker)
        waves = made.waveform.float().cpu().numpy()
        lengths = made.sequence_lengths.cpu().tolist()
        # Behind its own length a row holds what the padding made: noise.
        return [wave[: int(n)].copy() for wave, n in zip(waves, lengths, strict=True)]

    def _warm_up(self) -> None:
        """The first synthesis compiles and allocates; and shows whether the voice is one."""
        known = sorted(char for char in self._folder.letters if char.isalpha())
        sound = self._together(["".join(known[:_WARM_UP_LETTERS]) or "a"], [1.0])[0]
        if not sound.size or not np.isfinite(sound).all():
            raise ConfigurationError(
                f"The voice model in {self._folder.path} gives no sound: its weights are no "
                "working voice."
            )

    @staticmethod
    def _load_romaniser() -> Any:
        # Once: the tokenizer would read its tables (4 MB) again for every text.
        return importlib.import_module("uroman").Uroman()


def _load(folder: VoiceFolder) -> tuple[Any, Any]:
    """Tokenizer and model, on the CPU.

    Raises:
        ConfigurationError: they cannot be made of these files.
    """
    transformers: Any = importlib.import_module("transformers")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        tokenizer = transformers.VitsTokenizer.from_pretrained(folder.path, local_files_only=True)
        model, found = transformers.VitsModel.from_pretrained(
            folder.path, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception:  # noqa: BLE001 - many kinds, all of them from files that are not what they say
        raise _misfit(folder) from None
    if found["missing_keys"]:  # transformers would leave them random and go on
        raise _misfit(folder)
    _fuse(model)
    return tokenizer, model.eval()


def _fuse(model: Any) -> None:
    """Compute normed weights once instead of in every synthesis; the sound stays the same."""
    parametrize: Any = importlib.import_module("torch.nn.utils.parametrize")
    for module in model.modules():
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name)


def _misfit(folder: VoiceFolder) -> ConfigurationError:
    return ConfigurationError(
        f"The voice model in {folder.path} cannot be loaded: its weights, config.json and "
        "tokenizer files do not belong together or are damaged."
    )
