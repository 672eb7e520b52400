"""RunPod's account over HTTP: its key, its refusals, and second tries where they do no harm."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping

from pydantic import SecretStr

from agent.errors import ProviderAway, RateLimited
from agent.scaling.rest import Answer, Rest
from agent.scaling.runpod_problems import problem

ATTEMPTS = 3
_PATIENCE_S = 5.0  # a rate limit that wants longer is the caller's business
_GONE = 404


class RunPodHttp:
    """Asks RunPod. Belongs to one event loop; close it."""

    def __init__(
        self, key: SecretStr, url: str, *, secrets: Iterable[str], within_s: float, pause_s: float
    ) -> None:
        """Bind the account; no request is made.

        Args:
            key: of the account.
            url: endpoint, without ``/v2``.
            secrets: values that no sentence may repeat.
            within_s: longest wait for one answer.
            pause_s: wait before the second try; the third waits four times as long.
        """
        self._secrets = (key.get_secret_value(), *secrets)
        self._pause_s = pause_s
        self._rest = Rest(
            "RunPod",
            url,
            headers=lambda: {"Authorization": f"Bearer {key.get_secret_value()}"},
            within_s=within_s,
        )

    async def once(self, method: str, path: str, body: object) -> Answer:
        """One request that changes something and is never repeated here.

        Raises:
            ProviderError: it was refused, or (``ProviderAway.sent``) nobody knows.
        """
        return self._checked(await self._rest.ask(method, path, body=body))

    async def repeated(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        gone_is_fine: bool = False,
    ) -> Answer:
        """A request that may be carried out twice: tried again while RunPod is away or busy.

        Raises:
            ProviderError: it was refused, or three tries found nobody.
        """
        for attempt in range(ATTEMPTS):
            try:
                answer = await self._rest.ask(method, path, query=query)
                if gone_is_fine and answer.status == _GONE:
                    return answer
                return self._checked(answer)
            except RateLimited as exc:
                if attempt + 1 == ATTEMPTS or exc.retry_after_s > _PATIENCE_S:
                    raise
                await asyncio.sleep(exc.retry_after_s)
            except ProviderAway:
                if attempt + 1 == ATTEMPTS:
                    raise
                await self.pause(attempt)
        raise AssertionError  # the last attempt returns or raises

    async def pause(self, attempt: int) -> None:
        """Wait before a further try: longer each time, and by chance, so that many do not meet."""
        await asyncio.sleep(self._pause_s * 4**attempt * random.uniform(0.5, 1.0))

    async def aclose(self) -> None:
        """Close connections."""
        await self._rest.aclose()

    def _checked(self, answer: Answer) -> Answer:
        if not 200 <= answer.status < 300:
            raise problem(answer, self._secrets)
        return answer
