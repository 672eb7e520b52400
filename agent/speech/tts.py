"""PooledTTS: what LiveKit's session calls to speak.

Text is cut at prompt boundaries as it arrives. Recorded pieces come straight from disk; only the
words between them (names, places, numbers) are synthesised, streamed from the voice process. The
framework's own adapter would cut at sentence ends instead and never hit a recorded prompt.

When the voice process is away: one retry, then a one-shot process of our own, and only when that
fails too is the run left out. Recorded pieces play in every case.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Iterable
from contextlib import aclosing
from typing import Protocol

from livekit.agents import APIError, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from agent.errors import AgentError, VoiceUnavailable
from agent.speech.joins import SilenceTrimmer, pause_after_s, silence
from agent.speech.numerals import spell_numerals
from agent.speech.pieces import Cutter, Piece, portions, spoken_form
from agent.speech.prompts_audio import PromptCache
from agent.speech.voice import VOICE_SAMPLE_RATE, VoiceClient, one_shot

_log = logging.getLogger(__name__)

RETRY_WITHIN_S = 0.5
"""A failure quicker than this is tried again at once (a restarted process, a stale connection);
a slower one has cost the caller enough silence already."""
AWAY_S = 3.0
"""After the voice process failed, it is not asked again for this long; one-shots speak."""
_SHORTEST_S = 0.02
"""Silence given for text that has no sound (a lone full stop): the framework takes no audio at
all for a failure and would write the words into its error."""


class OneShot(Protocol):
    """Speaks a text without the voice process, as :func:`agent.speech.voice.one_shot` does."""

    def __call__(self, text: str, *, voice: str, rate: int, pitch: int) -> Awaitable[bytes]:
        """PCM of the whole text; raises VoiceUnavailable."""
        ...


class PooledTTS(tts.TTS[None]):
    """The voice of one process's calls. Holds no connection of its own: ``client`` is shared.

    Args:
        client: the voice process.
        cache: recorded prompts, made with the same voice, rate and pitch.
        pieces: every fixed piece of the script; what the cache lacks is synthesised.
        voice: name of the voice.
        rate: words a minute.
        pitch: 0..99.
        fallback: what speaks when the voice process is away.
    """

    def __init__(
        self,
        client: VoiceClient,
        cache: PromptCache,
        pieces: Iterable[str],
        *,
        voice: str,
        rate: int,
        pitch: int = 50,
        fallback: OneShot = one_shot,
    ) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True),
            sample_rate=VOICE_SAMPLE_RATE,
            num_channels=1,
        )
        self._client = client
        self._cache = cache
        self._pieces = tuple(pieces)
        self._voice, self._rate, self._pitch = voice, rate, pitch
        self._fallback = fallback
        self._away_until = 0.0

    @property
    def model(self) -> str:
        """Name of the voice, for metrics."""
        return self._voice

    @property
    def provider(self) -> str:
        """Who speaks, for metrics."""
        return "kural"

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> PooledStream:
        """A stream for one utterance of the agent; closing it silences it at once."""
        return PooledStream(self, conn_options)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """The sound of a whole text, through the same path."""
        return self._synthesize_with_stream(text, conn_options=conn_options)

    def cutter(self) -> Cutter:
        """A fresh cutter for this script's fixed pieces."""
        return Cutter(self._pieces)

    async def recorded(self, piece: Piece) -> bytes | None:
        """Trimmed PCM of a fixed piece, or None when it must be synthesised."""
        return await asyncio.to_thread(self._cache.get, piece.text) if piece.fixed else None

    async def synthesised(self, text: str) -> AsyncGenerator[bytes, None]:
        """PCM of ``text`` from whoever can speak it.

        When a voice breaks off in mid-run, the next one starts the run again and the part that
        was already given is left out (two renderings differ by a few samples only).

        Raises:
            VoiceUnavailable: nobody can.
            UsageError: the voice, its rate or its pitch is set wrongly.
        """
        given = 0
        try:
            async with aclosing(self._asked_twice(text)) as chunks:
                async for chunk in chunks:
                    given += len(chunk)
                    yield chunk
        except VoiceUnavailable:
            _log.warning("voice away, one-shot speaks")
        else:
            return
        pcm = await self._fallback(text, voice=self._voice, rate=self._rate, pitch=self._pitch)
        if rest := pcm[given:]:
            yield rest

    async def _asked_twice(self, text: str) -> AsyncGenerator[bytes, None]:
        """PCM from the voice process; raises VoiceUnavailable when it is away."""
        clock = asyncio.get_running_loop().time
        if clock() < self._away_until:
            raise VoiceUnavailable("The voice process was away a moment ago.")
        given = 0
        for _ in range(2):
            began, skip = clock(), given
            try:
                async with aclosing(self._ask(text)) as chunks:
                    async for chunk in chunks:
                        fresh, skip = chunk[skip:], max(0, skip - len(chunk))
                        given += len(fresh)
                        if fresh:
                            yield fresh
            except VoiceUnavailable:
                pass
            else:
                return
            if clock() - began > RETRY_WITHIN_S:
                break
        self._away_until = clock() + AWAY_S
        raise VoiceUnavailable("The voice process is away.")

    def _ask(self, text: str) -> AsyncGenerator[bytes, None]:
        return self._client.synthesize(text, voice=self._voice, rate=self._rate, pitch=self._pitch)


