"""The remote control of a telephone, against a small server that speaks baresip's protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError
from agent.lab.baresip import Control, write_settings
from agent.lab.ports import LOOPBACK, free_port
from agent.lab.stack import missing_tools


def netstring(message: dict[str, Any]) -> bytes:
    body = json.dumps(message).encode()
    return b"%d:%s," % (len(body), body)


@asynccontextmanager
async def telephone(*answers: dict[str, Any] | None) -> AsyncIterator[tuple[int, list[Any]]]:
    """Takes commands and answers them in turn; None: hangs up. Its port, and what it was told."""
    told: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            length = int((await reader.readuntil(b":"))[:-1])
            command = json.loads((await reader.readexactly(length + 1))[:-1])
            told.append((command["command"], command["params"]))
            if answer is None:
                break
            for message in ({"event": True, "type": "CALL_RINGING"}, answer):
                writer.write(netstring({"token": command["token"], **message}))
        await writer.drain()
        writer.close()

    port = free_port()
    async with await asyncio.start_server(serve, LOOPBACK, port):
        yield port, told


async def test_a_command_is_answered_and_events_are_told_beside_it():
    events: list[dict[str, Any]] = []
    async with telephone({"response": True, "ok": True, "data": "done"}) as (port, told):
        control = Control(events.append)
        await control.open(port)
        assert await control.command("dial", "sip:x@127.0.0.1:5060") == "done"
        await control.aclose()
    assert told == [("dial", "sip:x@127.0.0.1:5060")]
    assert [event["type"] for event in events] == ["CALL_RINGING"]


async def test_a_refusal_and_a_telephone_that_is_gone_are_one_sentence():
    async with telephone({"response": True, "ok": False}, None) as (port, _):
        control = Control(lambda _: None)
        await control.open(port)
        with pytest.raises(AgentError, match="refuses 'hangup'"):
            await control.command("hangup")
        with pytest.raises(AgentError, match="does not answer to 'dial'"):
            await control.command("dial", "sip:x")
        await control.aclose()


async def test_nothing_is_commanded_before_it_is_connected():
    with pytest.raises(AgentError, match="not connected"):
        await Control(lambda _: None).command("hangup")


@pytest.mark.skipif(bool(missing_tools("baresip")), reason="baresip is not installed (.ci/run)")
@pytest.mark.parametrize(
    ("caller", "shown"),
    [("+919876500001", "<sip:+919876500001@127.0.0.1>"), ("", "anonymous.invalid>")],
)
def test_it_calls_from_its_number_or_from_none(tmp_path: Path, caller: str, shown: str):
    write_settings(
        tmp_path,
        caller=caller,
        sip_port=5060,
        control_port=4444,
        sound_from=20_000,
        source=tmp_path / "said.wav",
    )
    assert shown in (tmp_path / "accounts").read_text()
    settings = (tmp_path / "config").read_text()
    assert "sip_listen 127.0.0.1:5060" in settings
    assert "ctrl_tcp_listen 127.0.0.1:4444" in settings
