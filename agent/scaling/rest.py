"""One HTTP exchange with a provider: bounded in time and size, JSON both ways.

No second try here: whether a request may be repeated depends on what it does. What went wrong
comes as :class:`~agent.errors.ProviderAway`, which says whether the request may have arrived.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.errors import ConfigurationError, ProviderAway

if TYPE_CHECKING:
    import httpx2

_LARGEST_ANSWER = 32 * 1024 * 1024  # the catalogue of RunPod is below 1 MB
_CONNECT_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: Any
    """The JSON in it; None for an empty body or one that is no JSON."""


class Rest:
    """A client of one server. Belongs to one event loop; close it."""

    def __init__(
        self,
        who: str,
        base: str,
        *,
        headers: Callable[[], dict[str, str]],
        verify: ssl.SSLContext | bool = True,
        within_s: float = 30.0,
    ) -> None:
        """Remember whom to ask; nothing is opened yet.

        Args:
            who: name of the server in sentences, "RunPod".
            base: its URL.
            headers: called for every request, so that a rotated token is the present one.
            verify: how its certificate is checked.
            within_s: longest time of one exchange, from connecting to the last byte.
        """
        self._who = who
        self._base = base.rstrip("/")
        self._headers = headers
        # Reading what the system trusts takes 20 ms, for nothing where there is no TLS.
        self._verify = verify if self._base.startswith("https:") else False
        self._within_s = within_s
        self._client: httpx2.AsyncClient | None = None

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status.

        Raises:
            ProviderAway: there was no whole answer; ``sent`` tells whether it may have arrived.
            ConfigurationError: the URL is none.
        """
        import httpx2  # here: only who asks a provider pays for the import

        headers = self._headers()
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = content_type
        try:
            async with (
                asyncio.timeout(self._within_s),
                self._opened().stream(
                    method,
                    self._base + path,
                    params=dict(query) if query else None,
                    content=data,
                    headers=headers,
                ) as answer,
            ):
                text = await self._whole(answer)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise self._no_address() from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            raise ProviderAway(
                f"{self._who} cannot be reached: check the network and the address {self._base}."
            ) from None
        except (httpx2.HTTPError, TimeoutError, OSError):
            raise ProviderAway(
                f"{self._who} did not answer a request in time; what it asked for may have "
                "happened.",
                sent=True,
            ) from None
        return Answer(answer.status_code, _lower(answer.headers), _parsed(text))

    async def aclose(self) -> None:
        """Close the kept connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _opened(self) -> httpx2.AsyncClient:
        import httpx2

        if not _is_address(self._base):
            raise self._no_address()
        if self._client is None:
            self._client = httpx2.AsyncClient(
                timeout=httpx2.Timeout(self._within_s, connect=_CONNECT_WITHIN_S),
                verify=self._verify,
                follow_redirects=False,  # it would take the key to a place nobody set
                trust_env=False,
            )
        return self._client

    def _no_address(self) -> ConfigurationError:
        return ConfigurationError(f"The address of {self._who} is none: {self._base}.")

    async def _whole(self, answer: httpx2.Response) -> bytes:
        whole = bytearray()
        async for piece in answer.aiter_bytes():
            whole += piece
            if len(whole) > _LARGEST_ANSWER:
                raise ProviderAway(f"{self._who} answered more than we read.", sent=True)
        return bytes(whole)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