class PooledStream(tts.SynthesizeStream):
    """One utterance: text in, sound out, piece by piece."""

    def __init__(self, pooled: PooledTTS, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=pooled, conn_options=conn_options)
        self._pooled = pooled

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=VOICE_SAMPLE_RATE,
            num_channels=1,
            mime_type="audio/pcm",
            stream=True,
        )
        output_emitter.start_segment(segment_id=utils.shortuuid())
        utterance = _Utterance(self._pooled, output_emitter)
        cutter = self._pooled.cutter()
        async for item in self._input_ch:
            settled = cutter.push(item) if isinstance(item, str) else cutter.finish()
            for piece in settled:
                self._mark_started()
                await utterance.say(piece)
        for piece in cutter.finish():
            self._mark_started()
            await utterance.say(piece)
        await utterance.end()


class _Utterance:
    """Puts pieces end to end into the emitter, with a breath between them."""

    def __init__(self, pooled: PooledTTS, emitter: tts.AudioEmitter) -> None:
        self._pooled = pooled
        self._emitter = emitter
        self._breath = b""
        self._asked = self._sounded = self._failed = False

    async def say(self, piece: Piece) -> None:
        """Speak one piece; one that cannot be spoken is remembered and left out."""
        self._asked = True
        try:
            if (pcm := await self._pooled.recorded(piece)) is not None:
                self._push(pcm)
            elif spoken_form(piece.text):
                for portion in portions(spell_numerals(piece.text)):
                    await self._synthesise(portion)
        except AgentError as exc:
            _log.warning("speech left out", extra={"error": type(exc).__name__})
            self._failed = True
        if self._sounded:
            self._breath = silence(pause_after_s(piece.text))

    async def _synthesise(self, text: str) -> None:
        trimmer = SilenceTrimmer()
        async with aclosing(self._pooled.synthesised(text)) as chunks:
            async for chunk in chunks:
                self._push(trimmer.push(chunk))

    def _push(self, pcm: bytes) -> None:
        if pcm:
            self._emitter.push(self._breath + pcm)
            self._breath = b""
            self._sounded = True

    async def end(self) -> None:
        """Let everything be heard, then say whether something was left out.

        Raises:
            APIError: a run could not be spoken; may be tried again only if nothing was heard.
        """
        if not self._failed:
            if self._asked and not self._sounded:
                self._emitter.push(silence(_SHORTEST_S))
            return
        self._emitter.end_input()
        await self._emitter.join()  # else the framework drops what it has not yet forwarded
        raise APIError("The voice could not speak a part of this.", retryable=not self._sounded)
