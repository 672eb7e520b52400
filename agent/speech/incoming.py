"""Sound from somebody else's voice: PCM or WAV in, our PCM out, never noise or silence.

A proxy that answers 200 with a page, a model that ends without a sound, a file of another kind: all
of that looks like an answer until it is listened to. So nothing is passed on before it sounds, and
until then a failure costs the caller nothing.
"""

from __future__ import annotations

import struct
from email.message import Message
from typing import cast

import numpy as np

from agent.speech.audio import Samples, level_dbfs
from agent.speech.joins import SAMPLE_RATE

SILENCE_DBFS = -50.0
"""Quieter than this is no speech: recorded voices lie at -20 to -30, dither below -90."""
SILENT_S = 2.0
"""An answer that has not sounded in its first two seconds never will."""
LONGEST_S = 200.0
"""Longest answer taken; 2,000 characters, the longest request, are 150 s."""
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000

_WINDOW_S = 0.02
_PCM_TYPES = ("audio/pcm", "audio/x-pcm", "audio/raw", "application/octet-stream", "")
_WAV_TYPES = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")
_TEXT = (b"<!", b"<htm", b"<HTM", b"<?xm", b'{"', b"{\n", b"[{")
_OTHER_SOUND = (b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3")
_RIFF_BYTES = 12
_HEAD_BYTES = 4
_LONGEST_HEADER = 4096
_STREAMED = 0x7FFF_0000
"""A WAV file that was streamed states a size like this, or 0: it did not know."""
_WAVE_PCM, _WAVE_EXTENSIBLE = 1, 0xFFFE


class BadSound(Exception):
    """What came is no speech; ``kind`` is one word: text, format, silence, odd, empty, long."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"No speech came: {kind}.")
        self.kind = kind


class Incoming:
    """One answer as it arrives. Give it bytes, get PCM (int16 mono, 22,050 Hz) once it sounds."""

    def __init__(self, content_type: str, pcm_rate: int) -> None:
        """Read what the header says.

        Args:
            content_type: of the answer; may name the rate (``audio/pcm;rate=24000``).
            pcm_rate: hertz of PCM that says nothing about itself.

        Raises:
            BadSound: it says that it is something else.
        """
        message = Message()
        message["Content-Type"] = content_type or "application/octet-stream"
        kind = message.get_content_type()
        if kind.startswith("text/") or kind.endswith(("json", "xml")):
            raise BadSound("text")
        if kind not in _PCM_TYPES + _WAV_TYPES:
            raise BadSound("format")
        named = str(message.get_param("rate") or "")
        self._rate = int(named) if named.isdecimal() else pcm_rate
        self._raw = bytearray()
        """Not understood yet: the head, or half a sample."""
        self._left: int | None = None
        """Bytes of samples still to come, where the file says so."""
        self._begun = False
        self._held: list[Samples] = []
        """Our PCM that came before anything sounded."""
        self._heard_s = 0.0
        self._changer: _Changer | None = None
        self.sounding = False

    def push(self, raw: bytes) -> bytes:
        """PCM that may be passed on: nothing until it sounds, then everything from the start.

        Raises:
            BadSound: it is no speech.
        """
        self._raw += raw
        if not self._begun and not self._read_head(last=False):
            return b""
        return self._pass_on(self._samples(), last=False)

    def finish(self) -> bytes:
        """The rest, after the last byte.

        Raises:
            BadSound: nothing in it sounded, or half a sample is left over.
        """
        if not self._begun:
            self._read_head(last=True)
        samples = self._samples()
        if self._raw and not self.sounding:
            raise BadSound("odd")
        rest = self._pass_on(samples, last=True)
        if not self.sounding:
            raise BadSound("silence" if self._heard_s else "empty")
        return rest

    def _samples(self) -> Samples:
        """Every whole sample that is here; half a one waits for its other half."""
        if self._left is not None:
            del self._raw[self._left :]  # what follows the samples in a file is no sound
        whole = len(self._raw) // 2 * 2
        samples = np.frombuffer(bytes(self._raw[:whole]), "<i2")
        del self._raw[:whole]
        if self._left is not None:
            self._left -= whole
        return samples

    def _read_head(self, *, last: bool) -> bool:
        """Whether the samples begin now."""
        head = bytes(self._raw[:_RIFF_BYTES])
        if len(head) < _HEAD_BYTES and not last:
            return False
        if head.lstrip().startswith(_TEXT):
            raise BadSound("text")
        if head.startswith(_OTHER_SOUND):
            raise BadSound("format")
        if head.startswith(b"RIFF"):
            begin = self._read_wav()
            if begin is None:
                if last or len(self._raw) > _LONGEST_HEADER:
                    raise BadSound("format")
                return False
            del self._raw[:begin]
        if not LOWEST_RATE <= self._rate <= HIGHEST_RATE:
            raise BadSound("format")
        self._changer = _Changer(self._rate)
        self._begun = True
        return True

    def _read_wav(self) -> int | None:
        """Where the samples of a WAV file begin; None while its header is not all here."""
        at = _RIFF_BYTES
        while len(self._raw) >= at + 8:
            name, size = struct.unpack_from("<4sI", self._raw, at)
            if name == b"data":
                if 0 < size < _STREAMED:
                    self._left = size
                return at + 8
            if len(self._raw) < at + 8 + size:
                return None
            if name == b"fmt ":
                if size < struct.calcsize("<HHIIHH"):
                    raise BadSound("format")
                form, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", self._raw, at + 8)
                if form not in (_WAVE_PCM, _WAVE_EXTENSIBLE) or (channels, bits) != (1, 16):
                    raise BadSound("format")
                self._rate = rate
            at += 8 + size + size % 2
        return None

    def _pass_on(self, samples: Samples, *, last: bool) -> bytes:
        before_s = self._heard_s
        self._heard_s += len(samples) / self._rate
        if self._heard_s > LONGEST_S:
            raise BadSound("long")
        changed = self._changer.push(samples, last=last) if self._changer else samples
        if self.sounding:
            return changed.tobytes()
        self._held.append(changed)
        if not _sounds(samples, self._rate):
            if before_s < SILENT_S <= self._heard_s:
                raise BadSound("silence")
            return b""
        self.sounding = True
        held = np.concatenate(self._held).astype("<i2").tobytes()
        self._held.clear()
        return held


class _Changer:
    """Changes the rate of a stream to ours."""

    def __init__(self, rate: int) -> None:
        import soxr

        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="int16")
        self._same = rate == SAMPLE_RATE

    def push(self, samples: Samples, *, last: bool) -> Samples:
        if self._same:
            return samples
        return cast("Samples", self._stream.resample_chunk(samples, last=last))


def _sounds(samples: Samples, rate: int) -> bool:
    """Whether any 20 ms of ``samples`` are louder than silence."""
    step = max(1, int(_WINDOW_S * rate))
    windows = (samples[at : at + step] for at in range(0, len(samples), step))
    return any(level_dbfs(window) > SILENCE_DBFS for window in windows)
