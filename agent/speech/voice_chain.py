"""Who speaks: an instance of the pool, else a cloud voice, else the embedded voice, in good time.

The voice process asks this for every text, so one place sees the requests of all calls. Each
request leaves one line in the log and one count in the metrics. The embedded voice needs a few
milliseconds and no network: whatever fails before it, the caller hears the whole sentence.
"""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.errors import VoiceUnavailable
from agent.observability import metrics
from agent.observability.metrics import Meters
from agent.settings import Settings, is_own_network
from agent.speech.joins import SAMPLE_RATE
from agent.speech.rest_of import Pace
from agent.speech.voice_engine import Chunk

if TYPE_CHECKING:
    from agent.speech.cloud_voice import CloudVoice
    from agent.speech.pool_voice import PoolVoice, Told

_log = logging.getLogger(__name__)

WITHIN_S = 1.5
"""How long a caller who says nothing else waits for the first sound."""
_KEPT_BACK_S = 0.15
"""Of that, for the embedded voice: 5 ms of work, the rest for a busy machine."""
_CLOUD_NEEDS_S = 0.4
"""With less than this left a cloud voice is not asked."""
_GAP_S = 1.0
"""Without sound for so long a cloud voice has broken off."""

Embedded = Callable[[str], AsyncGenerator[Chunk, None]]
"""The voice of this process: sound of a text."""


@dataclass(slots=True)
class Request:
    """One text to speak, and what became of it."""

    text: str
    voice: str
    """As the settings name it (SPEECH__VOICE or SPEECH__VOICE_EN)."""
    rate: int
    within_s: float = WITHIN_S
    """Seconds to the first sound."""
    home: bool = False
    """The words must not leave the own network."""
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    source: str = "embedded"
    """Who spoke: pool, cloud, embedded, or mixed where one broke off and the embedded went on."""
    given_bytes: int = 0
    first_audio_s: float | None = None

    def left_s(self) -> float:
        """Seconds until the embedded voice must begin."""
        now = asyncio.get_running_loop().time()
        return self.began + self.within_s - _KEPT_BACK_S - now

    def gave(self, pcm: bytes) -> bytes:
        """Note what is passed on."""
        if self.first_audio_s is None:
            self.first_audio_s = asyncio.get_running_loop().time() - self.began
        self.given_bytes += len(pcm)
        return pcm


