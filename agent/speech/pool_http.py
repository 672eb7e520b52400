"""Speech over HTTP from one instance that talks like OpenAI's ``/v1/audio/speech``.

One request, no second try: who is asked, and who is asked next, is decided in
:mod:`agent.speech.pool`. Closing the iterator closes the connection, by which an instance notices
that nobody listens.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

import aiohttp

from agent.speech.incoming import BadSound, Incoming

CONNECT_WITHIN_S = 0.5
"""An instance is in the same house or the same country; who needs longer is away."""
_KEEP_ALIVE_S = 60.0
_PIECE_BYTES = 16 * 1024
_TOO_MANY = 429
_OK = 200
OUR_RATE = 165
"""Words a minute at which an instance speaks by itself (``speed`` 1)."""

Form = Literal["pcm", "wav"]


class InstanceFailed(Exception):
    """An instance gave no speech, or no more of it.

    ``kind`` is one word: refused, status, busy, broke, slow, or one of
    :class:`~agent.speech.incoming.BadSound`.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"The instance failed: {kind}.")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Asking:
    """How instances are asked."""

    key: str = ""
    """Bearer token; empty where they want none."""
    model: str = "tts-1"
    form: Form = "pcm"
    pcm_rate: int = 24_000
    """Hertz of PCM that says nothing about itself; OpenAI's is 24,000."""
    voice: str = "ta"
    """Their name of the Tamil voice."""


class SpeechHttp:
    """The client: one pool of kept connections for all instances. Belongs to one event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def speak(
        self, url: str, text: str, *, voice: str, rate: int, asking: Asking
    ) -> AsyncGenerator[bytes, None]:
        """PCM (int16 mono, 22,050 Hz) of ``text``, from the moment it sounds.

        Args:
            url: base address of the instance, without ``/v1``.
            text: what to say.
            voice: the instance's name of the voice.
            rate: words a minute; 165 is the voice's own speed.
            asking: key, model and form.

        Raises:
            InstanceFailed: before the first chunk, so that another can be asked, or after it.
        """
        try:
            async with self._opened().post(
                f"{url}/v1/audio/speech",
                json=_body(text, voice, rate, asking),
                headers={"Authorization": f"Bearer {asking.key}"} if asking.key else {},
                allow_redirects=False,  # it would take the words to a place nobody set
            ) as answer:
                _check_status(answer.status)
                incoming = Incoming(answer.headers.get("Content-Type", ""), asking.pcm_rate)
                async for raw in answer.content.iter_chunked(_PIECE_BYTES):
                    if pcm := incoming.push(raw):
                        yield pcm
                if pcm := incoming.finish():
                    yield pcm
        except BadSound as exc:
            raise InstanceFailed(exc.kind) from None
        except aiohttp.ClientConnectorError:
            raise InstanceFailed("refused") from None
        except TimeoutError:
            raise InstanceFailed("slow") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise InstanceFailed("broke") from None

    async def aclose(self) -> None:
        """Close the kept connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # The limit of each instance is the pool's business.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN_S),
                auto_decompress=False,
            )
        return self._session


def _body(text: str, voice: str, rate: int, asking: Asking) -> dict[str, object]:
    body: dict[str, object] = {
        "model": asking.model,
        "voice": voice,
        "input": text,
        "response_format": asking.form,
        "stream": True,
    }
    if rate != OUR_RATE:
        body["speed"] = round(min(4.0, max(0.25, rate / OUR_RATE)), 3)  # OpenAI's limits
    return body


def _check_status(status: int) -> None:
    if status == _TOO_MANY:
        raise InstanceFailed("busy")
    if status != _OK:
        raise InstanceFailed("status")
