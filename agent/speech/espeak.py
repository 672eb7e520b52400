"""The embedded voice: espeak-ng behind one lock, streaming and abortable.

espeak-ng is GPL-3.0-or-later, so this module is loaded only by the voice process
(:mod:`agent.speech.voice`, ``serve_voice``) and by the one-shot subprocess below; a test keeps it
out of call processes. It stands alone (standard library, espeakng_loader and our error types) so
that the one-shot starts in well under 0.2 s.

Numbers must already be spelled in Tamil words by the caller (:mod:`agent.tamil.speller`):
espeak-ng reads a ten-digit phone number as one cardinal in crores. Words in Latin letters are
spoken by its English voice without our help.

As a program (``python -m agent.speech.espeak VOICE RATE PITCH``) it reads UTF-8 text from standard
input, never from the argument list that every user of the machine can read, and writes raw PCM to
standard output.
"""

from __future__ import annotations

import ctypes
import functools
import re
import sys
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.errors import ConfigurationError, UnreadableInput, VoiceUnavailable
from agent.speech.embedded import embedded_engine

SAMPLE_RATE = 22_050
"""Hertz; fixed inside espeak-ng. Samples are int16, mono, little-endian."""
MAX_CHARS = 2_000
"""Longest text of one request: about 2.5 minutes of speech, 6.5 MB of PCM."""
RATE_RANGE = (80, 450)
"""Words a minute that espeak-ng accepts."""
PITCH_RANGE = (0, 99)

Sink = Callable[[bytes], bool]
"""Takes one chunk of PCM (about 60 ms); returns False to stop at once."""

_CHUNK_MS = 60
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8 = 1
_RATE, _PITCH = 1, 3
_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,31})(?:\+([A-Za-z0-9_-]{1,31}))?")
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_lock = threading.Lock()


class Espeak:
    """Speaks one text at a time; may be shared between threads, which then wait for each other.

    All instances of a process share one library whose voice, rate and pitch are global state:
    they are set again for every text, under one lock.

    Raises:
        VoiceUnavailable: the library or its data cannot be loaded.
    """

    def __init__(self) -> None:
        with _lock:
            self._library = _load()

    parallel = 1
    """The library speaks one text at a time."""

    def describe(self) -> dict[str, Any]:
        """``engine``: name and version."""
        return {"engine": f"espeak-ng {self.version}"}

    @property
    def label(self) -> str:
        """Name and version, as recordings carry it."""
        return embedded_engine()

    def prepare(self) -> None:
        """Nothing is left to do: the library is loaded."""

    def close(self) -> None:
        """Nothing to let go of: the library stays with its process."""

    @property
    def version(self) -> str:
        """Version of the loaded library, e.g. ``1.52.0``."""
        return str(self._library.espeak_Info(None).decode("ascii", "replace"))

    def speak(
        self, text: str, sink: Sink, *, voice: str = "ta", rate: int = 165, pitch: int = 50
    ) -> None:
        """Synthesise ``text`` and hand its sound to ``sink`` chunk by chunk.

        Blocks: 5.7 s of speech take 5-6 ms on one core of a shared x86-64 cloud CPU (our trial
        with espeak-ng 1.52), the first chunk comes after 0.7 ms. A text without any letter or
        digit gives no sound and no error.

        Args:
            text: at most :data:`MAX_CHARS` characters; control characters count as spaces.
            sink: called in this thread; returning False ends the synthesis. What it raises is
                raised here.
            voice: espeak-ng voice, optionally with a variant: ``ta``, ``ta+f5``.
            rate: words a minute, 80..450.
            pitch: 0..99.

        Raises:
            ConfigurationError: unknown voice or variant, rate or pitch out of range.
            UnreadableInput: the text is too long.
            VoiceUnavailable: the library refused.
        """
        words = speakable(text)
        check_sound(voice, rate, pitch)
        if not words:
            return
        with _lock:
            self._select(voice, rate, pitch)
            self._synthesise(words.encode("utf-8"), sink)

    def _select(self, voice: str, rate: int, pitch: int) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode("ascii")) != 0:
            raise ConfigurationError("This voice is unknown to espeak-ng; the Tamil voice is ta.")
        self._library.espeak_SetParameter(_RATE, rate, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)

    def _synthesise(self, encoded: bytes, sink: Sink) -> None:
        raised: list[BaseException] = []

        def hand_over(samples: Any, count: int, _events: Any) -> int:
            if raised:
                return 1
            if not samples or count <= 0:
                return 0
            try:
                return 0 if sink(ctypes.string_at(samples, count * 2)) else 1
            except BaseException as exc:  # noqa: BLE001 - ctypes would swallow it
                raised.append(exc)
                return 1

        callback = _CALLBACK(hand_over)
        self._library.espeak_SetSynthCallback(callback)
        code = self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        if raised:
            raise raised[0]
        if code != 0:
            raise VoiceUnavailable("The embedded voice refused to speak.")