class VoiceChain:
    """The chain of voices. Enter it beside the server that asks it (``async with``)."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is connected yet. Must be called in the main thread.

        Raises:
            ConfigurationError: a cloud voice is set whose plugin is not installed.
        """
        self.meters = Meters()
        self._abroad_allowed = settings.cloud_words
        """What the callers of today are told: a later change must not make the notice untrue."""
        self._counts = dict.fromkeys(("pool", "cloud", "mixed", "embedded"), 0)
        self._pace = Pace()
        self._pool: PoolVoice | None = None
        self._running: asyncio.Task[None] | None = None
        self._clouds: list[CloudVoice] = []
        self._settings = settings
        self._apply(settings)

    async def __aenter__(self) -> VoiceChain:
        self._run()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        for cloud in self._clouds:
            await cloud.aclose()

    def configure(self, settings: Settings) -> bool:
        """Take over changed settings of the pool while calls go on.

        Keys and cloud voices are those of the start. So is the answer to whether words may leave
        the network: callers were told.

        Returns:
            Whether they were taken over.
        """
        if settings.cloud_words and not self._abroad_allowed:
            _log.error("settings not taken over: words would leave, start the line anew")
            return False
        self._apply(settings)
        self._run()
        _log.info("voice settings taken over", extra={"count": len(settings.tts_instances)})
        return True

    async def speak(self, request: Request, embedded: Embedded) -> AsyncGenerator[Chunk, None]:
        """Sound (int16 mono, 22,050 Hz) of the text, from whoever can; close it to stop all work.

        Raises:
            AgentError: what the embedded voice raises.
        """
        told = None
        outcome = "dropped"
        try:
            if any(unicodedata.category(char)[0] in "LN" for char in request.text):
                if self._pool is not None and len(self._pool.policy) and self._name_of(request):
                    told = _new_told()
                    async with aclosing(self._pooled(self._pool, request, told)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                if not request.given_bytes and not request.home:
                    async with aclosing(self._clouded(request)) as chunks:
                        async for chunk in chunks:
                            yield chunk
            async with aclosing(self._embedded(request, embedded)) as chunks:
                async for chunk in chunks:
                    yield chunk
            outcome = "answered"
        except Exception:
            outcome = "failed"
            raise
        finally:
            self._note(request, told, outcome)

    async def check_all(self) -> None:
        """Probe every instance now."""
        if self._pool is not None:
            await self._pool.check_all()

    def stat(self) -> dict[str, Any]:
        """Who spoke how often, and every instance, as JSON knows it."""
        total = sum(self._counts.values())
        pool = self._pool
        return {
            "spoken": dict(self._counts),
            "fell_back_ratio": round(1 - self._counts["pool"] / total, 4) if pool and total else 0,
            "waiting": pool.policy.waiting if pool else 0,
            "cloud": [cloud.name for cloud in self._clouds],
            "instances": pool.policy.snapshot() if pool else [],
        }

    def exposed(self) -> bytes:
        """All metrics of the voice in Prometheus text format."""
        states = [row["state"] for row in self._pool.policy.snapshot()] if self._pool else []
        for state in metrics.VOICE_INSTANCES.labels["state"]:
            self.meters.set(metrics.VOICE_INSTANCES, states.count(state), state=state)
        return self.meters.expose()

    def _apply(self, settings: Settings) -> None:
        if settings.cloud_voices and not self._clouds:
            from agent.speech.cloud_voice import cloud_voices  # costs 0.5 s: only where it is set

            self._clouds = cloud_voices(settings)
        self._settings = settings
        urls = settings.tts_instances
        if not urls and self._pool is None:
            return
        from agent.speech.instances import Rules
        from agent.speech.pool_http import Asking
        from agent.speech.pool_voice import PoolVoice

        given = settings.tts
        if self._pool is None:
            self._pool = PoolVoice()
        self._pool.configure(
            [(url, not is_own_network(url)) for url in urls],
            Rules(limit=given.limit, queue=given.queue),
            Asking(
                key=given.api_key.get_secret_value(),
                model=given.model,
                form=given.form,
                pcm_rate=given.pcm_rate,
                voice=given.voice or given.voice_en,
            ),
            given.first_audio_s,
        )

    def _run(self) -> None:
        if self._pool is not None and self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._pool.run())

    def _pool_label(self) -> str:
        """What recordings by the pool are named after: its instances are one voice."""
        given = self._settings.tts
        return f"pool {given.model} {given.voice}".strip()

    def _name_of(self, request: Request) -> str:
        """The instances' name of the voice that is asked for; empty when they do not have it."""
        speech, given = self._settings.speech, self._settings.tts
        return {speech.voice_en: given.voice_en, speech.voice: given.voice}.get(request.voice, "")

    async def _pooled(
        self, pool: PoolVoice, request: Request, told: Told
    ) -> AsyncGenerator[Chunk, None]:
        from agent.speech.attempt import PoolFailed

        reserve_s = _CLOUD_NEEDS_S if self._clouds and not request.home else 0.0
        spoken = pool.speak(
            request.text,
            voice=self._name_of(request),
            rate=request.rate,
            within_s=request.left_s() - reserve_s,
            home=request.home,
            told=told,
        )
        try:
            async with aclosing(spoken) as chunks:
                async for chunk in chunks:
                    request.source = "pool"
                    yield Chunk(request.gave(chunk), self._pool_label())
        except PoolFailed as exc:
            if request.given_bytes:
                request.source = "mixed"
                told.errors.append(exc.kind)
        else:
            self._pace.learn(request.text, _seconds(request.given_bytes))

    async def _clouded(self, request: Request) -> AsyncGenerator[Chunk, None]:
        clock = asyncio.get_running_loop().time
        language = "en" if request.voice == self._settings.speech.voice_en else "ta"
        for cloud in self._clouds:
            left_s = request.left_s()
            if left_s < _CLOUD_NEEDS_S or cloud.away(clock()):
                continue
            try:
                async with aclosing(
                    cloud.speak(request.text, language=language, within_s=left_s)
                ) as chunks:
                    while True:
                        async with asyncio.timeout(_GAP_S if request.given_bytes else left_s):
                            chunk = await anext(chunks, None)
                        if chunk is None:
                            break
                        request.source = "cloud"
                        yield Chunk(request.gave(chunk), cloud.name)
            except (VoiceUnavailable, TimeoutError):
                cloud.failed(clock())
                if request.given_bytes:
                    request.source = "mixed"
                    return
            else:
                cloud.heard()
                return

    async def _embedded(self, request: Request, embedded: Embedded) -> AsyncGenerator[Chunk, None]:
        if request.source in ("pool", "cloud"):
            return
        text = request.text
        if request.source == "mixed":
            text = self._pace.rest_of(text, _seconds(request.given_bytes))
        async with aclosing(embedded(text)) as chunks:
            async for chunk in chunks:
                request.gave(chunk.pcm)
                yield chunk

    def _note(self, request: Request, told: Told | None, outcome: str) -> None:
        fields: dict[str, Any] = {"source": request.source, "outcome": outcome}
        if request.first_audio_s is not None:
            fields["first_audio_s"] = round(request.first_audio_s, 4)
        if told is not None:
            fields |= {"attempts": told.attempts, "wait_s": round(told.wait_s, 4)}
            fields |= {"instance": told.instance} if told.instance else {}
            fields |= {"reason": told.errors[-1]} if told.errors else {}
        _log.info("spoken", extra=fields)
        if request.first_audio_s is None:
            return
        self._counts[request.source] += 1
        self.meters.add(metrics.VOICE_REQUESTS, source=request.source, outcome=outcome)
        self.meters.observe(metrics.VOICE_FIRST_AUDIO, request.first_audio_s, source=request.source)


def _new_told() -> Told:
    from agent.speech.pool_voice import Told

    return Told()


def _seconds(pcm_bytes: int) -> float:
    return pcm_bytes / 2 / SAMPLE_RATE
