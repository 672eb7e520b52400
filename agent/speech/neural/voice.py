"""A neural voice with espeak-ng behind it, as one engine of the voice process.

The neural voice speaks its own language. espeak-ng speaks whatever else there is to say: other
languages, words with letters the checkpoint does not know (it would leave them out silently),
everything until the checkpoint is loaded, and each portion that the neural voice could not speak
in time. A portion is spoken by one of the two, whole; nobody hears a word twice or none.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from agent.breaker import Breaker, Way
from agent.errors import VoiceUnavailable
from agent.speech.audio import level_dbfs, resample, to_int16
from agent.speech.espeak import Espeak, check_sound, speakable
from agent.speech.joins import SAMPLE_RATE, pause_after_s, silence
from agent.speech.neural.batches import Batches, Model
from agent.speech.neural.folder import VoiceFolder, open_folder
from agent.speech.neural.vits import Sound, Vits, check_packages, find_place
from agent.speech.pieces import portions
from agent.speech.voice_engine import NATURAL_RATE, Sink

if TYPE_CHECKING:
    from agent.settings import SpeechSettings

_log = logging.getLogger(__name__)

PORTION_CHARS = 120
"""Longest text synthesised at once, about 9 s of speech: the first sound waits for all of it."""
PARALLEL = 32
"""Texts spoken at the same time: threads that wait for a batch, nearly all of them."""

_SENTENCE_END = re.compile(r"(?<=[.?!।])\s+")
_CHUNK_BYTES = 2 * SAMPLE_RATE * 60 // 1000
_QUIETEST_DBFS = -60.0
"""A portion below this is no speech: weights that went wrong, a device that answers zeros."""
_LONGEST_S = (2.0, 0.5)
"""Seconds allowed for a portion and for each of its letters; a runaway is not played."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow it."""

    speaker: int = 0
    """Which of the checkpoint's speakers."""
    batch: int = 0
    """Texts spoken together; 0 = what suits the device."""
    within_s: float = 1.2
    """Longest wait for a portion."""


class Loaded(Model, Protocol):
    """A checkpoint in memory; :class:`agent.speech.neural.vits.Vits` is one."""

    sample_rate: int
    """Hertz of what it synthesises."""
    batch: int
    """Texts together that suit where it computes."""

    def written(self, text: str) -> str:
        """``text`` in the letters it reads."""
        ...


class NeuralVoice:
    """The two voices as one. May be shared between threads; owns the loaded model.

    Args:
        folder: the checkpoint.
        load: loads it; called once, by :meth:`prepare`.
        espeak: speaks what it cannot.
        limits: see there.
    """

    parallel = PARALLEL

    def __init__(
        self, folder: VoiceFolder, load: Callable[[], Loaded], espeak: Espeak, limits: Limits
    ) -> None:
        self._folder, self._load, self._espeak, self._limits = folder, load, espeak, limits
        self._loaded: tuple[Loaded, Batches] | None = None
        self._settled = self._closed = False
        self._breaker, self._lock = Breaker(), threading.Lock()
        self._spoken = self._stood_in = 0
        self.label = f"{folder.identity()} {limits.speaker}"

    def describe(self) -> dict[str, Any]:
        """Both engines; portions each has spoken; whether the neural voice is ``away``."""
        batches = self._loaded[1].batches if self._loaded else 0
        return {
            "engine": self._folder.name,
            "behind": self._espeak.describe()["engine"],
            "ready": self._settled,
            "away": self._settled and (self._loaded is None or self._breaker.away),
            "portions": self._spoken,
            "batches": batches,
            "stood_in": self._stood_in,
        }

    def prepare(self) -> None:
        """Load the checkpoint; a device that fails leaves espeak-ng to speak alone.

        Raises:
            ConfigurationError: the checkpoint is not what it seemed.
        """
        began = monotonic()
        try:
            model = self._load()
            with self._lock:
                if not self._closed:
                    self._loaded = model, Batches(model, self._limits.batch or model.batch)
            _log.info("neural voice loaded", extra={"elapsed_s": round(monotonic() - began, 2)})
        except VoiceUnavailable:
            _log.warning("neural voice does not run here, the embedded one speaks")
        self._settled = True

    def speak(self, text: str, sink: Sink, *, voice: str, rate: int, pitch: int) -> None:
        """See :class:`agent.speech.voice_engine.VoiceEngine`; ``pitch`` moves espeak-ng alone."""
        words = speakable(text)
        check_sound(voice, rate, pitch)
        if self._loaded is None or voice.split("+")[0] != self._folder.language:
            listener = _Listener(sink, self._espeak.label)
            self._espeak.speak(words, listener.take_other, voice=voice, rate=rate, pitch=pitch)
            return
        listener = _Listener(sink, self._espeak.label)
        for portion in _portions(words):
            if not listener.listens():
                return
            if not self._speak(portion, listener, rate):
                self._stood_in += 1
                self._espeak.speak(
                    portion, listener.take_other, voice=voice, rate=rate, pitch=pitch
                )

    def close(self) -> None:
        """End the thread of the model."""
        with self._lock:
            self._closed = True
            loaded, self._loaded = self._loaded, None
        if loaded:
            loaded[1].close()

    def _speak(self, portion: str, listener: _Listener, rate: int) -> bool:
        """Hand over one portion; False = another voice must say it, all of it."""
        if (loaded := self._loaded) is None:
            return False
        model, batches = loaded
        if (text := _readable(model, self._folder, portion)) is None:
            return False
        try:
            sound = self._ask(batches, text, rate / NATURAL_RATE, listener)
        except VoiceUnavailable as exc:
            _log.warning("embedded voice stands in", extra={"error": type(exc).__name__})
            return False
        if sound is None:
            return True
        self._spoken += 1
        samples = resample(to_int16(sound), model.sample_rate, SAMPLE_RATE)
        pcm = listener.breath() + samples.tobytes()
        for start in range(0, len(pcm), _CHUNK_BYTES):
            if not listener.take(pcm[start : start + _CHUNK_BYTES]):
                return True
        listener.pause_s = pause_after_s(portion)
        return True

    def _ask(self, batches: Batches, text: str, speed: float, listener: _Listener) -> Sound | None:
        with self._lock:
            way = self._breaker.way(monotonic())
        if way is Way.AVOID:
            raise VoiceUnavailable("The neural voice failed a moment ago.")
        within_s = self._limits.within_s
        try:
            sound = batches.say(text, speed, within_s=within_s, wanted=listener.listens)
            if sound is not None:
                _check(sound, self._folder.sample_rate, text, speed)
        except VoiceUnavailable:
            with self._lock:
                self._breaker.failed(monotonic())
            raise
        with self._lock:
            self._breaker.answered()
        return sound


