"""One server that speaks the OpenAI chat protocol: vLLM, Ollama, LiteLLM, a cloud service.

The plugin of LiveKit is used for what it knows of models (thinking tokens, effort of reasoning).
It also sends the ids of room and job and the worker's token to whatever server it is pointed at;
they are taken off before a request leaves.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
from livekit.agents import APIConnectOptions, APIError, llm

# Here and not where it is used: a plugin registers itself, which only the main thread may do.
from livekit.plugins import openai as plugin

from agent.errors import ExtractionFailed
from agent.understanding.model_answer import LONGEST

_HIDDEN_HEADERS = "x-livekit-"
_MOST_TOKENS = 600
_NO_KEY = "none"
"""The client wants a key; servers of one's own take any."""


@dataclass(frozen=True, slots=True)
class EndpointAddress:
    """Where a model answers."""

    name: str
    """``primary`` or ``second``, for logs and metrics."""
    url: str
    """Base URL, as in ``http://127.0.0.1:8000/v1``."""
    model: str
    key: str = ""


class Endpoint:
    """Asks one server. Shared by the calls of a process; belongs to one event loop."""

    def __init__(self, address: EndpointAddress) -> None:
        """Nothing is connected yet.

        Args:
            address: where.
        """
        self.name = address.name
        self._http = httpx2.AsyncClient(event_hooks={"request": [_strip]}, trust_env=False)
        client = openai.AsyncClient(
            api_key=address.key or _NO_KEY,
            base_url=address.url,
            http_client=self._http,
            max_retries=0,
        )
        self._llm: Any = plugin.LLM(
            model=address.model,
            client=client,
            temperature=0.0,
            max_completion_tokens=_MOST_TOKENS,
        )
        self._once = APIConnectOptions(max_retry=0, timeout=60.0)  # our deadlines are shorter

    async def ask(
        self,
        instructions: str,
        question: str,
        schema: dict[str, Any],
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> str:
        """The whole text of an answer.

        Args:
            instructions: what the model is to do.
            question: the turn.
            schema: JSON schema of the answer.
            first_token_s: longest wait for the first piece of it.
            deadline_s: longest wait for all of it, the first included.

        Raises:
            ExtractionFailed: none came, or not in time; one sentence without words of the caller.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_s
        first = min(loop.time() + first_token_s, end)
        stream = self._llm.chat(
            chat_ctx=_context(instructions, question),
            conn_options=self._once,
            # Not its own argument of that name, which takes classes only.
            extra_kwargs={
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "turn", "schema": schema, "strict": True},
                }
            },
        )
        try:
            return await _text(stream, first, end)
        except TimeoutError:
            raise ExtractionFailed(
                f"The {self.name} language model did not answer in time."
            ) from None
        finally:
            await stream.aclose()

    async def aclose(self) -> None:
        """Hang up."""
        await self._llm.aclose()
        await self._http.aclose()


async def _text(stream: Any, first: float, end: float) -> str:
    """Gather an answer; the first piece by ``first``, the last by ``end`` (loop time)."""
    pieces: list[str] = []
    size = 0
    try:
        async with asyncio.timeout_at(first) as timer:
            async for chunk in stream:
                piece = chunk.delta.content if chunk.delta else None
                if not piece:
                    continue
                if not pieces:
                    timer.reschedule(end)
                pieces.append(piece)
                size += len(piece)
                if size > LONGEST:
                    raise ExtractionFailed("The language model's answer is too long.")
    except APIError as exc:
        status = getattr(exc, "status_code", -1)
        said = f" (status {status})" if status > 0 else ""
        raise ExtractionFailed(f"The language model could not be asked{said}.") from None
    return "".join(pieces)


def _context(instructions: str, question: str) -> llm.ChatContext:
    context = llm.ChatContext.empty()
    context.add_message(role="system", content=instructions)
    context.add_message(role="user", content=question)
    return context


async def _strip(request: Any) -> None:
    for name in [name for name in request.headers if name.lower().startswith(_HIDDEN_HEADERS)]:
        del request.headers[name]
