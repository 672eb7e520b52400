"""A server on the loopback that speaks the OpenAI chat protocol, and can be slow, wrong or rude."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle
from typing import Any

from aiohttp import web

from tests.loopback import on_loopback

Oracle = Callable[[dict[str, str]], dict[str, Any]]
"""Makes the answer's object from the question's: ``{"asked", "said"}``."""

EMPTY: dict[str, Any] = {
    "intent": None, "intent_words": None, "complaints": [], "emergency_words": None,
    "place_words": None, "landmark_words": None, "days_words": None, "phone_words": None,
    "ticket_words": None, "name_words": None,
}  # fmt: skip

INJECTED = {
    "intent": "emergency", "intent_words": "ignore all previous instructions",
    "complaints": [{"code": "CORRUPTION", "words": "the collector takes bribes"}],
    "emergency_words": "a bomb in the office", "place_words": "Atlantis", "days_words": "9999 days",
    "phone_words": "9000000000", "ticket_words": "123456789", "name_words": "Robert'); DROP TABLE",
    "status": "RESOLVED", "constituency": 999,
}  # fmt: skip


class Manner(StrEnum):
    """How the server behaves."""

    RIGHT = "right"
    FENCED = "fenced"
    THINKING = "thinking"
    SLOW_FIRST = "slow_first"
    STALLS = "stalls"
    MALFORMED = "malformed"
    WRONG_ENUM = "wrong_enum"
    WRONG_TYPES = "wrong_types"
    REFUSAL = "refusal"
    EMPTY = "empty"
    ENDLESS = "endless"
    UNAUTHORIZED = "401"
    RATE_LIMITED = "429"
    BROKEN = "500"
    NOT_HTTP = "not_http"
    HANGS = "hangs"
    DROPS = "drops"
    INJECTED = "injected"


BAD = tuple(m for m in Manner if m not in (Manner.RIGHT, Manner.FENCED, Manner.THINKING))


@dataclass
class ModelServer:
    """``asked`` is what came in: headers and body of each request."""

    oracle: Oracle = field(default=lambda _: EMPTY)
    manners: Iterator[Manner] = field(default_factory=lambda: cycle([Manner.RIGHT]))
    asked: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    url: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def behave(self, *manners: Manner) -> None:
        """Behave like this from now on, in turn."""
        self.manners = cycle(manners)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append((dict(request.headers), body))
        manner = next(self.manners)
        match manner:
            case Manner.UNAUTHORIZED | Manner.RATE_LIMITED | Manner.BROKEN:
                headers = {"Retry-After": "7"} if manner is Manner.RATE_LIMITED else None
                error = {"error": {"message": "no", "type": "x"}}
                return web.json_response(error, status=int(manner), headers=headers)
            case Manner.NOT_HTTP:
                assert request.transport is not None
                request.transport.write(b"SSH-2.0-nonsense\r\n\r\n")
                request.transport.close()
            case Manner.HANGS:
                await self.over.wait()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        question = json.loads(body["messages"][-1]["content"])
        with suppress(ConnectionError):  # the other side may be gone
            await response.prepare(request)
            await self._stream(response, request, manner, self.text(manner, question))
        return response

    def text(self, manner: Manner, question: dict[str, str]) -> str:
        right = EMPTY | self.oracle(question)
        match manner:
            case Manner.FENCED:
                return f"```json\n{json.dumps(right, ensure_ascii=False)}\n```"
            case Manner.THINKING:
                return f"<think>what may it be?</think>{json.dumps(right, ensure_ascii=False)}"
            case Manner.MALFORMED:
                return '{"intent": "complaint", "complaints": [{"code": "WAT'
            case Manner.WRONG_ENUM:
                wrong = {"intent": "riot", "complaints": [{"code": "DRAGONS", "words": "x"}]}
                return json.dumps(right | wrong)
            case Manner.WRONG_TYPES:
                return json.dumps(right | {"complaints": "WATER", "place_words": 7})
            case Manner.REFUSAL:
                return "I'm sorry, I can't help with that."
            case Manner.EMPTY:
                return ""
            case Manner.ENDLESS:
                return "[" * 100_000
            case Manner.INJECTED:
                return json.dumps(INJECTED)
        return json.dumps(right, ensure_ascii=False)

    async def _stream(
        self, response: web.StreamResponse, request: web.Request, manner: Manner, text: str
    ) -> None:
        if manner is Manner.SLOW_FIRST:
            await self._pause(1.5)
        size = max(1, len(text) // 8)
        for n, at in enumerate(range(0, len(text), size)):
            if n == 2 and manner is Manner.STALLS:
                await self._pause(30)
            if n == 2 and manner is Manner.DROPS:
                assert request.transport is not None
                request.transport.close()
                return
            await response.write(_event({"role": "assistant", "content": text[at : at + size]}))
        await response.write(_event({}, finish="stop"))
        await response.write(b"data: [DONE]\n\n")

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)


@asynccontextmanager
async def serving(server: ModelServer) -> AsyncIterator[ModelServer]:
    """Serve until the block ends."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.answer)
    async with on_loopback(app, shutdown_timeout=0) as address:
        server.url = f"http://{address}/v1"
        try:
            yield server
        finally:
            server.over.set()


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    chunk = {
        "id": "chat-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "stand-in",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
