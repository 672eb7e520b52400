"""baresip, a telephone without a screen: its settings, and its remote control over TCP.

Debian 12 carries version 1.0.0. Its control is the module ctrl_tcp: JSON objects as netstrings
(``LENGTH:BYTES,``), commands from us, answers and events from it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.lab.ports import LOOPBACK
from agent.lab.server_process import ToolMissing, program

SOUND_PORTS = 20
"""UDP ports for the sound of one telephone; a call takes two."""
_ANSWER_S = 10.0
_MODULES = ("account", "menu", "ctrl_tcp")
_DRIVERS = ("g711", "aufile", "sndfile")
_HIDDEN = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""RFC 3323, section 4.1.1.3: what a network shows of a caller who hides his number."""


def write_settings(
    folder: Path, *, caller: str, sip_port: int, control_port: int, sound_from: int, source: Path
) -> None:
    """Write the files ``config`` and ``accounts`` of one telephone.

    Args:
        folder: its own folder; what it hears is written there as well.
        caller: number it calls from, E.164; empty when hidden.
        sip_port: UDP and TCP port it signals from.
        control_port: TCP port of its remote control.
        sound_from: first of :data:`SOUND_PORTS` UDP ports, even.
        source: WAV file (8 kHz, mono, 16 bits) that is its microphone when a call begins.

    Raises:
        ToolMissing: baresip is not installed.
    """
    lines = [
        f"sip_listen {LOOPBACK}:{sip_port}",
        f"net_interface {LOOPBACK}",
        "call_max_calls 1",
        "call_local_timeout 60",
        f"rtp_ports {sound_from}-{sound_from + SOUND_PORTS - 1}",
        "rtcp_mux no",
        "rtp_timeout 0",
        "statmode_default off",
        "jitter_buffer_delay 1-10",
        f"audio_source aufile,{source}",
        f"snd_path {folder}",
        f"ctrl_tcp_listen {LOOPBACK}:{control_port}",
        f"module_path {_module_folder()}",
        *(f"module {name}.so" for name in _DRIVERS),
        *(f"module_app {name}.so" for name in _MODULES),
    ]
    (folder / "config").write_text("\n".join(lines) + "\n", encoding="utf-8")
    address = f"<sip:{caller}@{LOOPBACK}>" if caller else _HIDDEN
    account = f"{address};regint=0;audio_codecs=PCMU\n"
    (folder / "accounts").write_text(account, encoding="utf-8")
    (folder / "contacts").touch()


def _module_folder() -> Path:
    """Where baresip's modules lie, from where its program lies."""
    root = Path(program("baresip")).resolve().parent.parent
    found = (root / "lib/baresip/modules", *root.glob("lib/*/baresip/modules"))
    for folder in found:
        if (folder / "ctrl_tcp.so").is_file():
            return folder
    raise ToolMissing("baresip is here without its modules: run .ci/run, which installs them.")


class Control:
    """The remote control of one running baresip. Owned by the task that opened it."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None]) -> None:
        """Take what is told of every event."""
        self._on_event = on_event
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, port: int) -> None:
        """Connect.

        Raises:
            OSError: nobody listens there.
        """
        reader, self._writer = await asyncio.open_connection(LOOPBACK, port)
        self._task = asyncio.create_task(self._read(reader), name="baresip control")

    async def command(self, name: str, params: str = "") -> str:
        """Give a command and wait for its answer.

        Returns:
            What it printed.

        Raises:
            AgentError: it refused, or is gone.
        """
        if self._writer is None:
            raise AgentError("The telephone is not connected.")
        token = secrets.token_hex(8)
        answer = self._waiting[token] = asyncio.get_running_loop().create_future()
        body = json.dumps({"command": name, "params": params, "token": token}).encode()
        try:
            async with asyncio.timeout(_ANSWER_S):
                self._writer.write(b"%d:%s," % (len(body), body))
                await self._writer.drain()
                told = await answer
        except (OSError, TimeoutError):
            raise AgentError(f"The telephone does not answer to {name!r}.") from None
        finally:
            self._waiting.pop(token, None)
        if not told.get("ok"):
            raise AgentError(f"The telephone refuses {name!r}.")
        return str(told.get("data", ""))

    async def aclose(self) -> None:
        """Disconnect."""
        if self._writer is not None:
            self._writer.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                message = json.loads((await reader.readexactly(length + 1))[:-1])
                self._take(message)
        except (asyncio.IncompleteReadError, OSError):
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("baresip has gone"))

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("event"):
            self._on_event(message)
            return
        answer = self._waiting.get(str(message.get("token", "")))
        if answer is not None and not answer.done():
            answer.set_result(message)
