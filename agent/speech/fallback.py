"""Ears that may fail without a word being lost: the same sound goes to a second recogniser.

The framework's own ``stt.FallbackAdapter`` is not used: on a stream it loses the sound that the
first recogniser has taken in already, and it keeps no breaker across calls.
"""

from __future__ import annotations

import asyncio
import logging
import time
import unicodedata
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, APIStatusError

# Here and not where it is used: a plugin registers itself, which only the main thread may do.
from livekit.plugins import deepgram

from agent.breaker import Breaker, Way
from agent.errors import EngineBusy, EngineError, EngineUnavailable
from agent.speech.decoding import Kind, Recogniser
from agent.speech.transcript import Transcript

_log = logging.getLogger(__name__)

SAMPLE_RATE = 16_000
DEEPGRAM_URL = "https://api.deepgram.com/v1/listen"
_TOO_MANY = 429
_KEEP_ALIVE_S = 60.0


class FallbackRecogniser:
    """Asks the ears; what they cannot do in time, the fallback does, from the same sound.

    Ears that failed three times in a row are left alone for a growing time: the fallback is asked
    at once, and one utterance now and then goes to both, to see whether the ears are back.
    Without a fallback every utterance still goes to the ears, but dead ears get only
    ``patience_s``.
    """

    def __init__(
        self,
        primary: Recogniser,
        fallback: Recogniser | None = None,
        *,
        patience_s: float = 2.5,
        breaker: Breaker | None = None,
        may_leave: Callable[[], bool] = lambda: True,
    ) -> None:
        """Wire both; ``aclose`` closes both.

        Args:
            primary: the ears.
            fallback: who is asked instead; None where nothing may leave the machine.
            patience_s: how long the ears may take where somebody else could answer.
            breaker: what is known about the ears; shared by the calls of one event loop.
            may_leave: whether the fallback may be asked now: a caller can refuse it.
        """
        self._may_leave = may_leave
        self._primary = primary
        self._fallback = fallback
        self._patience_s = patience_s
        self._breaker = breaker if breaker is not None else Breaker()
        self._second = Breaker()
        """What this call knows about the fallback: a cloud that hangs is not waited for either."""
        self._tries: set[asyncio.Task[Transcript]] = set()

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final", call: str = "") -> Transcript:
        """The words in ``pcm``, from whoever can.

        Raises:
            EngineBusy: the ears refused a speculation, which nobody else is bothered with.
            EngineError: neither can.
        """
        way = self._breaker.way(time.monotonic())
        stays = self._fallback is None or not self._may_leave()
        if self._fallback is None or stays or self._second.way(time.monotonic()) is Way.AVOID:
            return await self._ears(pcm, kind, call, hurry=way is not Way.ASK)
        if way is Way.ASK:
            return await self._ears_first(self._fallback, pcm, kind, call)
        if way is Way.TRY:
            return await self._both(self._fallback, pcm, kind, call)
        try:
            return await self._cloud(self._fallback, pcm, kind, call)
        except EngineError:
            return await self._ears(pcm, kind, call, hurry=True)  # perhaps they came back

    async def aclose(self) -> None:
        """Stop trying and hang up on both."""
        tries = list(self._tries)
        for task in tries:
            task.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
        await self._primary.aclose()
        if self._fallback is not None:
            await self._fallback.aclose()

    async def _ears_first(
        self, fallback: Recogniser, pcm: bytes, kind: Kind, call: str
    ) -> Transcript:
        try:
            return await self._ears(pcm, kind, call, hurry=True)
        except EngineBusy:
            # They save themselves for what is committed: speculating elsewhere costs money.
            if kind not in ("final", "clause"):
                raise
        except EngineUnavailable:
            pass
        return await self._cloud(fallback, pcm, kind, call)

    async def _both(self, fallback: Recogniser, pcm: bytes, kind: Kind, call: str) -> Transcript:
        """The first answer counts; the other one goes on, for what it tells about the ears."""
        ears = self._own(self._ears(pcm, kind, call, hurry=True))
        cloud = self._own(self._cloud(fallback, pcm, kind, call))
        waiting = {ears, cloud}
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if task.exception() is None:
                        return task.result()
            return cloud.result()
        except asyncio.CancelledError:
            ears.cancel()
            cloud.cancel()
            raise

    def _own(self, work: Coroutine[Any, Any, Transcript]) -> asyncio.Task[Transcript]:
        task = asyncio.get_running_loop().create_task(work)
        self._tries.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Transcript]) -> None:
        self._tries.discard(task)
        if not task.cancelled():
            task.exception()  # seen; the breaker knows already

    async def _ears(self, pcm: bytes, kind: Kind, call: str, *, hurry: bool) -> Transcript:
        try:
            async with asyncio.timeout(self._patience_s if hurry else None):
                answer = await self._primary.transcribe(pcm, kind=kind, call=call)
        except TimeoutError:
            self._note_failure()
            raise EngineUnavailable("The ears took too long.") from None
        except EngineBusy:
            self._breaker.answered()
            raise
        except EngineUnavailable:
            self._note_failure()
            raise
        if self._breaker.away:
            _log.info("ears are back")
        self._breaker.answered()
        return answer

    def _note_failure(self) -> None:
        was_away = self._breaker.away
        self._breaker.failed(time.monotonic())
        if self._breaker.away and not was_away:
            _log.warning("ears are away", extra={"mode": "cloud" if self._fallback else "none"})

    async def _cloud(self, fallback: Recogniser, pcm: bytes, kind: Kind, call: str) -> Transcript:
        try:
            answer = await fallback.transcribe(pcm, kind=kind, call=call)
        except EngineBusy:
            self._second.answered()
            raise
        except EngineError as exc:
            self._second.failed(time.monotonic())
            _log.warning("fallback recogniser failed", extra={"error": type(exc).__name__})
            raise
        self._second.answered()
        return answer


