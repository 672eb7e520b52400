"""Keeps one part (ears or voice) running: use what answers, else own a child and watch it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import aclosing
from dataclasses import dataclass

from agent.control import child
from agent.errors import AgentError, ConfigurationError, EngineUnavailable
from agent.settings import Settings
from agent.speech.link import LinkClient

_log = logging.getLogger(__name__)

_WRONG_USE = 2
"""Exit code of a child whose settings are wrong: trying again does not help."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits for what, in seconds."""

    ready_within_s: float = 60.0
    """From start to the first answer; loading a large model takes most of it."""
    check_every_s: float = 5.0
    """Between two looks at a part that runs."""
    answer_within_s: float = 2.0
    """For one look."""
    hung_after_s: float = 30.0
    """Without an answer for this long a running child is ended and started again."""
    first_wait_s: float = 0.2
    """Before the first restart; doubled after each."""
    longest_wait_s: float = 5.0
    healthy_after_s: float = 30.0
    """A child that lived this long starts the waiting anew."""


@dataclass(frozen=True, slots=True)
class Part:
    """A process that is kept running."""

    name: str
    arguments: tuple[str, ...]
    """Of ``python -m agent``."""
    url: str
    """Where it answers."""
    error: type[AgentError]
    """Raised when it does not start."""


class Keeper:
    """Keeps one part running."""

    def __init__(self, part: Part, settings: Settings, patience: Patience) -> None:
        self.name = part.name
        self.process: asyncio.subprocess.Process | None = None
        self._part = part
        self._patience = patience
        self._settings = settings
        self._link = LinkClient(
            part.url,
            token=settings.speech.token.get_secret_value(),
            connect_timeout_s=patience.answer_within_s,
        )
        data = settings.data_dir.resolve()
        self._log_path = data / "log" / f"{part.name}.log"
        self._lock_path = data / "run" / f"{part.name}.owner"
        self._ready = asyncio.Event()
        self._refusals = 0
        self._hopeless = asyncio.Event()
        self._refused = ""
        self._trouble = f"the end of {self._log_path} says why"

    async def until_ready(self) -> None:
        """Wait for the first answer.

        Raises:
            ConfigurationError: the part refuses its settings; in its own words, since its log may
                lie in a folder that is gone when the sentence is read.
            AgentError: the part's own class, when there will be no answer for another reason.
        """
        waits = [asyncio.create_task(e.wait()) for e in (self._ready, self._hopeless)]
        try:
            await asyncio.wait(
                waits,
                timeout=self._patience.ready_within_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for wait in waits:
                wait.cancel()
        if self._refused:
            raise ConfigurationError(f"The {self.name} did not start: {self._refused}")
        if not self._ready.is_set():
            raise self._part.error(f"The {self.name} did not start: {self._trouble}.")

    async def run(self) -> None:
        """Start the part whenever nobody answers, until cancelled."""
        wait_s = self._patience.first_wait_s
        try:
            while True:
                lived_s = await self._use_or_own()
                if lived_s is None or lived_s >= self._patience.healthy_after_s:
                    wait_s = self._patience.first_wait_s
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self._patience.longest_wait_s)
        finally:
            await self._link.aclose()

    async def _use_or_own(self) -> float | None:
        """One turn: use what answers, or be the owner of a child for as long as it lives.

        Returns:
            How long our child lived, in seconds; None when the part is another supervisor's.
        """
        clock = asyncio.get_running_loop().time
        try:
            while await self._answers():
                self._ready.set()
                await asyncio.sleep(min(1.0, self._patience.check_every_s))
            with child.ownership(self._lock_path) as owner:
                if not owner:
                    return None
                began = clock()
                await self._live()
                return clock() - began
        except OSError as exc:
            _log.warning(
                "part cannot be started",
                extra={"part": self.name, "error": type(exc).__name__},
            )
            self._trouble = f"its files under DATA_DIR cannot be written ({exc.strerror})"
            self._hopeless.set()
            return 0.0

    async def _live(self) -> None:
        """Start a child and watch it until it ends or hangs."""
        env = child.environment(self._settings)
        process = await child.start(self._part.arguments, env, self._log_path)
        self.process = process
        try:
            _log.info("part started", extra={"part": self.name, "pid": process.pid})
            if await self._until_it_answers(process):
                self._ready.set()
                self._refusals = 0
                await self._watch(process)
        finally:
            self.process = None
            await child.end(process)
        _log.warning("part ended", extra={"part": self.name, "exit_code": process.returncode})
        if process.returncode == _WRONG_USE:
            # Once may be a dying predecessor that still holds the socket.
            self._refusals += 1
            if self._refusals > 1:
                self._refused = await asyncio.to_thread(child.last_sentence, self._log_path)
                self._hopeless.set()

    async def _until_it_answers(self, process: asyncio.subprocess.Process) -> bool:
        clock = asyncio.get_running_loop().time
        end = clock() + self._patience.ready_within_s
        while clock() < end:
            if await _exited(process, within_s=0.05):
                return False
            if await self._answers():
                return True
        return False

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        clock = asyncio.get_running_loop().time
        last_answer = clock()
        while not await _exited(process, within_s=self._patience.check_every_s):
            if await self._answers():
                last_answer = clock()
            elif clock() - last_answer > self._patience.hung_after_s:
                _log.error("part hangs", extra={"part": self.name, "pid": process.pid})
                return
            with contextlib.suppress(OSError):
                await asyncio.to_thread(child.trim_log, self._log_path)

    async def _answers(self) -> bool:
        """Whether somebody answers at the part's address and says nothing against being ready."""
        try:
            async with aclosing(
                self._link.request({"op": "stat"}, deadline_s=self._patience.answer_within_s)
            ) as frames:
                async for frame in frames:
                    return bool(frame.header.get("ready", True))
        except EngineUnavailable:
            return False
        except AgentError:
            return True  # it answers, if only to refuse the question
        return True


async def _exited(process: asyncio.subprocess.Process, *, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        return False
    return True
