"""One question to one instance: listened to in a task of its own, timed, ended on demand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from agent.speech.instances import Outcome, Place
from agent.speech.pool_http import InstanceFailed

_log = logging.getLogger(__name__)

BREAKS_OFF_AFTER_S = 1.0
"""Without a byte for so long an answer counts as broken off."""

OWN_STALL_S = 0.25
"""When a time-out is noticed so much too late, this process stood still (a machine out of
breath): the answer may lie there unread, and the instance is not to blame."""


class PoolFailed(Exception):
    """No instance gave speech, or not all of it; ``kind`` is one word."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"The pool failed: {kind}.")
        self.kind = kind


Ended = Callable[[Place, Outcome, float | None, str], None]


class Attempt:
    """One question to one instance, in a task of its own."""

    def __init__(
        self,
        place: Place,
        spoken: AsyncGenerator[bytes, None],
        within_s: float,
        good_within_s: float,
        ended: Ended,
    ) -> None:
        """Ask.

        Args:
            place: is given back when this ends, however it ends.
            spoken: the answer.
            within_s: to the first sound.
            good_within_s: an answer later than this is none, though it is listened to.
            ended: called once, at the end.
        """
        self.place = place
        self.wanted = True
        self.failed = ""
        """Kind of failure, once :attr:`first` says False or the chunks end."""
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[bool] = loop.create_future()
        """Whether it sounds."""
        self._spoken = spoken
        self._within_s, self._good_within_s = within_s, good_within_s
        self._ended = ended
        self._first_audio_s: float | None = None
        self._outcome = Outcome.DROPPED
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        """Unbounded: a caller who reads slowly must hold no place. An answer is 9 MB at most."""
        self.task = loop.create_task(self._run())
        self.task.add_done_callback(self._finish)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The sound; raises PoolFailed where it breaks off."""
        while (piece := await self._pieces.get()) is not None:
            yield piece
        if self.failed:
            raise PoolFailed(self.failed)

    async def _run(self) -> None:
        began = _now()
        self._outcome, self.failed = Outcome.FAILED, "broke"
        try:
            async with (
                asyncio.timeout_at(began + self._within_s) as limit,
                aclosing(self._spoken) as spoken,
            ):
                async for piece in spoken:
                    if self._first_audio_s is None:
                        self._first_audio_s = _now() - began
                        self._settle(sounds=True)
                    if not self.wanted:
                        break
                    self._pieces.put_nowait(piece)
                    limit.reschedule(_now() + BREAKS_OFF_AFTER_S)
        except TimeoutError:
            self.failed = "slow" if self._first_audio_s is None else "broke"
            if _now() - (limit.when() or 0.0) > OWN_STALL_S:
                self._outcome = Outcome.DROPPED
        except InstanceFailed as exc:
            self.failed = exc.kind
            self._outcome = Outcome.BUSY if exc.kind == "busy" else Outcome.FAILED
        except asyncio.CancelledError:
            self._outcome, self.failed = Outcome.DROPPED, ""
            raise
        else:
            late = self._first_audio_s is None or self._first_audio_s > self._good_within_s
            self._outcome, self.failed = (
                (Outcome.FAILED, "slow") if late else (Outcome.ANSWERED, "")
            )

    def _finish(self, task: asyncio.Task[None]) -> None:
        """Not at the end of the coroutine: one cancelled before its first step never gets there."""
        if not task.cancelled() and (exc := task.exception()) is not None:
            _log.error("request failed", extra={"error": type(exc).__name__})
        self._settle(sounds=False)
        self._pieces.put_nowait(None)
        self._ended(self.place, self._outcome, self._first_audio_s, self.failed)

    def _settle(self, *, sounds: bool) -> None:
        if not self.first.done():
            self.first.set_result(sounds)


def _now() -> float:
    return asyncio.get_running_loop().time()
