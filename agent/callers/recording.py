"""Recorded callers: a recording cut into turns at its silences; and the making of one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent.callers.audio_io import LINE_RATE
from agent.callers.script_file import ScriptedCall, parse_call, read_object
from agent.callers.telephone import PHONE_RATE
from agent.errors import UnreadableInput
from agent.speech.audio import read_audio, write_wav

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

GAP_S = 0.9
"""Silence that ends a turn: longer than any pause inside one (groups of digits pause 0.3-0.7 s)."""
WRITTEN_GAP_S = 1.5
"""Silence between the turns of a recording we make."""
RECORDINGS = frozenset({".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".webm"})
"""File endings taken for recordings in a folder."""
MAX_RECORDING_S = 900.0
"""Longest recording of one caller: no call lasts longer (CALL__MAX_CALL_S)."""
_FRAME_S = 0.02
_FRAME = round(LINE_RATE * _FRAME_S)
_PADDING_S = 0.12
_SHORTEST_TURN_S = 0.06
_QUIETEST_SPEECH = 60.0
"""int16 RMS (-55 dBFS) under which nothing counts as speech, however silent the rest is."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A caller on a recording."""

    script: ScriptedCall
    """Who calls and what must come of it; its turns are empty when nobody wrote them down."""
    clips: tuple[NDArray[np.int16], ...]
    """The turns in order, int16 mono at 16 kHz."""


def load_recording(path: Path) -> RecordedCall:
    """Read a recording and the JSON file of the same stem beside it, if there is one.

    Raises:
        UnreadableInput: one sentence: not a recording, too long, without speech, or the JSON file
            does not fit it.
    """
    sidecar = path.with_suffix(".json")
    described = {"id": _id_of(path)} | (read_object(sidecar) if sidecar.is_file() else {})
    script = parse_call(sidecar, described)
    sound = read_audio(path, sample_rate=LINE_RATE, max_duration_s=MAX_RECORDING_S)
    clips = split_turns(sound.samples)
    if not clips:
        raise UnreadableInput(f"{path} holds no speech: every part of it is silent.")
    turns = len(script.turn_slots)
    if turns and turns != len(clips):
        raise UnreadableInput(
            f"{path} has {len(clips)} turns between silences of {GAP_S:g} s, but "
            f"{sidecar.name} describes {turns}."
        )
    return RecordedCall(script, clips)


def split_turns(pcm: NDArray[np.int16]) -> tuple[NDArray[np.int16], ...]:
    """Cut a recording (int16 mono, 16 kHz) at silences of :data:`GAP_S` and more.

    What counts as silence follows the recording's own noise. Each turn keeps 0.12 s around it.
    """
    voiced = _voiced_frames(pcm)
    if not voiced.size:
        return ()
    breaks = np.flatnonzero(np.diff(voiced) > GAP_S / _FRAME_S)
    starts = voiced[np.concatenate([[0], breaks + 1])]
    ends = voiced[np.concatenate([breaks, [voiced.size - 1]])] + 1
    padding = round(_PADDING_S / _FRAME_S)
    shortest = _SHORTEST_TURN_S / _FRAME_S
    return tuple(
        pcm[max(0, start - padding) * _FRAME : (end + padding) * _FRAME]
        for start, end in zip(starts, ends, strict=True)
        if end - start >= shortest
    )


def write_recording(path: Path, script: ScriptedCall, clips: Sequence[NDArray[np.int16]]) -> None:
    """Write a recorded caller: 8 kHz mono 16-bit WAV, and its JSON file beside it.

    Args:
        path: the WAV file.
        script: the caller; its turns are the clips, one for one.
        clips: the turns, int16 mono at 8 kHz.
    """
    gap = np.zeros(round(WRITTEN_GAP_S * PHONE_RATE), np.int16)
    sound = np.concatenate([part for clip in clips for part in (gap, clip)] + [gap])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, sound, PHONE_RATE)
    described = script.model_dump(mode="json", exclude_unset=True, by_alias=True)
    text = json.dumps(described, ensure_ascii=False, indent=1)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def _voiced_frames(pcm: NDArray[np.int16]) -> NDArray[np.intp]:
    """Indices of the 20 ms frames that hold more than the recording's own noise."""
    frames = pcm[: len(pcm) // _FRAME * _FRAME].astype(np.float64).reshape(-1, _FRAME)
    if not len(frames):
        return np.zeros(0, np.intp)
    level = np.sqrt(np.mean(frames**2, axis=1))
    noise, loudest = np.percentile(level, 10), np.percentile(level, 99)
    threshold = max(_QUIETEST_SPEECH, min(3 * noise, loudest / 3), loudest / 30)
    return np.flatnonzero(level > threshold)


def _id_of(path: Path) -> str:
    """A call id from a file's stem: letters, digits, ``_ . -``; at most 64."""
    return "".join(c if c.isalnum() or c in "_.-" else "-" for c in path.stem)[:64] or "recording"
