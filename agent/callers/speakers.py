"""Who is on the caller's end of the line: what he says next, and how it sounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agent.callers.scripted_caller import CallerState, Origin, Utterance, respond
from agent.complaint import Slot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from agent.callers.script_file import ScriptedCall


class Speaker(Protocol):
    """One caller for one call; remembers what was said."""

    def respond(self, asked: Slot | None) -> Utterance | None:
        """What the caller says now that ``asked`` is open; None: he hangs up."""
        ...

    def sound(self, said: Utterance) -> NDArray[np.int16] | None:
        """The utterance, int16 mono at 16 kHz; None when the caller stays silent."""
        ...


class ScriptedSpeaker:
    """Answers by slot, as the script says; speaks with rendered or recorded sound."""

    def __init__(
        self,
        script: ScriptedCall,
        *,
        by_text: Mapping[str, NDArray[np.int16]] | None = None,
        by_turn: Sequence[NDArray[np.int16]] | None = None,
    ) -> None:
        """Take a script and the sound of its texts, or of its turns; none for typed calls."""
        self._script = script
        self._by_text = by_text or {}
        self._by_turn = by_turn
        self._state = CallerState()

    def respond(self, asked: Slot | None) -> Utterance | None:
        """The turn that answers the question, or a default answer."""
        self._state, said = respond(self._script, self._state, asked)
        return said

    def sound(self, said: Utterance) -> NDArray[np.int16] | None:
        """The sound of a turn; a recorded caller has none for a default answer."""
        if self._by_turn is not None:
            return None if said.turn is None else self._by_turn[said.turn]
        return self._by_text.get(said.text)


class RecordedSpeaker:
    """Plays the turns of a recording one after another; hangs up when they are over."""

    def __init__(self, clips: Sequence[NDArray[np.int16]]) -> None:
        """Take the turns, int16 mono at 16 kHz."""
        self._clips = clips
        self._next = 0

    def respond(self, asked: Slot | None) -> Utterance | None:
        """The next turn of the recording, whatever was asked."""
        if self._next >= len(self._clips):
            return None
        turn, self._next = self._next, self._next + 1
        text = f"[recording, turn {turn + 1} of {len(self._clips)}]"
        return Utterance(text, Origin.SCRIPT, turn, asked)

    def sound(self, said: Utterance) -> NDArray[np.int16] | None:
        """The sound of a turn."""
        return None if said.turn is None else self._clips[said.turn]
