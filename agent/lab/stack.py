"""A telephone exchange on this machine: Redis, LiveKit server and LiveKit SIP on loopback.

::

    async with Stack(folder, numbers=("+914400000001",)) as stack:
        worker = start(env=os.environ | stack.environment())  # answers calls to that number
        await stack.restart("livekit")

Every stack has ports, keys and files of its own, so several run side by side; its servers end with
the block, and with our process when that is killed.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from google.protobuf.duration_pb2 import Duration
from livekit import api

from agent.errors import UsageError
from agent.lab import probes
from agent.lab.ports import LOOPBACK, Ports, free_ports
from agent.lab.server_process import ServerFailed, ServerProcess, find_program, program
from agent.lab.stack_files import Keys, livekit_file, redis_options, sip_file, write_private

ServerName = Literal["redis", "livekit", "sip"]
NUMBERS = ("+914400000001", "+914400000002", "+914400000003")
"""Dialled numbers of a stack that is told none: nobody in Chennai has a number like these."""
PROGRAMS = ("redis-server", "livekit-server", "livekit-sip")
"""What a stack runs."""
ROOM_PREFIX = "call-"
"""What the names of its calls' rooms begin with."""
RINGS_FOR_S = 20
"""A call nobody answers is given back to the network after this; LiveKit's own limit is 3 min."""
_LONGEST_CALL_S = 3600
_START_WITHIN_S = 30.0
_ATTEMPTS = 4
_TAKEN = "address already in use"


def missing_tools(*names: str) -> list[str]:
    """Those of ``names`` (none: :data:`PROGRAMS`) that are not installed on this machine."""
    return [name for name in names or PROGRAMS if find_program(name) is None]


