"""``kural call --record``: a script played in text, and the caller's side of it as a recording."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent.callers.caller_voice import OneShotVoice, manner_of, render
from agent.callers.isolation import Stores
from agent.callers.player import Player, Task
from agent.callers.recording import write_recording
from agent.callers.script_file import ScriptedCall
from agent.errors import UsageError
from agent.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.callers.played import Exchange
    from agent.callers.scripted_caller import Utterance
    from agent.callers.sources import CallSource
    from agent.settings import Settings

_KEPT_WORDS = frozenset({"abuse", "human", "unclear", "close"})
"""Turns that come where they stand, whatever was asked."""


async def record_call(
    settings: Settings, source: CallSource, path: Path, voice: str | None
) -> None:
    """Play one script in text, then write the caller's side of it as a recording.

    The turns are those the caller really took, default answers included, so that the recording
    fits the questions as the agent asks them today. The same script gives the same turns.

    Raises:
        UsageError: the call did not pass, or holds a turn that is silent or pressed.
    """
    stores = Stores(build_parts(settings, audio=False))
    try:
        report = await Player(stores, None).play(Task(source))
    finally:
        stores.close()
    if not report.passed:
        wrong = ", ".join(name for name, mark in report.marks.items() if not mark.ok)
        raise UsageError(f"{source.path} is not recorded: its own typed call fails in {wrong}.")
    turns = [e for e in report.played.exchanges if e.said is not None]
    if any(not e.said.text or e.said.keys for e in turns if e.said):
        raise UsageError(
            f"{source.path} is not recorded: a silent turn has no sound, nor has a key."
        )
    script = _as_recorded(source.script, turns)
    manner = manner_of(source.script, voice)
    clips = [await render(OneShotVoice(), text, manner) for text in script.caller_turns_ta]
    await asyncio.to_thread(write_recording, path, script, clips)


def _as_recorded(script: ScriptedCall, turns: Sequence[Exchange]) -> ScriptedCall:
    """The script with exactly the turns that were taken, in their order."""
    said = [exchange.said for exchange in turns if exchange.said is not None]
    changed = {
        "caller_turns_ta": [one.text for one in said],
        "turn_slots": [_slot_word(one, script) for one in said],
        "notes": "The caller's side of the call of this id, recorded by kural call --record.",
    }
    kept = script.model_dump(mode="json", exclude_unset=True, by_alias=True)
    return ScriptedCall.model_validate(kept | changed)


def _slot_word(said: Utterance, script: ScriptedCall) -> str:
    """What a recorded turn answers: the question it was given for, so that it fits again."""
    own = script.turn_slots[said.turn] if said.turn is not None else None
    if own is not None and (said.question is None or own in _KEPT_WORDS):
        return own
    return said.question.value if said.question else "complaint"
