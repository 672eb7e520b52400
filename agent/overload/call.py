"""One overloaded call: sentences out, keys in. Knows no LiveKit.

The dialogue is the one of every call (:mod:`agent.conversation.dialogue`), begun with
``overload_opening``; so a call-back is a durable row before it is said. What is said is said in
Tamil and then in English: nobody can ask for another language here.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from agent.conversation.keypad import ALONE_S, WAITING, Keypad

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.conversation.dialogue import Dialogue, Spoken
    from agent.conversation.script import Script
    from agent.conversation.steps import Line

FIRST, SECOND = "ta", "en"
_ONCE = frozenset({"notice", "notice_election"})
"""Who is speaking is said in Tamil only: the matter comes sooner."""
_MOST_KEYS = 16
"""Keys that wait to be read; who presses more at once has them dropped."""

Words = tuple[str, str]
"""(language, sentence)."""


class Speaks(Protocol):
    """Who makes sound of the sentences (:mod:`agent.overload.speaker`)."""

    async def say(self, words: Sequence[Words]) -> None:
        """Say them in turn; returns when they were heard. Cancelling it is silence at once."""


class OverloadCall:
    """Holds one call from the first sentence to the last.

    Args:
        dialogue: begun with ``overload_opening``.
        scripts: language -> its sentences.
        speaker: makes sound of them.
        silence_s: so long after the last word a caller who pressed nothing is let go.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        scripts: Mapping[str, Script],
        speaker: Speaks,
        *,
        silence_s: float,
    ) -> None:
        self._dialogue = dialogue
        self._scripts = scripts
        self._speaker = speaker
        self._silence_s = silence_s
        self._keypad = Keypad()
        self._keys: asyncio.Queue[str] = asyncio.Queue(_MOST_KEYS)

    def press(self, key: str) -> None:
        """The caller pressed a key; safe from an event handler of the same loop."""
        with contextlib.suppress(asyncio.QueueFull):
            self._keys.put_nowait(key)

    async def run(self) -> str:
        """Hold the call until its last word was heard; returns how it ended."""
        spoken = self._dialogue.greet()
        while not spoken.step.end:
            spoken = await self._next(spoken)
        await self._speaker.say(self.words(spoken))
        return self._dialogue.state.outcome

    async def _next(self, spoken: Spoken) -> Spoken:
        """Say a question and take what answers it: a key that means something, or silence."""
        saying = asyncio.create_task(self._speaker.say(self.words(spoken)))
        try:
            if spoken.step.uninterruptible:
                await saying
            while True:
                key = await self._key(saying)
                if key is None:
                    return await self._dialogue.silence()
                state = self._dialogue.state
                turn = self._keypad.press(key, state.expect, state.digits)
                if turn is not None:
                    break
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
        return await self._dialogue.commit_turn(turn)

    async def _key(self, saying: asyncio.Task[None]) -> str | None:
        """The next key; None when the sentence is over and the caller has been silent since."""
        pressed = asyncio.create_task(self._keys.get())
        try:
            await asyncio.wait({saying, pressed}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({pressed}, timeout=self._silence_s)
            if not pressed.done():
                return None
        finally:
            pressed.cancel()
        return await self._alone(pressed.result())

    async def _alone(self, key: str) -> str:
        """0 and 9 begin phone numbers too: they count when no other key follows at once."""
        while key in WAITING:
            try:
                async with asyncio.timeout(ALONE_S):
                    key = await self._keys.get()
            except TimeoutError:
                break
        return key

    def words(self, spoken: Spoken) -> tuple[Words, ...]:
        """A step in Tamil, then in English.

        Lines with slots are Tamil words already, so they are not said again.
        """
        said = spoken.step.say
        again = [line for line in said if line.prompt not in _ONCE and not line.values]
        first, second = self._text(FIRST, said), self._text(SECOND, again)
        return tuple(one for one in ((FIRST, first), (SECOND, second)) if one[1])

    def _text(self, language: str, lines: Sequence[Line]) -> str:
        return self._scripts[language].text(lines)
