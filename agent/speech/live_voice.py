"""Speech that is not recorded: from the voice process, or from a process of our own without it.

When the voice process is away: one retry, then a one-shot process, and only when that fails too
is the run left out. A voice that breaks off in mid-run is continued by the next; all of them are
brought to one level.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import NamedTuple, Protocol

from agent.errors import VoiceUnavailable
from agent.speech.embedded import embedded_engine
from agent.speech.joins import Takeover
from agent.speech.level import levelled
from agent.speech.voice import VoiceClient, one_shot
from agent.speech.voice_book import Speaker, VoiceBook

_log = logging.getLogger(__name__)

RETRY_WITHIN_S = 0.5
"""A failure quicker than this is tried again at once (a restarted process, a stale connection);
a slower one has cost the caller enough silence already."""
AWAY_S = 3.0
"""After the voice process failed slowly, it is not asked again for this long; one-shots speak."""
AWAY_QUICKLY_S = 0.25
"""The same after a quick failure, a process that is not there: asking costs a millisecond, a
one-shot 50 ms, and the supervisor has the voice back in less than 2 s."""


class OneShot(Protocol):
    """Speaks a text without the voice process, as :func:`agent.speech.voice.one_shot` does."""

    def __call__(self, text: str, *, voice: str, rate: int, pitch: int) -> Awaitable[bytes]:
        """PCM of the whole text; raises VoiceUnavailable."""
        ...


class Sound(NamedTuple):
    """A chunk of live speech."""

    pcm: bytes
    """int16 mono, 22,050 Hz; may be empty."""
    source: str
    """``voice`` or ``subprocess``."""


class LiveVoice:
    """One voice that can say anything. Shared by the streams of a call.

    Args:
        client: the voice process.
        speaker: voice, rate and pitch.
        book: how loud engines are; None plays them as they are.
        engine: who speaks where the voice process does not say.
        fallback: what speaks when the voice process is away.
    """

    def __init__(
        self,
        client: VoiceClient,
        speaker: Speaker,
        *,
        book: VoiceBook | None,
        engine: str,
        fallback: OneShot = one_shot,
    ) -> None:
        self._client = client
        self._speaker = speaker
        self._book = book
        self._engine = engine
        self._fallback = fallback
        self._away_until = 0.0

    async def speak(self, text: str) -> AsyncGenerator[Sound, None]:
        """The sound of ``text`` from whoever can speak it.

        Raises:
            VoiceUnavailable: nobody can.
            UsageError: the voice, its rate or its pitch is set wrongly.
        """
        takeover = Takeover()
        source = "voice"
        try:
            async with aclosing(self._asked_twice(text, takeover)) as chunks:
                async for chunk in chunks:
                    yield Sound(chunk, source)
        except VoiceUnavailable:
            _log.warning("voice away, one-shot speaks")
            source = "subprocess"
            yield Sound(takeover.push(await self._one_shot(text)), source)
        yield Sound(takeover.finish(), source)

    async def _one_shot(self, text: str) -> bytes:
        voice, rate, pitch = self._speaker.voice, self._speaker.rate, self._speaker.pitch
        pcm = await self._fallback(text, voice=voice, rate=rate, pitch=pitch)
        return levelled(pcm, self._gain(embedded_engine()))

    async def _asked_twice(self, text: str, takeover: Takeover) -> AsyncGenerator[bytes, None]:
        """PCM from the voice process; raises VoiceUnavailable when it is away."""
        clock = asyncio.get_running_loop().time
        if clock() < self._away_until:
            raise VoiceUnavailable("The voice process was away a moment ago.")
        away_s = AWAY_QUICKLY_S
        for _ in range(2):
            began = clock()
            try:
                async with aclosing(self._ask(text)) as chunks:
                    async for chunk in chunks:
                        yield takeover.push(chunk)
            except VoiceUnavailable:
                takeover.begin_again()
            else:
                return
            if clock() - began > RETRY_WITHIN_S:
                away_s = AWAY_S
                break
        self._away_until = clock() + away_s
        raise VoiceUnavailable("The voice process is away.")

    async def _ask(self, text: str) -> AsyncGenerator[bytes, None]:
        said = [self._engine]
        voice, rate, pitch = self._speaker.voice, self._speaker.rate, self._speaker.pitch
        request = self._client.synthesize(
            text, voice=voice, rate=rate, pitch=pitch, on_engine=said.append
        )
        half = b""
        async with aclosing(request) as chunks:
            async for chunk in chunks:
                whole = half + chunk
                half = whole[len(whole) - len(whole) % 2 :]
                yield levelled(whole[: len(whole) - len(half)], self._gain(said[-1]))

    def _gain(self, engine: str) -> float:
        return self._book.gain(engine, self._speaker.voice) if self._book is not None else 0.0
