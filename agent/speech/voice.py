"""The voice: a process that speaks for every call, its client, and a one-shot for its absence.

Requests over :mod:`agent.speech.link`: ``{"op": "say", "text", "voice", "rate", "pitch"}`` is
answered by DATA frames of about 60 ms PCM, sent while the rest is still being synthesised;
``{"op": "stat"}`` by one frame with counts, ``{"op": "check"}`` by the same after every instance of
the pool was probed, ``{"op": "metrics"}`` by one with the metrics. Who speaks is decided by
:mod:`agent.speech.voice_chain`. espeak-ng (GPL-3) is loaded by :func:`serve_voice`
and by the one-shot's own process only: importing this module, or using the client, does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import (
    AgentError,
    ConfigurationError,
    EngineError,
    ProtocolError,
    UnreadableInput,
    UsageError,
    VoiceUnavailable,
)
from agent.settings import SpeechSettings
from agent.speech.joins import SAMPLE_RATE
from agent.speech.link import Frame, Handler, LinkClient, Responder, serve
from agent.speech.voice_engine import Chunk, Speaking, VoiceEngine, load_engine, prepared_beside

if TYPE_CHECKING:
    from agent.speech.voice_chain import VoiceChain

_log = logging.getLogger(__name__)

VOICE_SAMPLE_RATE = SAMPLE_RATE
"""Hertz of all PCM here: int16, mono, little-endian."""
MAX_TEXT_CHARS = 2_000
"""Longest text of one request (espeak's own limit; a test holds the two together)."""
MAX_REQUESTS = 32
"""Requests the voice holds at once, speaking or waiting; one more is refused. A sentence takes
5 ms, so 32 means 0.2 s of waiting; at most 280 MB of PCM if all were as long as allowed."""

_LONGEST_NAME = 100
"""Letters of an engine's name and version that are believed."""

_PROJECT_DIR = Path(__file__).resolve().parents[2]


class _Say(BaseModel):
    """A request to speak, as it came from outside."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    text: str = Field(max_length=MAX_TEXT_CHARS)
    voice: str = "ta"
    rate: int = 165
    pitch: int = 50
    within_s: float = Field(default=1.5, gt=0, le=60)
    home: bool = False


async def serve_voice(
    url: str,
    token: str = "",
    *,
    engine: VoiceEngine | None = None,
    ready: asyncio.Event | None = None,
    max_requests: int = MAX_REQUESTS,
    around: Callable[[Handler], Handler] | None = None,
    chain: VoiceChain | None = None,
) -> None:
    """Speak for whoever asks at ``url`` until cancelled.

    Args:
        url: as :func:`agent.speech.link.serve` takes it.
        token: what clients must present.
        engine: who speaks, closed at the end; None = espeak-ng.
        ready: set once connections are accepted.
        max_requests: see :data:`MAX_REQUESTS`.
        around: may wrap the handler of requests, to keep what is spoken
            (:class:`agent.speech.phrases.PhraseKeeper`).
        chain: pool and cloud voices before the engine; None = the engine alone.

    Raises:
        ConfigurationError: the address is wrong, taken, or open to the network without a token;
            or the engine can never work as it is set.
        VoiceUnavailable: espeak-ng cannot be loaded.
    """
    if engine is None:
        engine = await asyncio.to_thread(load_engine, SpeechSettings())
    voice = _Voice(engine, max_requests, chain)
    try:
        handler = voice.answer if around is None else around(voice.answer)
        serving = serve(url, handler, token=token, ready=ready)
        async with chain or contextlib.nullcontext():
            await prepared_beside(engine, serving)
    finally:
        voice.close()


class _Voice:
    """Answers requests."""

    def __init__(
        self, engine: VoiceEngine, max_requests: int, chain: VoiceChain | None = None
    ) -> None:
        self._engine = engine
        self._chain = chain
        self._speaking = Speaking(engine)
        self._max_requests = max_requests
        self._open = self._served = self._refused = 0

    def close(self) -> None:
        self._speaking.close()

    async def answer(self, frame: Frame, responder: Responder) -> None:
        operation = frame.header.get("op")
        if operation == "say":
            await self._say(_say_request(frame.header), responder)
        elif operation == "stat":
            await responder.data(self._stat())
        elif operation == "check":
            if self._chain is not None:
                await self._chain.check_all()
            await responder.data(self._stat())
        elif operation == "metrics":
            await responder.data({}, self._chain.exposed() if self._chain else b"")
        else:
            raise ProtocolError("The voice knows the operations say, stat, check and metrics only.")

    def _stat(self) -> dict[str, Any]:
        return {
            **self._engine.describe(),
            "sample_rate": VOICE_SAMPLE_RATE,
            "open": self._open,
            "served": self._served,
            "refused": self._refused,
            "pid": os.getpid(),
        } | (self._chain.stat() if self._chain else {})

    async def _say(self, request: _Say, responder: Responder) -> None:
        if self._open >= self._max_requests:
            self._refused += 1
            raise VoiceUnavailable("The voice has too many requests waiting; try again soon.")
        self._open += 1
        try:
            async with aclosing(self._spoken(request)) as chunks:
                async for chunk in chunks:
                    await responder.data({"engine": chunk.engine}, chunk.pcm)
            self._served += 1
        finally:
            self._open -= 1

    def _spoken(self, request: _Say) -> AsyncGenerator[Chunk, None]:
        def by_engine(text: str) -> AsyncGenerator[Chunk, None]:
            return self._speaking.chunks(
                text, voice=request.voice, rate=request.rate, pitch=request.pitch
            )

        if self._chain is None:
            return by_engine(request.text)
        from agent.speech.voice_chain import Request

        asked = Request(
            request.text, request.voice, request.rate, within_s=request.within_s, home=request.home
        )
        return self._chain.speak(asked, by_engine)


def _say_request(header: dict[str, Any]) -> _Say:
    try:
        return _Say.model_validate(header)
    except ValidationError as exc:
        field = ".".join(str(part) for part in exc.errors(include_input=False)[0]["loc"])
        raise UnreadableInput(
            f"The voice was asked with a wrong {field} (text: at most {MAX_TEXT_CHARS:,} "
            "characters; rate and pitch: whole numbers)."
        ) from None


class VoiceClient:
    """Asks a voice process to speak. Shared by the calls of one event loop; reconnects itself."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        deadline_s: float = 3.0,
        connect_timeout_s: float = 1.0,
        may_leave: Callable[[], bool] = lambda: True,
    ) -> None:
        """Remember how to ask; nothing is connected yet.

        Args:
            url: where the voice process answers.
            token: the shared secret of a TCP connection.
            deadline_s: seconds to the first sound, and between two pieces of it.
            connect_timeout_s: until the other side has said HELLO.
            may_leave: whether words may leave the own network now, where the settings allow it: a
                caller can refuse.
        """
        self._may_leave = may_leave
        self._link = LinkClient(url, token=token, connect_timeout_s=connect_timeout_s)
        self._deadline_s = deadline_s

    async def synthesize(
        self,
        text: str,
        *,
        voice: str,
        rate: int,
        pitch: int = 50,
        on_engine: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """PCM of ``text`` in chunks of about 60 ms; close the iterator to stop the voice.

        Text without any letter or digit gives nothing. ``on_engine`` is told, before its sound,
        which engine speaks, where the voice process says so (``engine`` in a DATA header).

        Raises:
            VoiceUnavailable: no voice there, it broke off, is too busy or too slow.
            UsageError: unknown voice, rate or pitch out of range, text too long.
        """
        if len(text) > MAX_TEXT_CHARS:
            raise UnreadableInput(
                f"The text has {len(text):,} characters but the voice speaks at most "
                f"{MAX_TEXT_CHARS:,} at once: split it."
            )
        request = {"op": "say", "text": text, "voice": voice, "rate": rate, "pitch": pitch}
        request |= {"within_s": self._deadline_s, "home": not self._may_leave()}
        async with aclosing(self._request(request)) as frames:
            async for frame in frames:
                if on_engine is not None and (engine := frame.header.get("engine")):
                    on_engine(str(engine)[:_LONGEST_NAME])
                yield frame.payload

    async def stat(self) -> dict[str, Any]:
        """Engine, sample rate, process id and counts of the voice process.

        Raises:
            VoiceUnavailable: it does not answer.
        """
        async with aclosing(self._request({"op": "stat"})) as frames:
            async for frame in frames:
                return frame.header
        raise VoiceUnavailable("The voice answered without saying how it is.")

    async def check(self, within_s: float = 10.0) -> dict[str, Any]:
        """The same after every instance of its pool has spoken a word, or failed to.

        Raises:
            VoiceUnavailable: it does not answer.
        """
        async with aclosing(self._request({"op": "check"}, within_s)) as frames:
            async for frame in frames:
                return frame.header
        raise VoiceUnavailable("The voice answered without saying how it is.")

    async def aclose(self) -> None:
        """Hang up; what is being spoken ends with VoiceUnavailable."""
        await self._link.aclose()

    async def _request(
        self, header: dict[str, Any], within_s: float | None = None
    ) -> AsyncGenerator[Frame, None]:
        wait_s = within_s or self._deadline_s
        try:
            async with aclosing(
                self._link.request(header, deadline_s=wait_s, gap_s=wait_s)
            ) as frames:
                async for frame in frames:
                    yield frame
        except (VoiceUnavailable, UsageError):
            raise
        except EngineError:
            raise VoiceUnavailable("The voice process does not answer.") from None
        except AgentError:
            raise VoiceUnavailable("The voice process answers nonsense; check its log.") from None


async def one_shot(
    text: str, *, voice: str, rate: int, pitch: int = 50, deadline_s: float = 5.0
) -> bytes:
    """Speak ``text`` in a fresh process of its own: slow to start (0.1 s) but needs nobody.

    Returns:
        PCM (int16 mono, 22,050 Hz); empty when nothing in the text can be pronounced.

    The text is in no argument list and in no message.

    Raises:
        VoiceUnavailable: it failed or took longer than ``deadline_s``.
        ConfigurationError: unknown voice, rate or pitch out of range, text too long.
    """
    process = await _start_espeak(voice, str(rate), str(pitch))
    try:
        async with asyncio.timeout(deadline_s):
            pcm, said = await process.communicate(text.encode("utf-8", "replace"))
    except TimeoutError:
        raise VoiceUnavailable("The one-shot voice did not finish in time.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode in (2, 3):  # its own sentence, which holds no words of the text
        sentence = said.decode("utf-8", "replace").strip()[:300]
        raise (ConfigurationError if process.returncode == 2 else VoiceUnavailable)(sentence)
    if process.returncode != 0:
        raise VoiceUnavailable("The one-shot voice failed.")
    return pcm


async def _start_espeak(*arguments: str) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agent.speech.espeak",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=_PROJECT_DIR,
        )
    except (OSError, ValueError):
        raise VoiceUnavailable("The one-shot voice could not be started.") from None