def neural_voice(speech: SpeechSettings, espeak: Espeak) -> NeuralVoice:
    """The voice of SPEECH__VOICE_MODEL, not loaded yet.

    Raises:
        ConfigurationError: the folder, the packages or the device are not what is needed.
    """
    folder = open_folder(Path(speech.voice_model))
    check_packages(folder)

    def load() -> Vits:
        place = find_place(speech.device, speech.device_index, speech.cpu_threads)
        return Vits(folder, place, speech.voice_speaker)

    return NeuralVoice(
        folder,
        load,
        espeak,
        Limits(speech.voice_speaker, speech.voice_batch, speech.voice_within_s),
    )


class _Listener:
    """A sink that remembers whether somebody still listens, and the pause before what comes."""

    def __init__(self, sink: Sink, other: str) -> None:
        self._sink, self._other = sink, other
        self._gone = False
        self.pause_s = 0.0

    def take(self, chunk: bytes) -> bool:
        self._gone = self._gone or not self._sink(chunk)
        return not self._gone

    def take_other(self, chunk: bytes) -> bool:
        """The same for sound of the voice behind."""
        self._gone = self._gone or not self._sink(chunk, self._other)
        return not self._gone

    def listens(self) -> bool:
        return self.take(b"")

    def breath(self) -> bytes:
        pause_s, self.pause_s = self.pause_s, 0.0
        return silence(pause_s)


def _portions(text: str) -> list[str]:
    """Sentences, the long ones cut between words."""
    sentences = _SENTENCE_END.split(text)
    return [part for sentence in sentences for part in portions(sentence, PORTION_CHARS)]


def _readable(model: Loaded, folder: VoiceFolder, portion: str) -> str | None:
    """The portion in letters the voice knows; None where it lacks some, or there are none."""
    for form in ("NFC", "NFD"):  # vowel signs of two parts: checkpoints differ
        text = model.written(unicodedata.normalize(form, portion))
        if not folder.unknown(text) and any(char.isalpha() for char in text):
            return text
    return None


def _check(sound: Sound, sample_rate: int, text: str, speed: float) -> None:
    """Raise VoiceUnavailable where a sound is no speech."""
    base_s, letter_s = _LONGEST_S
    if sound.size > sample_rate * (base_s + letter_s * len(text)) / speed:
        raise VoiceUnavailable("The neural voice ran away on this text.")
    if not np.isfinite(sound).all() or level_dbfs(to_int16(sound)) < _QUIETEST_DBFS:
        raise VoiceUnavailable("The neural voice gave no sound for this text.")
