"""Callers for a calibration: who they are, what they say, and its sound made beforehand.

Callers must not be heard speaking for the first time while something is measured: their voices
would take the processor from the calls. So every utterance lies ready in a file that all call
processes map into their memory.
"""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent.callers.caller_voice import manner_of, render_all
from agent.callers.script_file import ScriptedCall
from agent.callers.scripted_caller import all_texts
from agent.callers.speakers import RecordedSpeaker, ScriptedSpeaker, Speaker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.callers.caller_voice import Speaks
    from agent.callers.sources import CallSource

MADE = 24
"""Different callers of a calibration without recordings."""
_WORDS = Path(__file__).with_name("data") / "made_calls.toml"
_INDEX, _SOUND = "callers.json", "sound.npy"
_BY_TURN = "turn "


def made_scripts(count: int = MADE, seed: int = 1) -> list[ScriptedCall]:
    """So many different callers, always the same for the same seed."""
    words = tomllib.loads(_WORDS.read_text(encoding="utf-8"))
    rng = random.Random(seed)
    return [_script(number, words, rng) for number in range(count)]


def _script(number: int, words: Mapping[str, Sequence[str]], rng: random.Random) -> ScriptedCall:
    complaint = words["complaints"][number % len(words["complaints"])]
    place = words["places"][number % len(words["places"])]
    turns = [
        ("consent", "சரி"),
        ("complaint", complaint),
        ("place", place),
        ("landmark", rng.choice(words["landmarks"])),
        ("name", rng.choice(words["names"])),
        ("same_number", "இல்ல" if number % 2 else "ஆமா"),
        ("confirm", "ஆமா"),
        ("repeat", "வேண்டாம்"),
    ]
    if number % 2:
        turns.insert(6, ("phone", rng.choice(words["phones"])))
    return ScriptedCall(
        id=f"made-{number:02d}",
        persona="calibration",
        caller_turns_ta=tuple(text for _, text in turns),
        turn_slots=tuple(slot for slot, _ in turns),
    )


@dataclass(frozen=True, slots=True)
class ReadyCaller:
    """A caller whose every word is sound already."""

    script: ScriptedCall
    sounds: Mapping[str, NDArray[np.int16]]
    """By text, or by turn where the caller is a recording; int16 mono at 16 kHz."""

    def speaker(self) -> Speaker:
        """Him at the telephone, for one call."""
        turns = [self.sounds[name] for name in self.sounds if name.startswith(_BY_TURN)]
        if not turns:
            return ScriptedSpeaker(self.script, by_text=self.sounds)
        if self.script.turn_slots:
            return ScriptedSpeaker(self.script, by_turn=turns)
        return RecordedSpeaker(turns)

    def seconds_of(self, text: str, turn: int | None) -> float:
        """How long he speaks at an utterance; 0 where he has no sound for it."""
        sound = self.sounds.get(text)
        if sound is None and turn is not None:
            sound = self.sounds.get(f"{_BY_TURN}{turn:03d}")
        return 0.0 if sound is None else len(sound) / 16_000


async def speak_beforehand(sources: Sequence[CallSource], speaks: Speaks, folder: Path) -> None:
    """Make the sound of all callers and put it into ``folder``.

    Args:
        sources: scripted callers, whose sound is made, and recorded ones, who have theirs.
        speaks: the voice process.
        folder: exists and is empty.

    Raises:
        VoiceUnavailable: the voice does not answer.
    """
    clips: list[NDArray[np.int16]] = []
    index = []
    made: dict[tuple[str, str], NDArray[np.int16]] = {}
    at = 0
    for source in sources:
        placed = {}
        for name, clip in (await _sounds(source, speaks, made)).items():
            placed[name] = (at, at + len(clip))
            clips.append(clip)
            at += len(clip)
        index.append({"script": source.script.model_dump(mode="json", by_alias=True),
                      "sounds": placed})  # fmt: skip
    np.save(folder / _SOUND, np.concatenate([*clips, np.zeros(1, np.int16)]))
    (folder / _INDEX).write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")


async def _sounds(
    source: CallSource, speaks: Speaks, made: dict[tuple[str, str], NDArray[np.int16]]
) -> dict[str, NDArray[np.int16]]:
    if source.clips is not None:
        return {f"{_BY_TURN}{turn:03d}": clip for turn, clip in enumerate(source.clips)}
    manner = manner_of(source.script)
    sounds = {}
    for text in all_texts(source.script):
        key = (text, manner.voice)
        if key not in made:
            made[key] = (await render_all(speaks, [text], manner))[text]
        sounds[text] = made[key]
    return sounds


def ready_callers(folder: Path) -> list[ReadyCaller]:
    """The callers of a folder, their sound mapped, not read: processes share it."""
    sound = np.load(folder / _SOUND, mmap_mode="r")
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    return [
        ReadyCaller(
            ScriptedCall.model_validate(one["script"]),
            {name: sound[start:end] for name, (start, end) in one["sounds"].items()},
        )
        for one in index
    ]
