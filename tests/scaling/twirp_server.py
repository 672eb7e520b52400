"""A stranger for the tests: the part of LiveKit's API a redispatcher asks, over real HTTP.

Speaks Twirp with protobuf bodies and checks keys as LiveKit does. Rooms are what a test puts in.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web
from google.protobuf.message import Message
from livekit import api
from livekit.protocol import agent as agent_proto
from livekit.protocol.agent_dispatch import AgentDispatch, AgentDispatchState
from livekit.protocol.models import ParticipantInfo, Room

from tests.loopback import on_loopback

KEY, SECRET = "devkey", "a-secret-of-thirty-two-letters-or-more"
Kind = ParticipantInfo.Kind


class TwirpServer:
    """Rooms, who is in them, and the dispatches asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.rooms: dict[str, Room] = {}
        self.people: dict[str, list[ParticipantInfo]] = {}
        self.dispatches: dict[str, list[AgentDispatch]] = {}
        self.asked: list[tuple[str, str]] = []
        """(room, agent) of every dispatch created, in order."""
        self.faults: dict[str, list[int]] = {}
        """Method -> statuses of its next answers; 0 = as it should be."""
        self.slow_s: dict[str, float] = {}
        """Method -> how long its answers take."""
        self.calls: list[str] = []
        """Methods that were asked."""
        self.on_create: Callable[[str, str], None] = lambda room, agent: None

    def call(self, name: str, *, ago_s: float, **more: Any) -> str:
        """A caller in a room since ``ago_s`` seconds; returns the name."""
        self.rooms[name] = Room(sid=f"RM_{name}", name=name, creation_time=int(time.time() - ago_s))
        self.people[name] = []
        self.dispatches[name] = []
        self.join(name, "sip_caller", ago_s=ago_s, kind=Kind.SIP, **more)
        return name

    def join(self, room: str, identity: str, *, ago_s: float = 0.0, **fields: Any) -> None:
        """Somebody comes into a room."""
        at_ms = int((time.time() - ago_s) * 1000)
        fields.setdefault("state", ParticipantInfo.State.ACTIVE)
        one = ParticipantInfo(identity=identity, joined_at_ms=at_ms, **fields)
        self.people[room].append(one)

    def answer(self, room: str, agent: str = "kural") -> None:
        """An agent comes into a room."""
        self.join(room, f"agent-{agent}", kind=Kind.AGENT, attributes={"lk.agent.name": agent})

    def dispatched(self, room: str, agent: str, *, ago_s: float, accepted: bool = False) -> None:
        """LiveKit has dispatched before the test."""
        at = int((time.time() - ago_s) * 1e9)
        state = AgentDispatchState(created_at=at)
        if accepted:
            running = agent_proto.JobState(status=agent_proto.JS_RUNNING, started_at=at)
            state.jobs.append(agent_proto.Job(id="AJ_1", state=running))
        one = AgentDispatch(id=f"AD_{len(self.asked)}", agent_name=agent, room=room, state=state)
        self.dispatches[room].append(one)

    # -- the API ------------------------------------------------------------------------------

    async def _post(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.calls.append(method)
        await asyncio.sleep(self.slow_s.get(method, 0.0))
        if (status := (self.faults.get(method) or [0]).pop(0)) != 0:
            return _error(status, "internal" if status >= 500 else "not_found")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            api.TokenVerifier(KEY, SECRET).verify(token)
        except Exception:  # noqa: BLE001 -- so many ways to be no token
            return _error(401, "unauthenticated")
        answer = getattr(self, method)(await request.read())
        if answer is None:
            return _error(404, "not_found")
        return web.Response(body=answer.SerializeToString(), content_type="application/protobuf")

    def ListRooms(self, body: bytes) -> Message:  # noqa: N802
        names = api.ListRoomsRequest.FromString(body).names
        found = [one for one in self.rooms.values() if not names or one.name in names]
        return api.ListRoomsResponse(rooms=found)

    def ListParticipants(self, body: bytes) -> Message | None:  # noqa: N802
        name = api.ListParticipantsRequest.FromString(body).room
        if name not in self.rooms:
            return None
        return api.ListParticipantsResponse(participants=self.people[name])

    def ListDispatch(self, body: bytes) -> Message | None:  # noqa: N802
        name = api.ListAgentDispatchRequest.FromString(body).room
        if name not in self.rooms:
            return None
        return api.ListAgentDispatchResponse(agent_dispatches=self.dispatches[name])

    def CreateDispatch(self, body: bytes) -> Message | None:  # noqa: N802
        wanted = api.CreateAgentDispatchRequest.FromString(body)
        if wanted.room not in self.rooms:
            return None
        self.asked.append((wanted.room, wanted.agent_name))
        self.dispatched(wanted.room, wanted.agent_name, ago_s=0.0)
        self.on_create(wanted.room, wanted.agent_name)
        return self.dispatches[wanted.room][-1]


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"code": code, "msg": "so it is"}, status=status)


@contextlib.asynccontextmanager
async def twirp_server() -> AsyncIterator[TwirpServer]:
    """Serve on a free port of the loopback."""
    server = TwirpServer()
    app = web.Application()
    app.add_routes([web.post("/twirp/{service}/{method}", server._post)])
    async with on_loopback(app) as address:
        server.url = f"http://{address}"
        yield server
