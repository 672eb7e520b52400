"""What the ears say about one piece of sound: plain data, small enough for a frame header."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.errors import ProtocolError


class DropReason(StrEnum):
    """Why a piece of sound gave no words."""

    SILENCE = "silence"
    """Too quiet to hold speech; not decoded."""
    NO_SPEECH = "no_speech"
    """Loud enough, but the speech detector heard nobody; not decoded."""
    NOT_SAID = "not_said"
    """The model itself doubts that anybody spoke, and doubts its words."""
    LOOP = "loop"
    """The words go round in a circle."""
    RUNAWAY = "runaway"
    """Decoding did not end by itself within what can be said in that time."""
    TOO_FAST = "too_fast"
    """More syllables than a mouth can say in that time."""
    SCRIPT = "script"
    """Letters of a script that nobody speaks here."""
    FAINT = "faint"
    """Speech far softer than the rest of the same sound; not decoded."""
    BLOCKED = "blocked"
    """A known invention: what video makers say at the end."""
    ECHO = "echo"
    """The names of SPEECH__BIAS come back, more of them and in their order than anybody says."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A piece of sound whose words were thrown away. Holds no words."""

    reason: DropReason
    start_s: float
    """Seconds from the beginning of the sound."""
    end_s: float


@dataclass(frozen=True, slots=True)
class Segment:
    """One decoded piece and the figures the guards judged it by (``kural listen --explain``)."""

    start_s: float
    end_s: float
    speech_s: float
    """Seconds of speech inside, by the speech detector."""
    text: str
    """As decoded, NFC, even when it was dropped."""
    tokens: int
    avg_logprob: float
    """Mean natural-log probability of a token."""
    no_speech_prob: float
    """0..1, the model's own doubt."""
    dropped: DropReason | None = None
    retried: bool = False
    """Came from the second try, after a loop or a decoding that did not end."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one piece of sound."""

    text: str
    """NFC, one space between words; empty when nothing was said or all was dropped."""
    confidence: float
    """0..1: mean probability of a token of the kept segments; 0 without words."""
    language: str
    """ISO 639-1 code the recogniser is locked to."""
    duration_s: float
    """Length of the sound."""
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds by step: ``queue_s`` (not in one process), ``vad_s``, ``mel_s``, ``encode_s``,
    ``decode_s``, ``total_s``; and ``batch``, the pieces of the largest batch it was part of."""
    dropped: tuple[Dropped, ...] = ()
    segments: tuple[Segment, ...] = ()
    """Only in the process that decoded: not sent over the link."""


def to_header(transcript: Transcript) -> dict[str, Any]:
    """The transcript as a JSON object, without its segments."""
    header = asdict(transcript)
    del header["segments"]
    return header


_READER = TypeAdapter(Transcript)


def from_header(header: dict[str, Any]) -> Transcript:
    """The transcript a frame header carries.

    Raises:
        ProtocolError: it is not a transcript.
    """
    try:
        return _READER.validate_python(header)
    except ValidationError:
        raise ProtocolError("The ears sent something that is not a transcript.") from None
