"""The voice: a process that speaks for every call, its client, and a one-shot for its absence.

Requests over :mod:`agent.speech.link`: ``{"op": "say", "text", "voice", "rate", "pitch"}`` is
answered by DATA frames of about 60 ms PCM, sent while the rest is still being synthesised;
``{"op": "stat"}`` by one frame with counts. espeak-ng (GPL-3) is loaded by :func:`serve_voice`
and by the one-shot's own process only: importing this module, or using the client, does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
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
from agent.speech.joins import SAMPLE_RATE
from agent.speech.link import Frame, LinkClient, Responder, serve

if TYPE_CHECKING:
    from agent.speech.espeak import Espeak

_log = logging.getLogger(__name__)

VOICE_SAMPLE_RATE = SAMPLE_RATE
"""Hertz of all PCM here: int16, mono, little-endian."""
MAX_TEXT_CHARS = 2_000
"""Longest text of one request (espeak's own limit; a test holds the two together)."""
MAX_REQUESTS = 32
"""Requests the voice holds at once, speaking or waiting; one more is refused. A sentence takes
5 ms, so 32 means 0.2 s of waiting; at most 280 MB of PCM if all were as long as allowed."""

_PROJECT_DIR = Path(__file__).resolve().parents[2]


class _Say(BaseModel):
    """A request to speak, as it came from outside."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    text: str = Field(max_length=MAX_TEXT_CHARS)
    voice: str = "ta"
    rate: int = 165
    pitch: int = 50


async def serve_voice(
    url: str,
    token: str = "",
    *,
    ready: asyncio.Event | None = None,
    max_requests: int = MAX_REQUESTS,
) -> None:
    """Speak for whoever asks at ``url`` until cancelled.

    Raises:
        ConfigurationError: the address is wrong, taken, or open to the network without a token.
        VoiceUnavailable: espeak-ng cannot be loaded.
    """
    from agent.speech.espeak import Espeak  # GPL-3: only the voice process loads it

    voice = _Voice(await asyncio.to_thread(Espeak), max_requests)
    try:
        await serve(url, voice.answer, token=token, ready=ready)
    finally:
        voice.close()


class _Voice:
    """Answers requests; one thread speaks, because the library can do one text at a time."""

    def __init__(self, espeak: Espeak, max_requests: int) -> None:
        self._espeak = espeak
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="voice")
        self._max_requests = max_requests
        self._open = self._served = self._refused = 0

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def answer(self, frame: Frame, responder: Responder) -> None:
        operation = frame.header.get("op")
        if operation == "say":
            await self._say(_say_request(frame.header), responder)
        elif operation == "stat":
            await responder.data(self._stat())
        else:
            raise ProtocolError("The voice knows the operations say and stat only.")

    def _stat(self) -> dict[str, Any]:
        return {
            "engine": f"espeak-ng {self._espeak.version}",
            "sample_rate": VOICE_SAMPLE_RATE,
            "open": self._open,
            "served": self._served,
            "refused": self._refused,
            "pid": os.getpid(),
        }

    async def _say(self, request: _Say, responder: Responder) -> None:
        if self._open >= self._max_requests:
            self._refused += 1
            raise VoiceUnavailable("The voice has too many requests waiting; try again soon.")
        self._open += 1
        try:
            async with aclosing(self._chunks(request)) as chunks:
                async for chunk in chunks:
                    await responder.data({}, chunk)
            self._served += 1
        finally:
            self._open -= 1

    async def _chunks(self, request: _Say) -> AsyncGenerator[bytes, None]:
        """PCM as the thread makes it; closing this stops the synthesis at its next chunk.

        The queue is bounded by the length of the text, so a client that reads slowly never
        holds the thread that speaks for the others.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        unwanted = threading.Event()

        def take(chunk: bytes) -> bool:
            loop.call_soon_threadsafe(queue.put_nowait, chunk)
            return not unwanted.is_set()

        def speak() -> None:
            try:
                if not unwanted.is_set():
                    self._espeak.speak(
                        request.text,
                        take,
                        voice=request.voice,
                        rate=request.rate,
                        pitch=request.pitch,
                    )
            finally:
                loop.call_soon_threadsafe(queue.put_nowait, None)

        speaking = loop.run_in_executor(self._thread, speak)
        try:
            while (chunk := await queue.get()) is not None:
                yield chunk
            await speaking
        finally:
            unwanted.set()
            speaking.add_done_callback(lambda done: done.cancelled() or done.exception())


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
    ) -> None:
        self._link = LinkClient(url, token=token, connect_timeout_s=connect_timeout_s)
        self._deadline_s = deadline_s

    async def synthesize(
        self, text: str, *, voice: str, rate: int, pitch: int = 50
    ) -> AsyncGenerator[bytes, None]:
        """PCM of ``text`` in chunks of about 60 ms; close the iterator to stop the voice.

        Text without any letter or digit gives nothing.

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
        async with aclosing(self._request(request)) as frames:
            async for frame in frames:
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

    async def aclose(self) -> None:
        """Hang up; what is being spoken ends with VoiceUnavailable."""
        await self._link.aclose()

    async def _request(self, header: dict[str, Any]) -> AsyncGenerator[Frame, None]:
        try:
            async with aclosing(self._link.request(header, deadline_s=self._deadline_s)) as frames:
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
