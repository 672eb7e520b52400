"""The ears as a call process sees them: sound out, transcript back, over the link."""

from __future__ import annotations

import contextlib
from typing import Any, Literal

from agent.errors import EngineUnavailable, ProtocolError
from agent.speech.link_client import LinkClient
from agent.speech.scheduler import Kind as Urgency
from agent.speech.transcript import Transcript, from_header

Kind = Urgency | Literal["final", "preflight", "clause", "interim"]
"""How urgent an utterance is; ``preflight`` is decoded on suspicion and cancelled when the caller
goes on speaking."""


class EarsClient:
    """Asks running ears. Shared by everything in one event loop; reconnects by itself."""

    def __init__(
        self, url: str, token: str = "", deadline_s: float = 8.0, *, tls_ca: str = ""
    ) -> None:
        """Remember where the ears answer; nothing is connected yet.

        Args:
            url: ``unix:///path``, ``tcp://host:port`` or ``tcps://host:port``.
            token: the shared secret of a TCP connection.
            deadline_s: seconds after which an utterance counts as not heard; the ears drop it
                then as well.
            tls_ca: PEM file to trust on ``tcps``; empty = what the system trusts.

        Raises:
            ConfigurationError: the URL or the file is wrong.
        """
        self._link = LinkClient(url, token=token, tls_ca=tls_ca)
        self._deadline_s = deadline_s

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final", call: str = "") -> Transcript:
        """The words in ``pcm``. Cancelling it is cheap.

        Args:
            pcm: int16 mono at 16 kHz, at most 60 s.
            kind: how urgent it is.
            call: opaque name of the call, at most 64 letters: committed words of one call are
                decoded in their order, and under pressure new calls are refused first. Empty =
                of no call.

        Raises:
            EngineBusy: the ears refused it: their queue is full, or they save themselves for
                more urgent ones.
            EngineUnavailable: they do not answer, or not in time.
        """
        header = {
            "op": "transcribe",
            "kind": str(kind),
            "call": call,
            "deadline_s": self._deadline_s,
        }
        answer = await self._ask(header, pcm)
        try:
            return from_header(answer)
        except ProtocolError:
            raise EngineUnavailable("The ears sent something that is not a transcript.") from None

    async def stat(self) -> dict[str, Any]:
        """What runs there and how it goes.

        ``ready``, ``model``, ``version``, ``demo``, ``language``, ``device``, ``compute_type``,
        ``max_batch``; utterances: ``preparing``, ``done`` and ``failed`` since the start,
        ``dropped`` segments by reason, ``retried`` after a loop and ``rescued`` by that; pieces of
        them: ``waiting``, ``shed`` by reason, ``batches`` (size -> how often), ``buckets``
        (context in frames -> pieces); ``pressure`` (1 = the queue makes wait as long as an answer
        may take); ``rss_bytes`` and ``uptime_s``.

        Raises:
            EngineUnavailable: the ears do not answer.
        """
        return await self._ask({"op": "stat"})

    async def aclose(self) -> None:
        """Hang up; open requests fail with EngineUnavailable."""
        await self._link.aclose()

    async def _ask(self, header: dict[str, Any], payload: bytes = b"") -> dict[str, Any]:
        request = self._link.request(header, payload, deadline_s=self._deadline_s)
        try:
            async with contextlib.aclosing(request) as answer:
                async for frame in answer:
                    return frame.header
        except ProtocolError:
            raise EngineUnavailable("The ears did not understand the request.") from None
        raise EngineUnavailable("The ears gave no answer.")
