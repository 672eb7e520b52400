"""The file of one recorded piece: a WAV any player opens, that cannot be half read.

A chunk of our own holds the name, the length and the CRC-32 of the samples. A file that is cut
short, damaged, misnamed or simply not ours is as good as missing. Files appear by rename, so a
reader sees a whole file or none, and several processes may write into one folder.
"""

from __future__ import annotations

import json
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

from agent.speech.joins import SAMPLE_RATE

_FMT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
_OURS = b"krl "


def packed(key: str, text: str, pcm: bytes) -> bytes:
    """The content of a file.

    Args:
        key: its name without suffix.
        text: what is said, for people who look into the file.
        pcm: int16 mono little-endian at :data:`~agent.speech.joins.SAMPLE_RATE`.
    """
    about = {"key": key, "text": text, "bytes": len(pcm), "crc32": zlib.crc32(pcm)}
    ours = json.dumps(about).encode()  # ASCII, so that the length is even after one pad byte
    ours += b" " * (len(ours) % 2)
    body = b"".join(
        (
            b"WAVE",
            _FMT,
            struct.pack("<4sI", _OURS, len(ours)),
            ours,
            struct.pack("<4sI", b"data", len(pcm)),
            pcm,
        )
    )
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def unpacked(raw: bytes, key: str) -> bytes:
    """The samples of a file of ours.

    Raises:
        ValueError, KeyError, TypeError, struct.error: it is not whole, or is another piece than
            the one called ``key``.
    """
    chunks = _chunks(raw)
    about: dict[str, Any] = json.loads(chunks[_OURS])
    pcm = chunks[b"data"]
    expected = (key, len(pcm), zlib.crc32(pcm))
    if (about["key"], about["bytes"], about["crc32"]) != expected or not pcm:
        raise ValueError("checksum")
    return pcm


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the whole new one.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _chunks(raw: bytes) -> dict[bytes, bytes]:
    magic, size, form = struct.unpack_from("<4sI4s", raw)
    if (magic, size, form) != (b"RIFF", len(raw) - 8, b"WAVE"):
        raise ValueError("not a whole WAV file")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at < len(raw):
        name, length = struct.unpack_from("<4sI", raw, at)
        chunks[name] = raw[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return chunks
