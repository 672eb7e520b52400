"""The voice as one instance of a pool: an HTTP server with the OpenAI shape of speech.

=================================  ==============================================================
``POST /v1/audio/speech``          ``{"model", "input", "voice", "response_format", "speed"}``;
                                   answers ``pcm`` (int16 mono little-endian, 24,000 Hz, sent
                                   while the rest is being made) or ``wav`` (the same, whole)
``GET /v1/models``                 the one voice that is loaded
``GET /health``                    whether it is ready, without the token
=================================  ==============================================================

An instance holds one voice, so ``model`` must be named, as the protocol wants, and is not compared.
``speed`` 1.0 is 165 words a minute. Errors are JSON in OpenAI's shape; no message repeats the text.
A client that goes away stops its synthesis at the next chunk.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import AgentError, ConfigurationError, UsageError
from agent.speech.address import parse_url
from agent.speech.joins import SAMPLE_RATE
from agent.speech.voice import MAX_REQUESTS, MAX_TEXT_CHARS
from agent.speech.voice_engine import NATURAL_RATE, Chunk, Speaking, VoiceEngine, prepared_beside

HTTP_SAMPLE_RATE = 24_000
"""Hertz of the sound given out: what OpenAI's ``pcm`` is, and its clients expect."""
MOST_BYTES = 64 * 1024
"""Of one request: MAX_TEXT_CHARS as escapes of JSON, and room."""
BODY_WITHIN_S = 5.0
READ_WITHIN_S = 10.0
"""A client that does not read for this long loses its place."""
RETRY_AFTER_S = 1
_FINISH_WITHIN_S = 5.0
"""What is being spoken when the server is told to stop may end in this time."""

_BEGUN = web.RequestKey("begun", bool)

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Speech(BaseModel):
    """A request, as it came from outside. What we do not know is ignored, as servers do."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, strict=True)

    model: str = Field(min_length=1, max_length=200)
    input: str = Field(min_length=1, max_length=MAX_TEXT_CHARS)
    voice: str = Field(default="", max_length=100)
    response_format: Literal["wav", "pcm"] = "wav"
    speed: float = Field(default=1.0, ge=0.5, le=2.5)
    stream_format: Literal["audio"] = "audio"


_ALLOWED = {
    "model": "a name",
    "input": f"a text of 1 to {MAX_TEXT_CHARS:,} characters",
    "voice": "the name of a voice, such as ta",
    "response_format": "pcm or wav",
    "speed": "a number from 0.5 to 2.5",
    "stream_format": "audio",
}


class _Refused(AgentError):
    """A request that is answered with an error."""

    def __init__(self, status: int, sentence: str, *, param: str = "", code: str = "") -> None:
        super().__init__(sentence)
        self.status, self.param, self.code = status, param, code


@dataclass(frozen=True, slots=True)
class Bind:
    """Where the server listens."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


def parse_bind(text: str, token: str, tls: ssl.SSLContext | None = None) -> Bind:
    """Read ``HOST:PORT`` (``[::1]:8090`` for IPv6).

    Raises:
        ConfigurationError: it is none, or others could reach it and no token is set.
    """
    try:
        address = parse_url(f"tcp://{text}")
    except ConfigurationError:
        raise ConfigurationError("--http is no address: write it like 127.0.0.1:8090.") from None
    if not address.loopback and not token:
        raise ConfigurationError(
            "Other machines can reach this address: set SPEECH__TOKEN, or bind to 127.0.0.1."
        )
    return Bind(address.host, address.port, tls)


