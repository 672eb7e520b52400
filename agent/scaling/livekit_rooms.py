"""The rooms of our calls, read from LiveKit's API, and the dispatch of an agent to one."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api
from livekit.protocol import agent as agent_proto
from livekit.protocol.models import ParticipantInfo

from agent.errors import ConfigurationError, LiveKitAway
from agent.scaling.server_clock import ServerClock
from agent.scaling.unserved import SeenDispatch, SeenRoom, Target
from agent.settings import OVERLOAD_AGENT

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import TypeVar

    from livekit.protocol.agent_dispatch import AgentDispatch
    from livekit.protocol.models import Room

    from agent.settings import Settings

    T = TypeVar("T")

WITHIN_S = 5.0
"""Longest wait for one answer of the API."""
AT_ONCE = 8
"""Rooms looked at side by side."""
RECHECK_S = 5.0
"""A room whose caller had an agent is looked at again after so long."""
_AGENT_NAME = "lk.agent.name"
"""Attribute in which an agent names itself (livekit-agents 1.8.9, types.py)."""
_CALL_STATUS = "sip.callStatus"
_OVER = frozenset({"hangup", "disconnected"})
_REFUSED = frozenset({"unauthenticated", "permission_denied"})


class LiveKitRooms:
    """Reads rooms and sends agents. Used from one event loop; closed with ``async with``.

    Args:
        settings: address and key of the server, our agent's name, the prefix of our rooms.
        within_s: longest wait for one answer.
    """

    def __init__(self, settings: Settings, *, within_s: float = WITHIN_S) -> None:
        self.clock = ServerClock(time.time, time.monotonic)
        """LiveKit's time."""
        self._settings = settings
        self._within_s = within_s
        self._names = {Target.MAIN: settings.livekit.agent_name, Target.OVERLOAD: OVERLOAD_AGENT}
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._seen: dict[str, tuple[float, SeenRoom | None]] = {}
        """Sid -> when the room was looked into, and what was there."""
        self._session: aiohttp.ClientSession | None = None
        self._api: api.LiveKitAPI | None = None

    async def __aenter__(self) -> Self:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._on_answer)
        self._session = aiohttp.ClientSession(trace_configs=[trace])
        given = self._settings
        self._api = api.LiveKitAPI(
            given.livekit_url,
            given.livekit_api_key.get_secret_value(),
            given.livekit_api_secret.get_secret_value(),
            session=self._session,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def look(self) -> tuple[SeenRoom, ...]:
        """All rooms of ours; one that vanishes meanwhile is left out.

        One that cannot be looked into is as it was before.

        Raises:
            LiveKitAway: no answer, or an error of the server's.
            ConfigurationError: it refuses our key.
        """
        listed = await self._ask(self._server.room.list_rooms(api.ListRoomsRequest()))
        sids = {room.sid for room in listed.rooms}
        self._seen = {sid: seen for sid, seen in self._seen.items() if sid in sids}
        async with asyncio.TaskGroup() as looks:
            seen = [looks.create_task(self._glance(room)) for room in listed.rooms]
        return tuple(room for one in seen if (room := one.result()) is not None)

    async def look_at(self, name: str) -> SeenRoom | None:
        """One room now; None when it is gone or none of ours. Raises like :meth:`look`."""
        listed = await self._ask(self._server.room.list_rooms(api.ListRoomsRequest(names=[name])))
        return await self._look_into(listed.rooms[0]) if listed.rooms else None

    def forget(self) -> None:
        """Something has changed: look into every room at the next look."""
        self._seen = {sid: (float("-inf"), room) for sid, (_, room) in self._seen.items()}

    async def dispatch(self, room: str, target: Target) -> None:
        """Ask LiveKit to send an agent into a room; nothing when the room is gone.

        Whether a worker takes it shows in later looks.

        Raises:
            LiveKitAway: no answer, or an error of the server's. It may have done it all the same.
            ConfigurationError: it refuses our key.
        """
        request = api.CreateAgentDispatchRequest(agent_name=self._names[target], room=room)
        await self._ask_of_room(self._server.agent_dispatch.create_dispatch(request))

    @property
    def _server(self) -> api.LiveKitAPI:
        if self._api is None:
            raise RuntimeError("used outside `async with`")
        return self._api

    async def _on_answer(
        self, session: object, context: object, params: aiohttp.TraceRequestEndParams
    ) -> None:
        self.clock.answered(params.response.headers.get("Date"))

    async def _glance(self, room: Room) -> SeenRoom | None:
        now = time.monotonic()
        looked_at, seen = self._seen.get(room.sid, (float("-inf"), None))
        settled = seen is None or seen.answered
        if settled and now - looked_at < RECHECK_S:
            return seen
        async with self._at_once:
            try:
                seen = await self._look_into(room)
            except (LiveKitAway, ConfigurationError):
                return seen
        self._seen[room.sid] = (now, seen)
        return seen

    async def _look_into(self, room: Room) -> SeenRoom | None:
        """What is in a room; None when it is none of ours, or gone."""
        ours = room.name.startswith(self._settings.livekit.room_prefix)
        there = await self._ask_of_room(
            self._server.room.list_participants(api.ListParticipantsRequest(room=room.name))
        )
        people = [one for one in there.participants if _is_caller(one, ours=ours)] if there else []
        if there is None or not (ours or people):
            return None
        answered = any(self._is_agent(one) for one in there.participants)
        dispatches: tuple[SeenDispatch, ...] = ()
        if not (ours and answered):
            dispatches = await self._dispatches(room.name)
        if not (ours or dispatches):
            return None  # somebody else's call on the same server
        came = [one.joined_at_ms / 1000 or float(one.joined_at) for one in people]
        return SeenRoom(
            room.sid,
            room.name,
            callers=len(people),
            caller_at=min(came, default=float(room.creation_time)),
            answered=answered,
            dispatches=dispatches,
        )

    async def _ask_of_room(self, question: Awaitable[T]) -> T | None:
        """The answer; None when there is no such room (any more). Raises like :meth:`look`."""
        try:
            return await self._ask(question)
        except api.TwirpError:
            return None

    async def _ask(self, question: Awaitable[T]) -> T:
        """The answer of the API.

        Raises:
            TwirpError: there is no such room.
            LiveKitAway: no usable answer.
            ConfigurationError: the key is refused.
        """
        try:
            # The library passes no time limit of a session on, so it is set here.
            async with asyncio.timeout(self._within_s):
                return await question
        except api.TwirpError as exc:
            if exc.code in _REFUSED or exc.status in (401, 403):
                raise ConfigurationError(
                    "LiveKit refuses our key: check LIVEKIT_API_KEY and LIVEKIT_API_SECRET."
                ) from None
            if exc.code == api.TwirpErrorCode.NOT_FOUND:
                raise
            raise LiveKitAway(f"LiveKit answers with an error ({exc.status}).") from None
        except (aiohttp.ClientError, OSError) as exc:  # TimeoutError is an OSError
            raise LiveKitAway(f"LiveKit does not answer ({type(exc).__name__}).") from None
        except (DecodeError, ValueError):
            raise LiveKitAway("What answers at LIVEKIT_URL is no LiveKit server.") from None

    def _is_agent(self, one: ParticipantInfo) -> bool:
        """An agent of ours; one without a name may be."""
        name = one.attributes.get(_AGENT_NAME, "")
        return one.kind == ParticipantInfo.Kind.AGENT and name in ("", *self._names.values())

    async def _dispatches(self, room: str) -> tuple[SeenDispatch, ...]:
        """Dispatches of our agents; a node that does not answer for the room knows of none."""
        targets = {name: target for target, name in self._names.items()}
        try:
            listed = await self._ask_of_room(self._server.agent_dispatch.list_dispatch(room))
        except LiveKitAway:
            listed = None
        ours = (one for one in listed or () if one.agent_name in targets)
        return tuple(_seen(one, targets[one.agent_name]) for one in ours)


def _is_caller(one: ParticipantInfo, *, ours: bool) -> bool:
    if one.state == ParticipantInfo.State.DISCONNECTED or one.permission.hidden:
        return False
    if one.kind == ParticipantInfo.Kind.SIP:
        return one.attributes.get(_CALL_STATUS, "") not in _OVER
    return ours and one.kind == ParticipantInfo.Kind.STANDARD


def _seen(one: AgentDispatch, target: Target) -> SeenDispatch:
    """LiveKit counts in nanoseconds. A job that has ended is no agent on its way."""
    running = [
        job.state
        for job in one.state.jobs
        if job.state.status in (agent_proto.JS_PENDING, agent_proto.JS_RUNNING)
    ]
    accepted = [state.started_at / 1e9 for state in running if state.started_at]
    retrying = any(state.reason == agent_proto.JSR_RETRYING for state in running)
    return SeenDispatch(
        target,
        made_at=one.state.created_at / 1e9,
        accepted_at=max(accepted, default=one.state.created_at / 1e9 if running else None),
        retrying=retrying,
    )
