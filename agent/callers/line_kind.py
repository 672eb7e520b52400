"""From what kind of telephone, with what voice and in what place a scripted caller speaks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent.callers.expected import Part

Noise = Literal["street", "music", "hiss", "babble"]
VoiceKind = Literal["old", "young", "child", "deep"]


class LineKind(Part):
    """The caller's line; nothing named is a clean mobile line."""

    noise: Noise | None = None
    """What is heard behind the caller's words, all the time."""
    snr_db: float = Field(default=15.0, ge=0.0, le=40.0)
    """How much louder than the noise the caller is, decibels."""
    loss: float = Field(default=0.0, ge=0.0, le=0.3)
    """Part of the 20 ms frames that are lost on the way, 0 to 1."""
    voice: VoiceKind | None = None
    rate: float = Field(default=1.0, ge=0.5, le=2.0)
    """Pace of speech, as a multiple of the usual one."""
    mumbles: bool = False
    """Speaks with the mouth half closed: dull, and quiet at the ends of words."""
