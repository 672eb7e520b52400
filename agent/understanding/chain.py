"""Who is asked, in which order, and for how long: primary, second, nobody.

A call keeps its order (the share of the second is a share of calls), so one call never mixes two
models without need. A server that failed three times in a row is left alone by all calls of the
machine and tried again by one request at a time.
"""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.breaker import Way
from agent.complaint import Slot
from agent.errors import ExtractionFailed
from agent.understanding.model_answer import ModelAnswer, json_schema, parse

_LONGEST_TURN = 2_000
"""Characters of a turn that are shown to a model."""
_LEAST_S = 0.2
"""With less time left nobody is asked any more."""


class Server(Protocol):
    """What is asked: :class:`agent.understanding.endpoint.Endpoint`."""

    name: str

    async def ask(
        self,
        instructions: str,
        question: str,
        schema: dict[str, Any],
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> str:
        """The whole text of an answer."""
        ...

    async def aclose(self) -> None:
        """Hang up."""
        ...


class Health(Protocol):
    """What is known of a server: :class:`agent.breaker.SharedBreaker`."""

    def way(self, now: float) -> Way:
        """What to do with the next request."""
        ...

    def answered(self) -> None:
        """It did."""
        ...

    def failed(self, now: float) -> None:
        """It did not."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a turn may wait for a model."""

    first_token_s: float = 1.0
    """For the first piece of an answer, each server."""
    deadline_s: float = 2.5
    """For the whole chain."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and who gave it."""

    answer: ModelAnswer
    by: str


@dataclass(slots=True)
class ModelChain:
    """The servers of a process and what is known of them. Shared by its calls."""

    servers: Sequence[Server]
    """Primary first."""
    instructions: str
    health: Mapping[str, Health]
    """By the server's name."""
    patience: Patience = Patience()
    second_share: float = 0.0
    """Part of the calls, 0..1, that ask the second first."""
    clock: Callable[[], float] = time.time
    schema: dict[str, Any] = field(default_factory=json_schema)

    def order(self, call: str) -> list[Server]:
        """The servers in the order this call asks them.

        Args:
            call: its id; the same call always gets the same order.
        """
        servers = list(self.servers)
        part = zlib.crc32(call.encode()) % 10_000 / 10_000
        return servers[::-1] if part < self.second_share else servers

    async def ask(self, said: str, asked: Slot | None, call: str = "") -> Answered:
        """What a model reads in one turn, from the first server that answers well.

        Args:
            said: the turn.
            asked: the question that was open.
            call: id of the call.

        Raises:
            ExtractionFailed: nobody answered in time; rules alone decide.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self.patience.deadline_s
        for server in self.order(call):
            left = end - loop.time()
            health = self.health[server.name]
            if left < _LEAST_S:
                break
            if health.way(self.clock()) is Way.AVOID:
                continue
            try:
                answer = await self.ask_one(server, said, asked, left)
            except ExtractionFailed:
                health.failed(self.clock())
                continue
            health.answered()
            return Answered(answer, server.name)
        raise ExtractionFailed("No language model answered in time.")

    async def ask_one(
        self, server: Server, said: str, asked: Slot | None, within_s: float
    ) -> ModelAnswer:
        """What one server reads in a turn, whatever is known of its health.

        Raises:
            ExtractionFailed: nothing usable came in time.
        """
        question = json.dumps(
            {"asked": asked.value if asked else "complaint", "said": said[:_LONGEST_TURN]},
            ensure_ascii=False,
        )
        text = await server.ask(
            self.instructions,
            question,
            self.schema,
            first_token_s=self.patience.first_token_s,
            deadline_s=within_s,
        )
        return parse(text)

    async def aclose(self) -> None:
        """Hang up on all servers."""
        for server in self.servers:
            await server.aclose()