class DeepgramRecogniser:
    """Deepgram's prerecorded endpoint over LiveKit's plugin: words leave the machine.

    Only made where the settings allow it. One HTTP connection a call, made at the first utterance.
    """

    def __init__(
        self,
        key: str,
        *,
        language: str = "ta",
        model: str = "nova-3",
        url: str = DEEPGRAM_URL,
        deadline_s: float = 8.0,
    ) -> None:
        """Remember how to ask; nothing is connected yet.

        Args:
            key: API key.
            language: ISO 639-1 code; nova-3 knows ``ta`` on its own, not in its ``multi`` set.
            model: Deepgram's name of the model.
            url: endpoint.
            deadline_s: seconds after which an utterance counts as not heard.
        """
        self._key = key
        self._language = language
        self._model = model
        self._url = url
        self._deadline_s = deadline_s
        self._http: aiohttp.ClientSession | None = None
        self._stt: deepgram.STT | None = None

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final", call: str = "") -> Transcript:
        """The words in ``pcm`` (int16 mono at 16 kHz); ``kind`` and ``call`` stay here.

        Raises:
            EngineBusy: too many requests.
            EngineUnavailable: no answer, not in time, or a refusal.
        """
        del kind, call
        began = time.perf_counter()
        frame = rtc.AudioFrame(pcm, SAMPLE_RATE, 1, len(pcm) // 2)
        once = APIConnectOptions(max_retry=0, timeout=self._deadline_s)
        try:
            async with asyncio.timeout(self._deadline_s):
                event = await self._plugin().recognize(frame, conn_options=once)
        except TimeoutError:
            raise EngineUnavailable("The cloud recogniser took too long.") from None
        except APIStatusError as exc:
            raise _refusal(exc.status_code) from None
        except APIError:
            raise EngineUnavailable("The cloud recogniser does not answer.") from None
        # No alternative at all is how some endpoints say that nobody spoke.
        best = event.alternatives[0] if event.alternatives else None
        text = " ".join(unicodedata.normalize("NFC", best.text).split()) if best else ""
        return Transcript(
            text=text,
            confidence=round(min(1.0, max(0.0, best.confidence)), 4) if best and text else 0.0,
            language=self._language,
            duration_s=len(pcm) / 2 / SAMPLE_RATE,
            timings={"cloud_s": round(time.perf_counter() - began, 4)},
        )

    async def aclose(self) -> None:
        """Close the connection."""
        http, self._http, self._stt = self._http, None, None
        if http is not None:
            await http.close()

    def _plugin(self) -> deepgram.STT:
        if self._stt is None:
            # The plugin looks at no status by itself: a refusal would end as a KeyError in JSON.
            self._http = aiohttp.ClientSession(
                raise_for_status=True,
                connector=aiohttp.TCPConnector(keepalive_timeout=_KEEP_ALIVE_S),
            )
            self._stt = deepgram.STT(
                model=self._model,
                language=self._language,
                api_key=self._key,
                base_url=self._url,
                http_session=self._http,
                punctuate=False,
                mip_opt_out=True,  # callers' voices train nobody's models
            )
        return self._stt


def _refusal(status: int) -> EngineError:
    if status == _TOO_MANY:
        return EngineBusy("The cloud recogniser has too many requests.")
    if status in (401, 402, 403):
        return EngineUnavailable(
            "The cloud recogniser refuses the key or the account: check DEEPGRAM__API_KEY."
        )
    return EngineUnavailable("The cloud recogniser failed.")
