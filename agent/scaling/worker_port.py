"""The control port of a worker, from outside: is it ready, and has it anything left to lose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from agent.errors import KeyRefused, ProviderAway
from agent.scaling.rest import Answer, Rest

_OK = 200
_DENIED = (401, 403)


class DrainState(BaseModel):
    """What a worker still has to do before its machine may go."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    draining: bool
    """Whether it refuses new calls."""
    active_calls: int = Field(ge=0)
    unsent: int = Field(ge=0)
    """Lines of journals that no other machine has yet."""

    @property
    def empty(self) -> bool:
        """Whether nothing is lost with the machine."""
        return self.draining and self.active_calls == 0 and self.unsent == 0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a worker answers calls."""

    ready: bool
    why: str
    """What is missing, in a few words; empty when it is ready."""
    capacity: int = 0
    """Calls it takes at once; 0 where it does not say."""


class WorkerPort:
    """Asks one worker. Belongs to one event loop; close it."""

    def __init__(self, address: str, token: SecretStr, *, within_s: float = 10.0) -> None:
        """Bind the address of the control port and its shared secret."""
        secret = token.get_secret_value()
        self._rest = Rest(
            "The machine",
            address,
            headers=lambda: {"Authorization": f"Bearer {secret}"} if secret else {},
            within_s=within_s,
        )

    async def readiness(self) -> Readiness:
        """Whether it is registered and can answer a call; a machine that is away is not ready."""
        try:
            answer = await self._rest.ask("GET", "/ready")
        except ProviderAway:
            return Readiness(False, "it does not answer yet")
        calls = _capacity(answer.body)
        if answer.status == _OK:
            return Readiness(True, "", calls)
        why = _missing(answer.body) or f"it answers with status {answer.status}"
        return Readiness(False, why, calls)

    async def drain_state(self) -> DrainState:
        """How much it still has to do.

        Raises:
            ProviderAway: it cannot be asked, which says nothing about its calls.
            KeyRefused: the secret is not the one it was started with.
        """
        return self._read(await self._rest.ask("GET", "/drain"))

    async def drain(self) -> DrainState:
        """Tell it to take no more calls; saying so twice changes nothing. Errors as above."""
        return self._read(await self._rest.ask("POST", "/drain"))

    async def aclose(self) -> None:
        """Close connections."""
        await self._rest.aclose()

    def _read(self, answer: Answer) -> DrainState:
        if answer.status in _DENIED:
            raise KeyRefused("The machine refuses CONTROL__TOKEN: it was started with another.")
        try:
            return DrainState.model_validate(answer.body)
        except ValidationError:
            raise ProviderAway(
                f"The machine did not say whether it still has calls (status {answer.status})."
            ) from None


def _capacity(body: Any) -> int:
    """Calls at once by a /ready body; 0 when it does not say."""
    calls = body.get("capacity") if isinstance(body, Mapping) else None
    return calls if type(calls) is int and calls > 0 else 0


def _missing(body: Any) -> str:
    """Names of the parts that a /ready body calls missing, at most five."""
    if not isinstance(body, Mapping):
        return ""
    parts = body.get("missing")
    if not isinstance(parts, (list, dict)):
        return ""
    names = [part for part in parts if isinstance(part, str) and part.isidentifier()]
    return f"missing: {', '.join(names[:5])}" if names else ""