def speakable(text: str) -> str:
    """``text`` as the engine gets it: NFC, no control characters, single spaces.

    Returns:
        Empty when the text holds nothing that can be pronounced.

    Raises:
        UnreadableInput: longer than :data:`MAX_CHARS`.
    """
    if len(text) > MAX_CHARS:
        raise UnreadableInput(
            f"The text has {len(text):,} characters but the voice speaks at most {MAX_CHARS:,} "
            "at once: split it."
        )
    words = " ".join(unicodedata.normalize("NFC", _UNSPEAKABLE.sub(" ", text)).split())
    return words if any(unicodedata.category(char)[0] in "LN" for char in words) else ""


def check_sound(voice: str, rate: int, pitch: int) -> None:
    """Refuse a voice, rate or pitch that espeak-ng would quietly replace by another.

    Raises:
        ConfigurationError: one sentence that says what is allowed.
    """
    match = _NAME.fullmatch(voice)
    # espeak-ng ignores an unknown variant without a word, so its file is looked for here
    if match is None or (match[2] and not (_data_dir() / "voices" / "!v" / match[2]).is_file()):
        raise ConfigurationError(
            "This voice is unknown to espeak-ng: name a voice such as ta, or ta+f5 with a variant."
        )
    if not RATE_RANGE[0] <= rate <= RATE_RANGE[1]:
        raise ConfigurationError("The rate of the voice must be 80 to 450 words a minute.")
    if not PITCH_RANGE[0] <= pitch <= PITCH_RANGE[1]:
        raise ConfigurationError("The pitch of the voice must be 0 to 99.")


def _data_dir() -> Path:
    import espeakng_loader  # here, not above: importing this module must stay free of it

    return Path(espeakng_loader.get_data_path())


@functools.cache
def _load() -> Any:
    import espeakng_loader

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_Info.restype = ctypes.c_char_p
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        data = str(_data_dir()).encode()
        found = library.espeak_Initialize(_SYNCHRONOUS, _CHUNK_MS, data, _DONT_EXIT)
    except (OSError, AttributeError, RuntimeError):
        raise VoiceUnavailable(
            "espeak-ng cannot be loaded: reinstall the package espeakng-loader."
        ) from None
    if found != SAMPLE_RATE:
        raise VoiceUnavailable("espeak-ng answered with an unexpected sample rate.")
    return library


def main() -> int:
    """Speak standard input to standard output once; see the module's docstring."""
    voice, rate, pitch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    text = sys.stdin.buffer.read(8 * MAX_CHARS).decode("utf-8", "replace")

    def write(chunk: bytes) -> bool:
        sys.stdout.buffer.write(chunk)
        return True

    try:
        Espeak().speak(text, write, voice=voice, rate=rate, pitch=pitch)
        sys.stdout.buffer.flush()
    except (ConfigurationError, UnreadableInput, VoiceUnavailable) as exc:
        sys.stderr.write(f"{exc}\n")
        return 3 if isinstance(exc, VoiceUnavailable) else 2
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
