"""Speech from espeak-ng with exact phoneme and word times, in this process.

The library's state is global, so a process holds one `Espeak`.
"""

from __future__ import annotations

import ctypes as c
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np

SAMPLE_RATE = 22_050
RATE, PITCH, PITCH_RANGE = 1, 3, 4
"""Parameter numbers of espeak_SetParameter."""

HELD_VOICES = ("ta+f5", "ta+m7", "ta+linda")
"""Never trained on: the voices of the simulated callers and of the test set."""
FIRST_VOICES = (
    "ta ta+m1 ta+m2 ta+m3 ta+m4 ta+m6 ta+f1 ta+f2 ta+f3 ta+f4 ta+klatt ta+klatt3 ta+max ta+anika"
).split()
"""Clear voices the curriculum starts with."""
MORE_VARIANTS = (
    "Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario"
    " Michael Mike Nguyen Reed adam announcer antonio aunty belinda benjamin boris caleb david ed"
    " edward edward2 grandma grandpa gustave ian iven iven2 iven3 iven4 john klatt2 klatt4 m5 m8"
    " marcelo michel miguel mike2 norbert pablo paul pedro quincy rob robert sandro shelby steph"
    " steph2 steph3 travis victor zac"
).split()
"""Other variants. Left out as hard to follow: whispers, robots, croak, Demonic, Storm, klatt5-6."""

_EVENT_WORD, _EVENT_PHONEME = 1, 7
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1


class _Id(c.Union):
    _fields_ = (("number", c.c_int), ("name", c.c_char_p), ("string", c.c_char * 8))


class _Event(c.Structure):
    _fields_ = (
        ("type", c.c_int),
        ("unique_id", c.c_uint),
        ("text_position", c.c_int),
        ("length", c.c_int),
        ("audio_ms", c.c_int),
        ("sample", c.c_int),
        ("user_data", c.c_void_p),
        ("id", _Id),
    )


@dataclass(frozen=True, slots=True)
class Speech:
    """One synthesised sentence."""

    samples: np.ndarray
    """Mono float32 in -1..1 at SAMPLE_RATE."""
    phonemes: list[tuple[float, str]]
    """Start in seconds and espeak's name of each phoneme, stress marks removed."""
    words: list[tuple[float, int]]
    """Start in seconds and index of the first character of each word."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / SAMPLE_RATE


class Espeak:
    """The synthesiser; not to be shared between threads."""

    def __init__(self) -> None:
        """Load the library and its data."""
        self._lib = c.CDLL(str(espeakng_loader.get_library_path()))
        data = str(espeakng_loader.get_data_path()).encode()
        rate = self._lib.espeak_Initialize(_SYNCHRONOUS, 200, data, _PHONEME_EVENTS)
        if rate != SAMPLE_RATE:
            raise RuntimeError(f"espeak-ng did not start (returned {rate})")
        self._chunks: list[np.ndarray] = []
        self._events: list[tuple[int, int, int, bytes]] = []
        kind = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_short), c.c_int, c.POINTER(_Event))
        self._callback = kind(self._collect)  # kept alive: the library holds only a pointer
        self._lib.espeak_SetSynthCallback(self._callback)
        self._voice = ""

    def say(self, text: str, voice: str, rate: int, pitch: int, pitch_range: int) -> Speech:
        """Return `text` spoken; rate in words per minute, pitch values 0 to 99."""
        if voice != self._voice:
            if self._lib.espeak_SetVoiceByName(voice.encode()):
                raise ValueError(f"no such espeak-ng voice: {voice}")
            self._voice = voice
        for number, value in ((RATE, rate), (PITCH, pitch), (PITCH_RANGE, pitch_range)):
            self._lib.espeak_SetParameter(number, value, 0)
        self._chunks.clear()
        self._events.clear()
        data = text.encode()
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self._lib.espeak_Synchronize()
        chunks = self._chunks or [np.zeros(0, np.int16)]
        return Speech(
            samples=np.concatenate(chunks).astype(np.float32) / 32_768,
            phonemes=[
                (sample / SAMPLE_RATE, phoneme_name(name))
                for kind, sample, _, name in self._events
                if kind == _EVENT_PHONEME
            ],
            words=[
                (sample / SAMPLE_RATE, position - 1)
                for kind, sample, position, _ in self._events
                if kind == _EVENT_WORD
            ],
        )

    def _collect(self, samples: object, count: int, events: object) -> int:
        if count > 0 and samples:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events and events[i].type:  # type: ignore[index]
            event = events[i]  # type: ignore[index]
            if event.type in (_EVENT_WORD, _EVENT_PHONEME):
                name = bytes(event.id.string) if event.type == _EVENT_PHONEME else b""
                self._events.append((event.type, event.sample, event.text_position, name))
            i += 1
        return 0


def phoneme_name(raw: bytes) -> str:
    """Return espeak's phoneme name without its stress marks."""
    name = raw.decode("latin1")
    return name.lstrip("',;") or name


def training_voices() -> list[str]:
    """Return every voice to train on, after checking that the variants are installed."""
    folder = Path(str(espeakng_loader.get_data_path())) / "voices" / "!v"
    extra = [f"ta+{name}" for name in MORE_VARIANTS if (folder / name).is_file()]
    voices = [*FIRST_VOICES, *extra]
    if set(voices) & set(HELD_VOICES):
        raise AssertionError("a held-out voice is in the training list")
    return voices