class Stack:
    """The servers a call comes through. Owned by one task; see the module for its use."""

    def __init__(
        self,
        folder: Path,
        *,
        sip: bool = True,
        numbers: Sequence[str] = NUMBERS,
        agent_name: str = "kural",
        webhooks: Sequence[str] = (),
    ) -> None:
        """Take a folder for files and logs, and what the stack is to be.

        Args:
            folder: a folder of this stack alone; made when it is missing.
            sip: whether telephones can call; without it there are WebRTC callers only.
            numbers: dialled numbers that reach the agent, E.164.
            agent_name: explicit name of the agent that gets the calls.
            webhooks: addresses LiveKit tells of rooms and participants.
        """
        self.folder = folder
        self.numbers = tuple(numbers)
        self._with_sip = sip
        self._agent_name = agent_name
        self._webhooks = tuple(webhooks)
        self._keys = Keys("kural-lab", secrets.token_hex(24))
        self._ports: Ports | None = None
        self._servers: dict[str, ServerProcess] = {}

    @property
    def url(self) -> str:
        """Where LiveKit answers."""
        return f"ws://{LOOPBACK}:{self.ports.livekit}"

    @property
    def api_key(self) -> str:
        """Name of the key of its API."""
        return self._keys.key

    @property
    def api_secret(self) -> str:
        """The key itself."""
        return self._keys.secret

    @property
    def sip_port(self) -> int:
        """Where telephones call, UDP and TCP."""
        return self.ports.sip

    @property
    def ports(self) -> Ports:
        """All its ports.

        Raises:
            UsageError: it does not run.
        """
        if self._ports is None:
            raise UsageError("This stack does not run: use it in `async with`.")
        return self._ports

    def environment(self) -> dict[str, str]:
        """Variables that lead a worker to this LiveKit."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
            "LIVEKIT__ROOM_PREFIX": ROOM_PREFIX,
        }

    def client(self) -> api.LiveKitAPI:
        """A client of its API, to be closed by the caller; made inside a running loop."""
        return api.LiveKitAPI(self.url.replace("ws", "http", 1), self.api_key, self.api_secret)

    def server(self, name: ServerName) -> ServerProcess:
        """One of its servers.

        Raises:
            UsageError: it does not run, or has no such server.
        """
        if name not in self._servers:
            raise UsageError(f"This stack has no {name} that runs.")
        return self._servers[name]

    async def __aenter__(self) -> Self:
        """Start all servers and make trunk and rule.

        Raises:
            ToolMissing: a program is not installed.
            ServerFailed: one did not start; its last words are told.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._open()
            except ServerFailed as exc:
                if attempt == _ATTEMPTS or _TAKEN not in str(exc).lower():
                    raise
        raise AssertionError  # the loop returns or raises

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all servers."""
        await self._close()

    async def start(self, name: ServerName) -> None:
        """Start one server and wait until it answers; nothing happens when it runs.

        Raises:
            ServerFailed: it does not answer; its last words are told.
        """
        server = self.server(name)
        await server.start()
        ports = self.ports
        answers = {
            "redis": lambda: probes.redis_answers(ports.redis),
            "livekit": lambda: probes.livekit_answers(ports.livekit),
            "sip": lambda: probes.sip_answers(ports.sip),
        }
        await server.ready(answers[name], within_s=_START_WITHIN_S)

    async def restart(self, name: ServerName) -> None:
        """End one server and start it again with the same files and ports.

        Raises:
            ServerFailed: it does not answer; its last words are told.
        """
        await self.server(name).stop()
        await self.start(name)

    def kill(self, name: ServerName) -> None:
        """Kill one server as a power cut would; :meth:`start` brings it back."""
        self.server(name).signal_kill()

    async def _open(self) -> Self:
        self._ports = free_ports()
        self._servers = self._commands(self._ports)
        try:
            for name in self._order:
                await self.start(name)
            if self._with_sip:
                await self._make_line()
        except BaseException:
            await self._close()
            raise
        return self

    async def _close(self) -> None:
        async with AsyncExitStack() as ends:
            for name in self._order:
                if name in self._servers:
                    ends.push_async_callback(self._servers[name].stop)
        self._servers, self._ports = {}, None

    @property
    def _order(self) -> tuple[ServerName, ...]:
        return ("redis", "livekit", "sip") if self._with_sip else ("redis", "livekit")

    def _commands(self, ports: Ports) -> dict[str, ServerProcess]:
        data = self.folder / "redis"
        data.mkdir(exist_ok=True)
        livekit = livekit_file(ports, self._keys, self._webhooks)
        files = {"livekit": write_private(self.folder / "livekit.yaml", livekit)}
        commands = {
            "redis": (program("redis-server"), *redis_options(ports, data)),
            "livekit": (program("livekit-server"), "--config", str(files["livekit"])),
        }
        if self._with_sip:
            file = write_private(self.folder / "sip.yaml", sip_file(ports, self._keys))
            commands["sip"] = (program("livekit-sip"), "--config", str(file))
        return {
            name: ServerProcess(command, self.folder / f"{name}.log", folder=self.folder)
            for name, command in commands.items()
        }

    async def _make_line(self) -> None:
        """One trunk with all numbers, and one rule: a room of its own, with our agent, a call."""
        async with self.client() as client:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                trunk = await client.sip.create_inbound_trunk(
                    api.CreateSIPInboundTrunkRequest(trunk=self._trunk())
                )
                await client.sip.create_dispatch_rule(self._rule(trunk.sip_trunk_id))

    def _trunk(self) -> api.SIPInboundTrunkInfo:
        return api.SIPInboundTrunkInfo(
            name="kural lab",
            numbers=list(self.numbers),
            ringing_timeout=Duration(seconds=RINGS_FOR_S),
            max_call_duration=Duration(seconds=_LONGEST_CALL_S),
        )

    def _rule(self, trunk_id: str) -> api.CreateSIPDispatchRuleRequest:
        individual = api.SIPDispatchRuleIndividual(room_prefix=ROOM_PREFIX)
        agents = [api.RoomAgentDispatch(agent_name=self._agent_name)]
        return api.CreateSIPDispatchRuleRequest(
            dispatch_rule=api.SIPDispatchRuleInfo(
                name="kural lab",
                trunk_ids=[trunk_id],
                rule=api.SIPDispatchRule(dispatch_rule_individual=individual),
                room_config=api.RoomConfiguration(agents=agents),
            )
        )
