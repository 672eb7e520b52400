"""A telephone calls another one: what is said arrives whole, keys too, and either may hang up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.callers.audio_io import LINE_RATE
from agent.callers.telephone import PHONE_RATE
from agent.lab.baresip import SOUND_PORTS, Control, write_settings
from agent.lab.phone import Phone
from agent.lab.ports import free_port, free_sound_ports
from agent.lab.server_process import ServerProcess, program
from agent.lab.stack import missing_tools
from agent.speech.audio import read_audio, write_wav

pytestmark = pytest.mark.skipif(
    bool(missing_tools("baresip")), reason="baresip is not installed (.ci/run installs it)"
)
NUMBER = "+914400000001"


def tone(hertz: float, seconds: float, rate: int = LINE_RATE) -> NDArray[np.int16]:
    time = np.arange(round(seconds * rate)) / rate
    return (8_000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def tones(pcm: NDArray[np.int16], rate: int) -> list[float]:
    """Lengths of what is loud, seconds; gaps of one packet do not part a tone."""
    frame = rate // 50
    levels = np.abs(pcm[: len(pcm) // frame * frame].reshape(-1, frame).astype(float)).max(axis=1)
    loud = np.flatnonzero(levels > 1_000)
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > 2) + 1) if loud.size else []
    return [round((part[-1] - part[0] + 1) / 50, 2) for part in parts]


async def until(true: Callable[[], bool]) -> None:
    """Wait for something, at most a minute."""
    async with asyncio.timeout(60):
        while True:
            if true():
                return
            await asyncio.sleep(0.05)


class Callee:
    """A telephone that takes every call (or none) and plays a tone of two seconds."""

    def __init__(self, folder: Path, *, answers: bool = True) -> None:
        self.folder = folder
        self.port = free_port(tcp=True, udp=True)
        self.rings = asyncio.Event()
        self._control_port = free_port()
        self._answers = answers
        self.control = Control(self._on_event)

    def _on_event(self, event: dict[str, Any]) -> None:
        if event.get("type") == "CALL_INCOMING":
            self.rings.set()

    @asynccontextmanager
    async def on(self) -> AsyncIterator[None]:
        self.folder.mkdir()
        sound = np.concatenate([tone(440, 2.0, PHONE_RATE), np.zeros(60 * PHONE_RATE, np.int16)])
        write_wav(self.folder / "tone.wav", sound, PHONE_RATE)
        write_settings(
            self.folder,
            caller=NUMBER,
            sip_port=self.port,
            control_port=self._control_port,
            sound_from=free_sound_ports(SOUND_PORTS),
            source=self.folder / "tone.wav",
        )
        accounts = self.folder / "accounts"
        mode = "auto" if self._answers else "manual"
        accounts.write_text(accounts.read_text().replace("\n", f";answermode={mode}\n"))
        command = (program("baresip"), "-f", str(self.folder))
        server = ServerProcess(command, self.folder / "log", folder=self.folder)
        await server.start()

        async def listens() -> bool:
            try:
                await self.control.open(self._control_port)
            except OSError:
                return False
            return True

        try:
            await server.ready(listens, within_s=60)
            yield
        finally:
            await self.control.aclose()
            await server.stop()

    def heard(self) -> NDArray[np.int16]:
        recording = max(self.folder.glob("dump-*-dec.wav"))
        return read_audio(recording, sample_rate=PHONE_RATE, max_duration_s=900).samples

    def keys(self) -> str:
        log = (self.folder / "log").read_text(errors="replace")
        return "".join(re.findall(r"received event: '(.)' \(end=1\)", log))


async def test_what_is_said_arrives_whole_and_keys_in_order(tmp_path: Path):
    """Two utterances with keys between them, in one call, and the other's tone is heard."""
    callee = Callee(tmp_path / "callee")
    async with callee.on(), Phone(tmp_path / "caller", caller="+919876500001") as phone:
        assert await phone.dial(NUMBER, callee.port)
        await until(lambda: tones(phone.heard.since(0.0), LINE_RATE) == [2.0])
        await phone.say(tone(880, 1.0))
        await phone.said()
        await phone.press("19#")
        await phone.say(tone(880, 0.5))
        await phone.said()
        await until(lambda: callee.keys() == "19#")
        await phone.hang_up()
        async with asyncio.timeout(60):
            await phone.over.wait()
    assert phone.ending == "hung_up"
    assert tones(callee.heard(), PHONE_RATE) == pytest.approx([1.0, 0.5], abs=0.05)


async def test_the_other_side_hangs_up(tmp_path: Path):
    callee = Callee(tmp_path / "callee")
    async with callee.on(), Phone(tmp_path / "caller") as phone:
        assert await phone.dial(NUMBER, callee.port)
        await callee.control.command("hangup")
        async with asyncio.timeout(60):
            await phone.over.wait()
        assert phone.ending == "by_other_side"
        assert phone.ended_at is not None


async def test_a_call_that_is_refused_is_over(tmp_path: Path):
    """The other side lets it ring and then declines."""
    callee = Callee(tmp_path / "callee", answers=False)
    async with callee.on(), Phone(tmp_path / "caller", caller="+919876500001") as phone:
        dialling = asyncio.create_task(phone.dial(NUMBER, callee.port))
        await callee.rings.wait()
        await callee.control.command("hangup")
        assert not await dialling
        assert phone.ending == "refused"
