"""A line that is full, on a real LiveKit: who answers, in which order, and what is left behind.

Callers come by WebRTC with the attributes of a phone call and press keys; nobody has to hear them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from livekit import api, rtc
from sqlalchemy import select

from agent.lab.server_process import ServerProcess
from agent.lab.stack import Stack, missing_tools
from agent.lab.worker_process import LabWorker
from agent.settings import OVERLOAD_AGENT, PROJECT_DIR, Settings
from agent.tickets.models import CALLBACK
from agent.tickets.store import TicketStore

MISSING = missing_tools("redis-server", "livekit-server")
pytestmark = [
    pytest.mark.livekit,
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed (.ci/run installs it): {', '.join(MISSING)}"
    ),
]
LIMIT_S = 180.0
CALLER = "+919500012345"
REGISTERED = b"overload agent registered"


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a stranger's state."""
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


class WebCaller:
    """Somebody who rings by browser, in a room that LiveKit dispatches the agent to."""

    def __init__(self, stack: Stack, name: str, *, caller: str = CALLER) -> None:
        self.name = name
        self.agents: list[tuple[str, str, float]] = []
        """(joined or left, agent, seconds after the call began)."""
        self.heard_at: float | None = None
        """When the first sound of an agent came, in seconds after the call began."""
        self.over = asyncio.Event()
        self._stack = stack
        self._caller = caller
        self._room = rtc.Room()
        self._began = 0.0
        self._work: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> WebCaller:
        attributes = {"sip.trunkPhoneNumber": "+914400000001"}
        if self._caller:
            attributes["sip.phoneNumber"] = self._caller
        config = api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name="kural")])
        token = (
            api.AccessToken(self._stack.api_key, self._stack.api_secret)
            .with_identity(f"caller-{self.name}")
            .with_attributes(attributes)
            .with_grants(api.VideoGrants(room_join=True, room=self.name))
            .with_room_config(config)
        )
        self._room.on("participant_connected", lambda one: self._note("joined", one))
        self._room.on("participant_disconnected", lambda one: self._note("left", one))
        self._room.on("track_subscribed", lambda track, *_: self._own(self._listen(track)))
        self._room.on("disconnected", lambda _: self.over.set())
        self._began = time.monotonic()
        await self._room.connect(self._stack.url, token.to_jwt())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._room.disconnect()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    @property
    def answered_by(self) -> str:
        """The agent whose sound was heard."""
        there = [one for one in self._room.remote_participants.values() if _is_agent(one)]
        return there[0].attributes.get("lk.agent.name", "") if there else ""

    @property
    def agents_here(self) -> int:
        return sum(_is_agent(one) for one in self._room.remote_participants.values())

    async def hang_up(self) -> None:
        await self._room.disconnect()

    async def press(self, key: str) -> None:
        await self._room.local_participant.publish_dtmf(code=int(key), digit=key)

    def _note(self, what: str, one: rtc.RemoteParticipant) -> None:
        if _is_agent(one):
            name = one.attributes.get("lk.agent.name", "")
            self.agents.append((what, name, round(time.monotonic() - self._began, 2)))

    def _own(self, work: Any) -> None:
        self._work.add(asyncio.ensure_future(work))

    async def _listen(self, track: rtc.Track) -> None:
        async with contextlib.aclosing(rtc.AudioStream(track)) as frames:
            async for event in frames:
                if self.heard_at is None and max(event.frame.data, default=0) > 500:
                    self.heard_at = round(time.monotonic() - self._began, 2)


def _is_agent(one: rtc.RemoteParticipant) -> bool:
    return one.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT


@contextlib.asynccontextmanager
async def kural(stack: Stack, folder: Path, *command: str, sign: bytes) -> AsyncIterator[Path]:
    """``kural COMMAND`` beside a stack; gives its log."""
    log = folder / f"{'-'.join(command[:1])}-{time.monotonic_ns()}.log"
    env = os.environ | stack.environment()
    env |= {
        "PYTHONPATH": str(PROJECT_DIR),
        "DATA_DIR": str(folder / "var"),
        "LOG__LEVEL": "INFO",
    }
    process = ServerProcess(
        (sys.executable, "-m", "agent", *command), log, folder=folder, environment=env
    )
    await process.start()
    try:
        await until(lambda: not sign or sign in log.read_bytes(), f"{command} is not ready")
        yield log
    finally:
        status = await process.stop()
    assert status == 0, log.read_bytes()[-2000:]


def call_backs(settings: Settings) -> list[dict[str, Any]]:
    store = TicketStore.from_settings(settings)
    try:
        return store.database.visit(
            lambda connection: [dict(r) for r in connection.execute(select(CALLBACK)).mappings()],
            within_s=30.0,
        )
    finally:
        store.close()


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with Stack(tmp_path / "stack", sip=False) as one:
        yield one


