"""The outgoing side of one call: what is said that is no reply, and who has the floor."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from livekit.agents import AgentSession
    from livekit.agents.voice import SpeechHandle

_FIRST_WORDS_S = 20.0
"""Longest wait for words that are spoken before a transfer."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Who has the floor just now."""

    speaking: bool
    """The agent says something, or holds it back until the caller has finished."""
    protected: bool
    """It is heard to its end."""


class Speaking:
    """Speaks over the session of one call; a session that is closing is spoken to in vain.

    Args:
        session: gives the session; asked each time, for it exists only while the agent is active.
    """

    def __init__(self, session: Callable[[], AgentSession[Any]]) -> None:
        self._session = session
        self._holding: SpeechHandle | None = None
        """Says that we are at it: no sentence of the conversation."""
        self._calling: SpeechHandle | None = None
        """Calls into a noisy line: no noise stops it, but any words do."""

    @property
    def floor(self) -> Floor:
        """Who has it."""
        handle = self._current()
        if handle is None or handle.interrupted or handle is self._holding:
            return Floor(speaking=False, protected=False)
        protected = not handle.allow_interruptions and handle is not self._calling
        return Floor(speaking=True, protected=protected)

    @property
    def is_quiet(self) -> bool:
        """Whether neither side speaks, nor is about to."""
        session = self._session()
        return session.user_state != "speaking" and session.agent_state == "listening"

    def say(self, text: str, *, protected: bool = False) -> SpeechHandle | None:
        """Say a sentence after what is being said; None when nobody can say it any more.

        Args:
            text: the words.
            protected: heard to its end.
        """
        if not text:
            return None
        with contextlib.suppress(RuntimeError):  # the session is closing
            return self._session().say(text, allow_interruptions=not protected)
        return None

    async def say_and_wait(self, text: str, *, protected: bool = False) -> bool:
        """Say a sentence and wait until it was heard, for 20 s at most; whether it was said."""
        handle = self.say(text, protected=protected)
        if handle is None:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_WORDS_S):
                await handle.wait_for_playout()
        return True

    def hold_on(self, text: str) -> None:
        """Say that we are at it. A reply that already waits for the voice is the voice's matter."""
        if text and self._current() is None:
            with contextlib.suppress(RuntimeError):
                self._holding = self._session().say(text, add_to_chat_ctx=False)

    def call_into_the_line(self, text: str) -> SpeechHandle | None:
        """Say a sentence that line noise cannot stop, but words can."""
        self._calling = self.say(text, protected=True)
        return self._calling

    def insist(self, handle: SpeechHandle) -> None:
        """Let no noise stop this sentence; words still do."""
        handle.allow_interruptions = False
        self._calling = handle

    def give_way(self) -> None:
        """Whatever is being said may be interrupted from now on."""
        if (handle := self._current()) is not None:
            handle.allow_interruptions = True

    async def fall_silent(self, *, force: bool) -> None:
        """Stop what is being said; what is heard to its end only with ``force``."""
        with contextlib.suppress(RuntimeError):
            await self._session().interrupt(force=force)

    def _current(self) -> SpeechHandle | None:
        handle = self._session().current_speech
        return None if handle is None or handle.done() else handle