class VoiceServer:
    """The HTTP side of an engine. One event loop.

    Args:
        engine: who speaks; owned, closed by :meth:`close`.
        voice: name of the voice of requests that name none.
        token: what clients must present; empty lets everybody in who can reach it.
        max_requests: requests held at once, speaking or waiting; one more gets 429.
    """

    def __init__(
        self, engine: VoiceEngine, *, voice: str, token: str = "", max_requests: int = MAX_REQUESTS
    ) -> None:
        self._engine = engine
        self._speaking = Speaking(engine)
        self._voice, self._token, self._max_requests = voice, token.encode(), max_requests
        self._open = self._served = self._refused = 0

    def close(self) -> None:
        """Let go of the engine."""
        self._speaking.close()

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=MOST_BYTES, middlewares=[self._edge])
        app.router.add_post("/v1/audio/speech", self._speech)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/health", self._health)
        return app

    @web.middleware
    async def _edge(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            if request.path != "/health":
                self._check_token(request)
            return await handler(request)
        except _Refused as refused:
            return _error(refused)
        except web.HTTPException as refused:
            return _error(_Refused(refused.status, _SENTENCES.get(refused.status, refused.reason)))
        except ConnectionError:
            raise  # the client is gone
        except Exception as exc:  # noqa: BLE001 - the edge: aiohttp would log foreign texts
            ours = isinstance(exc, AgentError)
            _log.error("request failed", extra={"error": type(exc).__name__})
            if _BEGUN in request:  # a shorter answer would pass for the whole
                if request.transport is not None:
                    request.transport.abort()
                raise ConnectionResetError("The answer broke off.") from None
            sentence = str(exc) if ours else "The voice failed on this request; see its log."
            return _error(_Refused(503 if ours else 500, sentence))

    def _check_token(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if self._token and not hmac.compare_digest(given, b"Bearer " + self._token):
            raise _Refused(401, "The bearer token is missing or wrong.", code="invalid_api_key")

    async def _health(self, _request: web.Request) -> web.Response:
        about = self._engine.describe()
        ready = bool(about.get("ready", True))
        body = {
            "status": "ok" if ready else "loading",
            "open": self._open,
            "limit": self._max_requests,
            "served": self._served,
            "refused": self._refused,
        }
        return web.json_response(body, status=200 if ready else 503)

    async def _models(self, _request: web.Request) -> web.Response:
        name = self._engine.describe()["engine"]
        model = {"id": name, "object": "model", "created": 0, "owned_by": "kural"}
        return web.json_response({"object": "list", "data": [model]})

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        wanted = await _read(request)
        if self._open >= self._max_requests:
            self._refused += 1
            raise _Refused(429, "The voice has too many requests waiting; try again soon.")
        self._open += 1
        try:
            return await self._answer(request, wanted)
        finally:
            self._open -= 1

    async def _answer(self, request: web.Request, wanted: _Speech) -> web.StreamResponse:
        spoken = self._speaking.chunks(
            wanted.input, voice=wanted.voice or self._voice, rate=round(NATURAL_RATE * wanted.speed)
        )
        async with aclosing(_resampled(spoken)) as chunks:
            try:
                first = await anext(chunks, b"")
            except UsageError as exc:  # the voice, its rate; never the text
                raise _Refused(400, str(exc), param="voice") from None
            if not first:
                raise _Refused(400, "The input holds nothing to pronounce.", param="input")
            if wanted.response_format == "wav":
                response: web.StreamResponse = await _whole(first, chunks)
            else:
                response = await _streamed(request, first, chunks)
        self._served += 1
        return response


async def serve_http(
    bind: Bind, server: VoiceServer, engine: VoiceEngine, started: Callable[[str], None]
) -> None:
    """Answer until cancelled; ``started`` is told the URL.

    Raises:
        ConfigurationError: the address cannot be used, or the engine can never work.
    """
    runner = web.AppRunner(
        server.app(),
        access_log=None,
        handler_cancellation=True,  # a caller who interrupts hangs up, and the voice is to stop
        shutdown_timeout=_FINISH_WITHIN_S,
    )
    try:
        await runner.setup()
        await prepared_beside(engine, _listen(runner, bind, started))
    finally:
        await runner.cleanup()
        server.close()


async def _listen(runner: web.AppRunner, bind: Bind, started: Callable[[str], None]) -> None:
    try:
        await web.TCPSite(runner, bind.host, bind.port, ssl_context=bind.tls).start()
    except OSError as exc:
        raise ConfigurationError(
            f"The voice cannot listen at --http ({exc.strerror or 'unknown host'})."
        ) from None
    host = f"[{bind.host}]" if ":" in bind.host else bind.host
    scheme = "https" if bind.tls else "http"
    started(f"{scheme}://{host}:{runner.addresses[0][1]}")
    await asyncio.Event().wait()


async def _read(request: web.Request) -> _Speech:
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            body = await request.read()
    except TimeoutError:
        raise _Refused(408, "The body did not come in time.") from None
    try:
        return _Speech.model_validate_json(body)
    except ValidationError as exc:
        where = exc.errors(include_input=False, include_url=False)[0]["loc"]
    field = str(where[0]) if where else ""
    if field not in _ALLOWED:
        raise _Refused(400, "The body must be one JSON object.")
    raise _Refused(400, f"{field} must be {_ALLOWED[field]}.", param=field)


async def _resampled(chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[bytes, None]:
    """The same sound at HTTP_SAMPLE_RATE; no empty chunks."""
    import soxr

    change = soxr.ResampleStream(SAMPLE_RATE, HTTP_SAMPLE_RATE, 1, dtype="int16")
    some = False
    async with aclosing(chunks):
        async for chunk in chunks:
            some = True
            if pcm := change.resample_chunk(np.frombuffer(chunk.pcm, np.int16)).tobytes():
                yield pcm
    if some:
        yield change.resample_chunk(np.zeros(0, np.int16), last=True).tobytes()


async def _streamed(
    request: web.Request, first: bytes, chunks: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": f"audio/pcm;rate={HTTP_SAMPLE_RATE};channels=1"}
    )
    request[_BEGUN] = True
    await response.prepare(request)
    await _write(response, first)
    async for chunk in chunks:
        await _write(response, chunk)
    await response.write_eof()
    return response


async def _write(response: web.StreamResponse, chunk: bytes) -> None:
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            await response.write(chunk)
    except TimeoutError:
        raise ConnectionResetError("The client does not read.") from None


async def _whole(first: bytes, chunks: AsyncGenerator[bytes, None]) -> web.Response:
    pcm = b"".join([first, *[chunk async for chunk in chunks]])
    rate = HTTP_SAMPLE_RATE
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + len(pcm), b"WAVE"),
        *(b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16),
        *(b"data", len(pcm)),
    )
    return web.Response(body=header + pcm, content_type="audio/wav")


_SENTENCES = {
    404: "There is POST /v1/audio/speech, GET /v1/models and GET /health.",
    405: "There is POST /v1/audio/speech, GET /v1/models and GET /health.",
    413: f"A request holds at most {MOST_BYTES:,} bytes.",
}


def _error(refused: _Refused) -> web.Response:
    error: dict[str, Any] = {
        "message": str(refused),
        "type": "invalid_request_error" if refused.status < 500 else "server_error",
        "param": refused.param or None,
        "code": refused.code or None,
    }
    if refused.status == 429:
        error |= {"type": "rate_limit_error", "code": "rate_limit_exceeded"}
    headers = {"Retry-After": str(RETRY_AFTER_S)} if refused.status in (429, 503) else {}
    return web.json_response({"error": error}, status=refused.status, headers=headers)
