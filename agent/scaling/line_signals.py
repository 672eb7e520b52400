"""What the autoscaler reads of LiveKit's rooms and of the workers' control ports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api
from livekit.protocol.models import ParticipantInfo

from agent.errors import ProviderAway
from agent.scaling.signals import Line, Word
from agent.scaling.worker_port import WorkerPort

if TYPE_CHECKING:
    from types import TracebackType

    from agent.scaling.provider import Machine
    from agent.settings import Settings

OVERLOAD = "kural-overload"
"""Name of the agent of the answer path."""
_WITHIN_S = 5.0
_AT_ONCE = 8
_AGENT_NAME = "lk.agent.name"  # attribute of an agent (livekit-agents 1.8.9, types.py)
_CALL_STATUS = "sip.callStatus"
_OVER = frozenset({"hangup", "disconnected"})

T = TypeVar("T")


class LineSignals:
    """Reads rooms and workers. Used from one event loop, with ``async with``."""

    def __init__(self, settings: Settings) -> None:
        """Remember whom to ask; nothing is opened yet."""
        self._settings = settings
        self._api: api.LiveKitAPI | None = None
        self._ports: dict[str, WorkerPort] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def __aenter__(self) -> Self:
        given = self._settings
        self._api = api.LiveKitAPI(
            given.livekit_url,
            given.livekit_api_key.get_secret_value(),
            given.livekit_api_secret.get_secret_value(),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for port in self._ports.values():
            await port.aclose()
        if self._api is not None:
            await self._api.aclose()

    async def line(self) -> Line:
        """Look at all rooms of the line.

        Raises:
            ProviderAway: LiveKit gave no usable answer.
        """
        listed = await self._asked(self._server.room.list_rooms(api.ListRoomsRequest()))
        rooms = [room for room in listed.rooms if room.num_participants] if listed else []
        try:
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(self._look(room.name)) for room in rooms]
        except* ProviderAway as several:
            raise ProviderAway(f"Not every room could be read: {several.exceptions[0]}") from None
        hows = [look.result() for look in looks]
        calls = frozenset(room.sid for room, how in zip(rooms, hows, strict=True) if how)
        return Line(hows.count("held"), hows.count("alone"), hows.count("path"), calls)

    async def word(self, machine: Machine) -> Word:
        """Ask a machine; errors as :meth:`WorkerPort.drain_state`."""
        port = self._port(machine)
        state = await port.drain_state()
        ready = await port.readiness()
        return Word(
            state.active_calls, state.unsent, ready.ready, state.draining, capacity=ready.capacity
        )

    async def drain(self, machine: Machine) -> None:
        """Tell a machine to take no more calls; errors as :meth:`WorkerPort.drain`."""
        await self._port(machine).drain()

    @property
    def _server(self) -> api.LiveKitAPI:
        if self._api is None:
            raise RuntimeError("used outside `async with`")
        return self._api

    def _port(self, machine: Machine) -> WorkerPort:
        if not machine.address:
            raise ProviderAway(f"{machine.name} has no address yet.")
        if machine.address not in self._ports:
            token = self._settings.control.token
            self._ports[machine.address] = WorkerPort(machine.address, token, within_s=_WITHIN_S)
        return self._ports[machine.address]

    async def _look(self, room: str) -> str:
        """How the caller in a room is served; empty for rooms without one, or not of this line."""
        async with self._at_once:
            request = api.ListParticipantsRequest(room=room)
            listed = await self._asked(self._server.room.list_participants(request))
        there = listed.participants if listed else []
        agents = {one.attributes.get(_AGENT_NAME, "") for one in there if _is_agent(one)}
        ours = agents & {self._settings.livekit.agent_name, OVERLOAD, ""}
        by_phone = any(_is_phone(one) for one in there)
        if not (by_phone or (ours and any(_is_person(one) for one in there))):
            return ""
        if not ours:
            return "alone"
        return "path" if ours == {OVERLOAD} else "held"

    async def _asked(self, question: Awaitable[T]) -> T | None:
        """The answer; None when there is no such room any more."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                return await question
        except api.TwirpError as exc:
            if exc.code == api.TwirpErrorCode.NOT_FOUND:
                return None
            raise ProviderAway(f"LiveKit answers with an error ({exc.status}).") from None
        except (aiohttp.ClientError, OSError) as exc:  # TimeoutError is an OSError
            raise ProviderAway(f"LiveKit does not answer ({type(exc).__name__}).") from None
        except (DecodeError, ValueError):
            raise ProviderAway("What answers at LIVEKIT_URL is no LiveKit server.") from None


def _is_agent(one: ParticipantInfo) -> bool:
    return one.kind == ParticipantInfo.Kind.AGENT


def _is_phone(one: ParticipantInfo) -> bool:
    if one.kind != ParticipantInfo.Kind.SIP:
        return False
    return one.attributes.get(_CALL_STATUS, "") not in _OVER


def _is_person(one: ParticipantInfo) -> bool:
    return one.kind == ParticipantInfo.Kind.STANDARD and not one.permission.hidden
