"""The ears as a call process sees them: sound out, transcript back, over the link."""

from __future__ import annotations

import contextlib
from typing import Any, Literal

from agent.errors import EngineUnavailable, ProtocolError
from agent.speech.link_client import LinkClient
from agent.speech.transcript import Transcript, from_header

Kind = Literal["final", "preflight"]
"""``preflight`` is decoded on suspicion and cancelled when the caller goes on speaking."""


class EarsClient:
    """Asks running ears. Shared by everything in one event loop; reconnects by itself."""

    def __init__(self, url: str, token: str = "", deadline_s: float = 8.0) -> None:
        """Remember where the ears answer; nothing is connected yet.

        Args:
            url: ``unix:///path`` or ``tcp://host:port``.
            token: the shared secret of a TCP connection.
            deadline_s: seconds after which an utterance counts as not heard.

        Raises:
            ConfigurationError: the URL is neither.
        """
        self._link = LinkClient(url, token=token)
        self._deadline_s = deadline_s

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final") -> Transcript:
        """The words in ``pcm`` (int16 mono at 16 kHz, at most 60 s). Cancelling it is cheap.

        Raises:
            EngineBusy: the queue of the ears is full.
            EngineUnavailable: they do not answer, or not in time.
        """
        header = await self._ask({"op": "transcribe", "kind": kind}, pcm)
        try:
            return from_header(header)
        except ProtocolError:
            raise EngineUnavailable("The ears sent something that is not a transcript.") from None

    async def stat(self) -> dict[str, Any]:
        """What runs there.

        ``ready``, ``model``, ``version``, ``demo``, ``language``, ``waiting`` (utterances in the
        queue) and ``done`` (utterances since the start).

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