async def test_where_nobody_answers_the_overload_agent_does_and_key_one_owes_a_call_back(
    stack, tmp_path, capsys
):
    """No worker at all; the caller waits twelve seconds, hears it, and presses 1."""
    async with (
        kural(stack, tmp_path, "overload", sign=REGISTERED),
        kural(stack, tmp_path, "redispatch", sign=b""),
        WebCaller(stack, "call-a") as caller,
    ):
        await until(lambda: caller.heard_at, "nobody answered")
        assert caller.answered_by == OVERLOAD_AGENT
        await caller.press("1")
        await asyncio.wait_for(caller.over.wait(), LIMIT_S)  # it hangs up after the last word
        with capsys.disabled():
            print(f"\n  overload agent heard after {caller.heard_at} s")
    (owed,) = await asyncio.to_thread(call_backs, Settings(data_dir=tmp_path / "var"))
    assert owed["reason"] == "overload"
    assert [(what, name) for what, name, _ in caller.agents][:1] == [("joined", OVERLOAD_AGENT)]


async def test_two_redispatchers_leave_one_agent_in_each_room(stack, tmp_path, capsys):
    """Four calls at once, nobody to take them but the overload agent."""
    async with (
        kural(stack, tmp_path, "overload", sign=REGISTERED),
        kural(stack, tmp_path, "redispatch", "--json", sign=b""),
        kural(stack, tmp_path, "redispatch", "--json", sign=b""),
        contextlib.AsyncExitStack() as line,
    ):
        callers = [await line.enter_async_context(WebCaller(stack, f"call-{i}")) for i in range(4)]
        for caller in callers:
            await until(partial(getattr, caller, "heard_at"), "nobody answered")
        async with stack.client() as client:
            for caller in callers:
                there = await client.room.list_participants(
                    api.ListParticipantsRequest(room=caller.name)
                )
                agents = [p for p in there.participants if p.kind == p.Kind.AGENT]
                assert len(agents) == 1, f"{caller.name}: {[a.identity for a in agents]}"
        with capsys.disabled():
            print(f"\n  heard after {[caller.heard_at for caller in callers]} s")
            print(f"  agents that joined and left: {[len(c.agents) for c in callers]}")


async def test_a_hidden_number_is_told_and_let_go(stack, tmp_path):
    async with (
        kural(stack, tmp_path, "overload", sign=REGISTERED),
        kural(stack, tmp_path, "redispatch", sign=b""),
        WebCaller(stack, "call-hidden", caller="") as caller,
    ):
        await until(lambda: caller.heard_at, "nobody answered")
        await asyncio.wait_for(caller.over.wait(), LIMIT_S)
    assert not await asyncio.to_thread(call_backs, Settings(data_dir=tmp_path / "var"))


async def served(stack: Stack, line: contextlib.AsyncExitStack) -> WebCaller:
    """A caller whom the agent itself has; a worker that is still starting leaves some to others."""
    for attempt in range(6):
        one = await line.enter_async_context(WebCaller(stack, f"call-first-{attempt}"))
        await until(partial(getattr, one, "heard_at"), "nobody answered")
        if one.answered_by == "kural":
            return one
        await one.hang_up()
    raise AssertionError("the worker answered none of six calls")


async def test_beside_a_full_worker_the_second_caller_is_answered_and_the_first_undisturbed(
    stack, tmp_path, capsys
):
    """`python agent.py start` alone: its companions do the rest."""
    worker = LabWorker(tmp_path / "worker", Settings(), stack.environment(), capacity=1)
    async with worker, contextlib.AsyncExitStack() as line:
        first = await served(stack, line)
        second = await line.enter_async_context(WebCaller(stack, "call-second"))
        await until(lambda: second.heard_at, "nobody answered the second caller")
        assert second.answered_by == OVERLOAD_AGENT
        assert first.agents_here == second.agents_here == 1
        await second.press("1")
        await asyncio.wait_for(second.over.wait(), LIMIT_S)
        assert not first.over.is_set()
        with capsys.disabled():
            print(f"\n  first heard after {first.heard_at} s, second after {second.heard_at} s")
    (owed,) = await asyncio.to_thread(call_backs, worker.settings)
    assert owed["reason"] == "overload"


async def test_a_place_that_becomes_free_while_it_rings_goes_to_the_caller_who_waits(
    stack, tmp_path, capsys
):
    """The agent itself answers when it can, before the overload agent is asked."""
    worker = LabWorker(
        tmp_path / "worker",
        Settings(),
        stack.environment(),
        capacity=1,
        environment={"LIVEKIT__OVERLOAD_CALLS": "0"},
    )
    async with worker, contextlib.AsyncExitStack() as line:
        first = await served(stack, line)
        second = await line.enter_async_context(WebCaller(stack, "call-second"))
        await asyncio.sleep(0.5)
        assert not second.agents
        await first.hang_up()
        await until(lambda: second.heard_at, "the free place went to nobody")
        assert second.answered_by == "kural"
        with capsys.disabled():
            print(f"\n  second heard after {second.heard_at} s")
