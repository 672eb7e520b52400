"""The callers of a load run: in turn from a few scripts, each with a number of his own."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.callers.caller_voice import OneShotVoice, manner_of, render_all, render_babble
from agent.callers.line_effects import effects_of
from agent.callers.scripted_caller import all_texts
from agent.callers.speakers import RecordedSpeaker, ScriptedSpeaker, Speaker
from agent.complaint import Slot
from agent.errors import UsageError
from agent.lab.web_caller import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from agent.callers.script_file import ScriptedCall
    from agent.callers.sources import CallSource

_SHORT = (
    {"hangs_up_at": Slot.CONSENT},
    {"hangs_up_at": Slot.COMPLAINT, "hangs_up_while_speaking": True},
    {"hangs_up_at": Slot.COMPLAINT},
)
"""How short calls end: after the notice, in the middle of the story, before it."""
_KEYED_CONSENT = "[1]"


class Cast:
    """Gives callers in turn. Their sound is made before the first call; they share it."""

    def __init__(
        self,
        sources: Sequence[CallSource],
        sounds: Mapping[str, Mapping[str, NDArray[np.int16]]],
        *,
        record: Path | None = None,
    ) -> None:
        """Take the scripts, the sound of each one's texts by id, and a folder for recordings."""
        self._sources = tuple(sources)
        self._sounds = sounds
        self._record = record
        self._given = 0
        self._seen: Counter[str] = Counter()

    @classmethod
    async def ready(
        cls, sources: Sequence[CallSource], *, short: bool = False, record: Path | None = None
    ) -> Cast:
        """Check the scripts and make their sound, with voices the agent was never trained on.

        Args:
            sources: who may call.
            short: calls end at the notice or at the story; consent is given by key.
            record: folder for two-track recordings; None keeps none.

        Raises:
            UsageError: a script wants what only happens inside the agent's process.
            VoiceUnavailable: the embedded voice failed.
        """
        for source in sources:
            check_callable(source)
        chosen = shortened(sources) if short else tuple(sources)
        sounds = {}
        for source in sources:
            if source.clips is None:
                manner = manner_of(source.script)
                texts = all_texts(source.script)
                sounds[source.script.id] = await render_all(OneShotVoice(), texts, manner)
        return cls(chosen, sounds, record=record)

    async def next(self) -> tuple[Caller, ScriptedCall]:
        """The next caller and his script."""
        source = self._sources[self._given % len(self._sources)]
        self._given += 1
        number, script = self._given, self._numbered(source.script)
        effects = None
        if script.line is not None:
            babble = await render_babble(OneShotVoice(), script.line)
            seed = zlib.crc32(f"{script.id}{number}".encode())
            effects = await asyncio.to_thread(effects_of, script.line, babble, seed)
        record = self._record / f"{number:03d}-{script.id}.wav" if self._record else None
        caller = Caller(
            script.id, script.caller, self._speaker(replace(source, script=script)), effects, record
        )
        return caller, script

    def _numbered(self, script: ScriptedCall) -> ScriptedCall:
        """The script with a telephone number nobody has called from before."""
        ending = script.caller[-2:]
        numbered = script.model_copy(update={"namesakes": self._seen[ending]})
        self._seen[ending] += 1
        return numbered

    def _speaker(self, source: CallSource) -> Speaker:
        if source.clips is None:
            return ScriptedSpeaker(source.script, by_text=self._sounds[source.script.id])
        if source.script.turn_slots:
            return ScriptedSpeaker(source.script, by_turn=source.clips)
        return RecordedSpeaker(source.clips)


def check_callable(source: CallSource) -> None:
    """Refuse a script that needs something done inside the agent.

    Raises:
        UsageError: it does.
    """
    script = source.script
    inside = {
        "settings": script.settings is not None,
        "seed_broken_call": script.seed_broken_call is not None,
        "seed_tickets": bool(script.seed_tickets),
        "interrupts": bool(script.interrupts),
        "backchannels": script.backchannels,
        "dialled_constituency_no": script.dialled_constituency_no is not None,
    }
    named = [name for name, given in inside.items() if given]
    if named:
        raise UsageError(
            f"{source.path} cannot be called over the network, because it names {named[0]}: play "
            "it with `kural call`."
        )


def shortened(sources: Sequence[CallSource]) -> tuple[CallSource, ...]:
    """Callers who hang up early, each in one of three ways; every second gives consent by key."""
    short = []
    for index, source in enumerate(source for source in sources if source.clips is None):
        script = source.script.model_copy(update={**_SHORT[index % len(_SHORT)], "expected": None})
        if index % 2:
            turns = zip(script.turn_slots, script.caller_turns_ta, strict=True)
            others = [(slot, text) for slot, text in turns if slot != Slot.CONSENT]
            slots, said = zip((Slot.CONSENT.value, _KEYED_CONSENT), *others, strict=True)
            script = script.model_copy(update={"turn_slots": slots, "caller_turns_ta": said})
        short.append(replace(source, script=script))
    if not short:
        raise UsageError("Short calls need scripted callers (JSON), not recordings only.")
    return tuple(short)
