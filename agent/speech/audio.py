"""PCM int16 mono in and out of files; resampling; duration and level.

Files come from people, so every odd one is expected: any container and codec PyAV knows, any
width, any number of channels, and things that are not sound at all. Reading streams, with a limit,
so that a two-hour recording neither fills the memory nor hangs.
"""

from __future__ import annotations

import contextlib
import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from agent.errors import UnreadableInput, UsageError

MAX_DURATION_S = 3600.0
"""Longest recording read: an hour at 16 kHz is 115 MB."""
LOWEST_SAMPLE_RATE = 4_000
HIGHEST_SAMPLE_RATE = 384_000
FLOOR_DBFS = -120.0
"""Level given for digital silence."""

Samples = NDArray[np.int16]
"""Shape (samples,), int16, mono."""


@dataclass(frozen=True, slots=True)
class AudioClip:
    """A piece of sound, mono."""

    samples: Samples
    sample_rate: int
    """Hertz."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def to_float(samples: Samples) -> NDArray[np.float32]:
    """-1..1 from int16."""
    return np.divide(samples, np.float32(32768), dtype=np.float32)


def to_int16(samples: NDArray[np.floating[Any]]) -> Samples:
    """int16 from -1..1; louder is clipped, what is not a number becomes silence."""
    bounded = np.clip(np.nan_to_num(samples, nan=0.0), -1.0, 1.0)
    scaled: Samples = np.clip(np.rint(bounded * 32768), -32768, 32767).astype(np.int16)
    return scaled


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """``samples`` at another rate (hertz), band-limited."""
    import soxr

    if from_rate == to_rate or not len(samples):
        return samples
    return cast("Samples", soxr.resample(samples, from_rate, to_rate))


def level_dbfs(samples: Samples) -> float:
    """Root mean square in dB under full scale, at least ``FLOOR_DBFS``."""
    if not len(samples):
        return FLOOR_DBFS
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(FLOOR_DBFS, 10 * math.log10(power / 32768**2)) if power > 0 else FLOOR_DBFS


def read_audio(
    path: Path, *, sample_rate: int | None = None, max_duration_s: float = MAX_DURATION_S
) -> AudioClip:
    """Read a recording of any common kind; several channels are mixed to one.

    Args:
        path: a file.
        sample_rate: hertz wanted; None keeps the file's own.
        max_duration_s: longer recordings are refused, before they are read where they say so.

    Raises:
        UnreadableInput: one sentence: missing, folder, empty, no sound, damaged, too long.
    """
    import av

    _check_file(path)
    try:
        # file: and the whitelist keep playlists from opening other files or the network.
        with av.open(f"file:{path}", options={"protocol_whitelist": "file"}) as container:
            return _read(container, path, sample_rate, max_duration_s)
    except av.FFmpegError:
        raise UnreadableInput(f"{path} is not a sound file we can read.") from None
    except OSError as exc:
        raise UnreadableInput(f"{path} cannot be read ({exc.strerror}).") from None


def write_wav(path: Path, samples: Samples, sample_rate: int) -> None:
    """Write a WAV file, 16 bit mono; an older file of that name is replaced.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        with path.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sample_rate)
            file.writeframes(np.ascontiguousarray(samples, dtype="<i2").tobytes())
    except OSError as exc:
        raise UsageError(f"{path} cannot be written ({exc.strerror}).") from None


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise UnreadableInput(f"{path} is a folder; name the sound file in it.")
        if not path.exists():
            raise UnreadableInput(f"{path} does not exist; check the name.")
        if not path.is_file():
            raise UnreadableInput(f"{path} is not an ordinary file.")
        if path.stat().st_size == 0:
            raise UnreadableInput(f"{path} is empty.")
        with path.open("rb"):
            pass
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "a name with a zero byte"
        raise UnreadableInput(f"{str(path)!r} cannot be read ({reason}).") from None


def _read(container: Any, path: Path, sample_rate: int | None, max_duration_s: float) -> AudioClip:
    if not container.streams.audio:
        raise UnreadableInput(f"{path} holds no sound.")
    stream = container.streams.audio[0]
    own_rate = int(stream.rate or 0)
    if not LOWEST_SAMPLE_RATE <= own_rate <= HIGHEST_SAMPLE_RATE:
        raise UnreadableInput(f"{path} has a sample rate of {own_rate} Hz, which we cannot use.")
    said_s = float(stream.duration * stream.time_base) if stream.duration else 0.0
    if said_s > max_duration_s:
        raise _too_long(path, max_duration_s)
    chunks: list[Samples] = []
    length = 0
    for chunk in _resampled(_decoded(container, stream, own_rate), own_rate, sample_rate):
        chunks.append(chunk)
        length += len(chunk)
        if length > max_duration_s * (sample_rate or own_rate):
            raise _too_long(path, max_duration_s)
    if not length:
        raise UnreadableInput(f"{path} holds no sound: it has 0 samples.")
    return AudioClip(np.concatenate(chunks), sample_rate or own_rate)


def _decoded(container: Any, stream: Any, rate: int) -> Iterator[Samples]:
    """Mono int16 pieces; a damaged packet is skipped, as a player would."""
    import av

    mono = av.AudioResampler(format="s16", layout="mono", rate=rate)
    for packet in container.demux(stream):
        with contextlib.suppress(av.InvalidDataError):
            for frame in packet.decode():
                for piece in mono.resample(frame):
                    yield cast("Samples", piece.to_ndarray().reshape(-1))
    for piece in mono.resample(None):
        yield cast("Samples", piece.to_ndarray().reshape(-1))


def _resampled(
    pieces: Iterator[Samples], own_rate: int, wanted_rate: int | None
) -> Iterator[Samples]:
    import soxr

    if wanted_rate is None or wanted_rate == own_rate:
        yield from pieces
        return
    changer = soxr.ResampleStream(own_rate, wanted_rate, 1, dtype="int16")
    for piece in pieces:
        yield cast("Samples", changer.resample_chunk(piece))
    yield cast("Samples", changer.resample_chunk(np.zeros(0, np.int16), last=True))


def _too_long(path: Path, max_duration_s: float) -> UnreadableInput:
    return UnreadableInput(
        f"{path} is longer than {max_duration_s / 60:g} minutes, the most we read at once; "
        "cut it into parts."
    )
