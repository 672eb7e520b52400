"""Watches ears and voice from the worker: are they there, and how much waits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from agent.capacity.load import Pressure
from agent.errors import AgentError
from agent.observability import metrics
from agent.observability.meter_files import samples_of_text
from agent.observability.metrics import OTHER, Samples
from agent.speech.link_client import LinkClient

if TYPE_CHECKING:
    from agent.settings import Settings

logger = logging.getLogger(__name__)

EVERY_S = 0.5
"""As often as LiveKit asks for the load."""
_ANSWER_WITHIN_S = 2.0
_SILENT_AFTER_S = 5.0
"""Ears or voice that did not answer for this long are said to be away."""


class PartsWatch:
    """Asks ears and voice how they are, from :meth:`run`'s event loop; read from any thread."""

    def __init__(self, settings: Settings) -> None:
        """Remember where they answer; nothing is asked yet."""
        token = settings.speech.token.get_secret_value()
        self._links = {
            "ears": LinkClient(settings.ears_url, token=token, tls_ca=settings.speech.tls_ca),
            "voice": LinkClient(settings.voice_url, token=token),
        }
        self._answered: dict[str, float] = {}
        self._facts: dict[str, Any] = {}
        self.pressure = Pressure()
        """Of the ears."""

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for part in self._links:
                    group.create_task(self._follow(part))
        finally:
            for link in self._links.values():
                await link.aclose()

    def trouble(self, part: str) -> str:
        """What is wrong with ``ears`` or ``voice``, as a sentence; empty when nothing is."""
        last = self._answered.get(part)
        if last is None:
            return f"The {part} have not answered yet." if part == "ears" else "No voice yet."
        silent_s = time.monotonic() - last
        return f"No answer for {silent_s:.0f} s." if silent_s > _SILENT_AFTER_S else ""

    def waiting(self) -> int:
        """Utterances that wait for the ears, as they last said."""
        return int(self._facts.get("waiting", 0))

    async def samples(self) -> Samples:
        """What ears and voice counted themselves, for the table of metrics."""
        name, labels = metrics.STT_DROPPED.name, metrics.STT_DROPPED.labels["reason"]
        found: Samples = {}
        for reason, count in dict(self._facts.get("dropped", {})).items():
            key = (name, (("reason", reason if reason in labels else OTHER),))
            found[key] = found.get(key, 0.0) + count
        try:
            _, exposed = await self._ask("voice", "metrics")
        except AgentError:
            return found
        return found | samples_of_text(exposed)

    async def _follow(self, part: str) -> None:
        while True:
            try:
                facts, _ = await self._ask(part, "stat")
            except AgentError:
                await asyncio.sleep(EVERY_S)
                continue
            now = time.monotonic()
            if facts.get("ready", True):
                self._answered[part] = now
            if part == "ears":
                self._facts = facts
                self.pressure.note(float(facts.get("pressure", 0.0)), now)
            await asyncio.sleep(EVERY_S)

    async def _ask(self, part: str, operation: str) -> tuple[dict[str, Any], bytes]:
        request = self._links[part].request({"op": operation}, deadline_s=_ANSWER_WITHIN_S)
        async with contextlib.aclosing(request) as frames:
            async for frame in frames:
                return frame.header, frame.payload
        return {}, b""
