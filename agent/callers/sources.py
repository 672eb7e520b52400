"""Which callers the paths on the command line name: scripts, recordings, folders of both.

Every file is read and checked before the first call is played, so that a typing error at the end
of a long list costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent.callers.recording import RECORDINGS, load_recording
from agent.callers.script_file import ScriptedCall, load_script
from agent.errors import UnreadableInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CallSource:
    """One caller to play."""

    path: Path
    script: ScriptedCall
    clips: tuple[NDArray[np.int16], ...] | None = None
    """The turns of a recorded caller, int16 mono at 16 kHz; None for a scripted one."""


def load_sources(paths: Sequence[Path]) -> tuple[CallSource, ...]:
    """Every caller the paths name, in order; folders are searched recursively and sorted.

    Raises:
        UsageError: one sentence about the first path or file that cannot be played.
    """
    files = [file for path in paths for file in _files(path)]
    return tuple(map(_load, dict.fromkeys(files)))


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UsageError(f"{path} does not exist.")
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    recordings = {p for p in found if p.suffix.lower() in RECORDINGS}
    described = {p.with_suffix("") for p in recordings}
    scripts = {
        p for p in found if p.suffix.lower() == ".json" and p.with_suffix("") not in described
    }
    if not recordings and not scripts:
        raise UsageError(
            f"{path} holds no calls: no scripts (.json) and no recordings (.wav, .mp3)."
        )
    return sorted(recordings | scripts)


def _load(path: Path) -> CallSource:
    if path.suffix.lower() == ".json":
        return CallSource(path, load_script(path))
    if path.suffix.lower() in RECORDINGS:
        recorded = load_recording(path)
        return CallSource(path, recorded.script, recorded.clips)
    raise UnreadableInput(
        f"{path} is neither a scripted call (.json) nor a recording (.wav, .mp3, ...)."
    )
