"""A scripted caller on a telephone: he listens, waits his turn, and answers what he is asked.

He knows nothing of the agent but its sound. His turn has come when it has fallen silent after a
question; which question it was he hears (:mod:`agent.lab.question_ear`).
"""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from typing import TYPE_CHECKING

from agent.callers.play_spoken import REACTION_S

if TYPE_CHECKING:
    from agent.callers.scripted_caller import Utterance
    from agent.callers.speakers import Speaker
    from agent.complaint import Slot
    from agent.lab.phone import Phone
    from agent.lab.question_ear import Question, QuestionEar

STUCK_AFTER_S = 30.0
"""A caller who hears nothing for so long hangs up."""
MAX_TURNS = 40
_PAUSE_S = 0.3
"""Silence after which he thinks about what was said; those between sentences are shorter."""
_OPEN_END_S = 0.9
"""Silence that ends digits which are read out."""
_UNKNOWN_END_S = 1.5
"""Silence after words without a question he knows."""
_STEP_S = 0.02


class PhoneCaller:
    """Holds one conversation. Owned by the task that awaits :meth:`converse`."""

    def __init__(self, phone: Phone, speaker: Speaker, ear: QuestionEar, *, seed: str) -> None:
        """Take a telephone whose call was answered, who speaks, and how questions are known."""
        self._phone, self._speaker, self._ear = phone, speaker, ear
        self._random = random.Random(zlib.crc32(seed.encode()))
        self.asked: list[tuple[Question | None, Utterance | None]] = []
        """What he heard himself asked, and what he said to it; None: no question he knew, and
        nothing."""

    async def converse(self) -> None:
        """Talk until somebody hangs up or nothing is heard any more.

        Raises:
            AgentError: the telephone cannot be reached.
        """
        slot, mark = None, 0.0  # what was heard before this began is the greeting
        for _ in range(MAX_TURNS):
            question = await self._agents_turn(mark)
            if self._phone.over.is_set():
                return
            slot = question.slot if question and question.slot else slot
            mark = time.monotonic()
            if not await self._answer(question, slot if question else None):
                break
        await self._phone.hang_up()

    async def _answer(self, question: Question | None, slot: Slot | None) -> bool:
        """Say what he has to say; False when that is nothing more, and he hangs up."""
        said = self._speaker.respond(slot)
        self.asked.append((question, said))
        if said is None:
            return False
        if said.keys:
            await self._phone.press(said.keys)
            return True
        sound = self._speaker.sound(said) if said.text else None
        if sound is not None and sound.size:
            await self._phone.say(sound)
            if said.hangs_up:
                await asyncio.sleep((self._phone.spoken[-1][1] - time.monotonic()) / 2)
            else:
                await self._phone.said()
        return not said.hangs_up

    async def _agents_turn(self, mark: float) -> Question | None:
        """Wait for the end of what the agent says after ``mark``; the question in it."""
        heard, reaction = self._phone.heard, self._random.uniform(*REACTION_S)
        examined, question, began = 0.0, None, time.monotonic()
        while not self._phone.over.is_set():
            now, sounded = time.monotonic(), heard.last_sound_at
            if sounded is None or sounded <= mark:
                if now - began > STUCK_AFTER_S:
                    return None
            elif now - sounded >= _PAUSE_S:
                if examined != sounded:
                    examined = sounded
                    question = await asyncio.to_thread(self._ear.heard_in, heard.since(mark))
                if now - sounded >= max(reaction, _patience_s(question)):
                    return question
            await asyncio.sleep(_STEP_S)
        return None


def _patience_s(question: Question | None) -> float:
    if question is None or question.prompt == "hold_on":
        return _UNKNOWN_END_S
    return _OPEN_END_S if question.goes_on else _PAUSE_S
