"""PooledTTS: what LiveKit's session calls to speak.

Text is cut at prompt boundaries as it arrives. Recorded pieces come straight from disk, frequent
phrases between them too; only the other words (a landmark, a ticket number) are synthesised, by
:mod:`agent.speech.live_voice`. The framework's own adapter would cut at sentence ends instead and
never hit a recorded prompt. Recorded pieces play whoever is away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Literal

from livekit.agents import APIError, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from agent.errors import AgentError
from agent.observability import metrics
from agent.speech.joins import Fader, SilenceTrimmer, faded, pause_after_s, silence
from agent.speech.level import levelled
from agent.speech.live_voice import LiveVoice, OneShot, Sound
from agent.speech.numerals import spell_numerals, voice_language
from agent.speech.phrases import KeptPhrases
from agent.speech.pieces import Cutter, Piece, portions, spoken_form
from agent.speech.prompts_audio import PromptCache
from agent.speech.voice import VOICE_SAMPLE_RATE, VoiceClient, one_shot
from agent.speech.voice_book import Speaker, VoiceBook

_log = logging.getLogger(__name__)

_SHORTEST_S = 0.02
"""Silence given for text that has no sound (a lone full stop): the framework takes no audio at
all for a failure and would write the words into its error."""

Origin = Literal["prompt", "missed", "phrase", "live"]
"""Where the sound of a piece came from: a recorded prompt, a prompt that should have been recorded,
a kept phrase, a voice that spoke it now."""


class PooledTTS(tts.TTS[None]):
    """The voice of one process's calls. Holds no connection of its own: ``client`` is shared.

    Args:
        client: the voice process.
        cache: recorded prompts, made with the same voice, rate and pitch.
        pieces: every fixed piece of the script; what the cache lacks is synthesised.
        voice: name of the voice.
        rate: words a minute.
        pitch: 0..99.
        phrases: frequent phrases that were kept; None keeps to the prompts.
        book: how loud the engines are; None plays everything as it is.
        meters: counts pieces and the time to the first audio, too.
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
        phrases: KeptPhrases | None = None,
        book: VoiceBook | None = None,
        meters: metrics.Meters | None = None,
        fallback: OneShot = one_shot,
    ) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True),
            sample_rate=VOICE_SAMPLE_RATE,
            num_channels=1,
        )
        speaker = Speaker(voice, rate, pitch)
        self._live = LiveVoice(client, speaker, book=book, engine=cache.engine, fallback=fallback)
        self._cache = cache
        self._phrases = phrases
        self._pieces = tuple(pieces)
        self._voice = voice
        self._gain = book.gain(cache.engine, voice) if book is not None else 0.0
        self._meters = meters
        self.spoken: Counter[Origin] = Counter()
        """Pieces spoken so far, by where their sound came from."""

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
        """Sound of a fixed piece as it is played, or None when it must be synthesised."""
        return await asyncio.to_thread(self._played, self._cache, piece.text)

    async def kept(self, text: str) -> bytes | None:
        """Sound of a frequent phrase as it is played, or None when it must be synthesised."""
        if self._phrases is None:
            return None
        return await asyncio.to_thread(self._played, self._phrases, text)

    def _played(self, source: PromptCache | KeptPhrases, text: str) -> bytes | None:
        pcm = source.get(text)
        return faded(levelled(pcm, self._gain)) if pcm is not None else None

    def live(self, text: str) -> AsyncGenerator[Sound, None]:
        """Sound of ``text`` from whoever can speak it; see :meth:`LiveVoice.speak`."""
        return self._live.speak(text)

    def count(self, origin: Origin) -> None:
        """Note where the sound of a piece came from."""
        self.spoken[origin] += 1
        if self._meters is not None:
            self._meters.add(metrics.TTS_PIECES, origin=origin)

    def first_audio(self, after_s: float, source: str) -> None:
        """Note how long the first sound of an utterance took, in seconds."""
        if self._meters is not None:
            self._meters.observe(metrics.TTS_FIRST_AUDIO, after_s, source=source)


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
        self._asked_at = 0.0
        self._sounded = self._failed = False

    async def say(self, piece: Piece) -> None:
        """Speak one piece; one that cannot be spoken is remembered and left out."""
        self._asked_at = self._asked_at or time.monotonic()
        try:
            await self._say(piece)
        except AgentError as exc:
            _log.warning("speech left out", extra={"error": type(exc).__name__})
            self._failed = True
        if self._sounded:
            self._breath = silence(pause_after_s(piece.text))

    async def _say(self, piece: Piece) -> None:
        if piece.fixed and (pcm := await self._pooled.recorded(piece)) is not None:
            self._pooled.count("prompt")
            self._push(pcm, "cache")
            return
        if not spoken_form(piece.text):
            return
        for portion in portions(spell_numerals(piece.text, voice_language(self._pooled.model))):
            if not piece.fixed and (pcm := await self._pooled.kept(portion)) is not None:
                self._pooled.count("phrase")
                self._push(pcm, "cache")
            else:
                self._pooled.count("missed" if piece.fixed else "live")
                await self._synthesise(portion)

    async def _synthesise(self, text: str) -> None:
        trimmer, fader, source = SilenceTrimmer(), Fader(), "voice"
        try:
            async with aclosing(self._pooled.live(text)) as sounds:
                async for sound in sounds:
                    source = sound.source
                    self._push(fader.push(trimmer.push(sound.pcm)), source)
        finally:
            self._push(fader.finish(), source)

    def _push(self, pcm: bytes, source: str) -> None:
        if pcm:
            self._emitter.push(self._breath + pcm)
            self._breath = b""
            if not self._sounded:
                self._sounded = True
                self._pooled.first_audio(time.monotonic() - self._asked_at, source)

    async def end(self) -> None:
        """Let everything be heard, then say whether something was left out.

        Raises:
            APIError: a run could not be spoken; may be tried again only if nothing was heard.
        """
        if not self._failed:
            if self._asked_at and not self._sounded:
                self._emitter.push(silence(_SHORTEST_S))
            return
        self._emitter.end_input()
        await self._emitter.join()  # else the framework drops what it has not yet forwarded
        raise APIError("The voice could not speak a part of this.", retryable=not self._sounded)
