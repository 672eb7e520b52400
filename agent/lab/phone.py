"""A telephone that talks: baresip calls through SIP, and we are its microphone and its ear.

::

    async with Phone(folder, caller="+919876500001") as phone:
        await phone.dial("+914400000001", stack.sip_port)
        await phone.press("1")
        await phone.say(pcm)
        await phone.hang_up()

The microphone is a WAV file that is exchanged while the call goes on: an utterance followed by
faint line noise, so that the line never falls dead. What is heard is the file into which baresip
writes every packet of sound it has decoded; it is read as it grows, so every block is known with
the time of its arrival.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import soxr
from numpy.typing import NDArray

from agent.callers.audio_io import LINE_RATE, NOISE_RMS
from agent.callers.keypresses import KEY_GAP_S
from agent.callers.telephone import PHONE_RATE, resample
from agent.errors import AgentError
from agent.lab.baresip import SOUND_PORTS, Control, write_settings
from agent.lab.earpiece import Earpiece
from agent.lab.ports import LOOPBACK, free_port, free_sound_ports
from agent.lab.server_process import ServerFailed, ServerProcess, program
from agent.speech.audio import write_wav

Ending = Literal["", "hung_up", "by_other_side", "refused"]
"""Why there is no call: none was made, we hung up, the other side did, nobody took it."""
_START_S = 60.0
_ATTEMPTS = 4
_TAKEN = "Address already in use"
"""What baresip says of its signalling port, and of the next one, which it takes for TLS."""
_SILENCE_S = 120.0
"""Line noise after an utterance; baresip hangs up at the end of its file, so it is exchanged
before that."""
_RENEW_S = 30.0
_STEP_S = 0.02
_WAV_HEADER = 44
"""Bytes; libsndfile writes nothing else before 16-bit sound."""


class Phone:
    """One telephone with one line. Owned by one task; made anew for every call."""

    def __init__(self, folder: Path, *, caller: str = "") -> None:
        """Take a folder for its files, and the number it calls from, E.164; empty: hidden."""
        self._folder = folder.resolve()
        self._caller = caller
        self._control = Control(self._on_event)
        self._process: ServerProcess | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._clips = 0
        self._source_ends_at = float("inf")
        noise = np.random.default_rng(0).normal(0.0, NOISE_RMS, round(_SILENCE_S * PHONE_RATE))
        self._noise = noise.astype(np.int16)
        self.heard = Earpiece()
        """What is heard, int16 mono at 16 kHz."""
        self.answered = asyncio.Event()
        """The call was taken."""
        self.over = asyncio.Event()
        """There is a call no more."""
        self.ending: Ending = ""
        self.ended_at: float | None = None
        """Clock time (monotonic) at which the call was over."""
        self.spoken: list[tuple[float, float]] = []
        """Clock times between which the caller spoke, an entry an utterance."""

    async def __aenter__(self) -> Self:
        """Switch it on.

        Raises:
            ToolMissing: baresip is not installed.
            ServerFailed: it did not start; its last words are told.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        source = self._clip(np.zeros(0, np.int16))
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._switch_on(source)
                break
            except ServerFailed as exc:
                if attempt == _ATTEMPTS or _TAKEN not in str(exc):
                    raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Switch it off; a call that is still on ends."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._control.aclose()
        if self._process is not None:
            await self._process.stop()

    async def dial(self, number: str, sip_port: int, *, within_s: float = 60.0) -> bool:
        """Call a number on this machine and let it ring.

        Args:
            number: dialled number, E.164.
            sip_port: where SIP listens on loopback.
            within_s: how long it may ring.

        Returns:
            Whether the call was taken.

        Raises:
            AgentError: the telephone cannot dial.
        """
        await self._control.command("dial", f"sip:{number}@{LOOPBACK}:{sip_port}")
        self._tasks.append(asyncio.create_task(self._listen(), name="earpiece"))
        first = [asyncio.create_task(event.wait()) for event in (self.answered, self.over)]
        try:
            await asyncio.wait(first, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in first:
                task.cancel()
        if self.answered.is_set():
            self._source_ends_at = time.monotonic() + _SILENCE_S
            self._tasks.append(asyncio.create_task(self._keep_alive(), name="line noise"))
        return self.answered.is_set()

    async def say(self, pcm: NDArray[np.int16]) -> None:
        """Begin to say something (int16 mono at 16 kHz); returns when it has begun.

        Raises:
            AgentError: the telephone cannot be reached.
        """
        clip = await asyncio.to_thread(self._clip, resample(pcm, LINE_RATE, PHONE_RATE))
        await self._control.command("ausrc", f"aufile,{clip}")
        began = time.monotonic()
        seconds = len(pcm) / LINE_RATE
        self.spoken.append((began, began + seconds))
        self._source_ends_at = began + seconds + _SILENCE_S

    async def said(self) -> None:
        """Wait for the end of what was begun, or of the call."""
        if not self.spoken:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self.spoken[-1][1] - time.monotonic())):
                await self.over.wait()

    async def press(self, keys: str) -> None:
        """Press keys (``0``-``9``, ``*``, ``#``) as a person types; returns when all are pressed.

        Raises:
            AgentError: the telephone cannot be reached.
        """
        for key in keys:
            await self._control.command("sndcode", key)
            await asyncio.sleep(KEY_GAP_S)

    async def hang_up(self) -> None:
        """End the call; nothing happens when there is none."""
        if not self.over.is_set():
            self.ending = "hung_up"
            with contextlib.suppress(AgentError):
                await self._control.command("hangup")

    async def _switch_on(self, source: Path) -> None:
        control_port = free_port()
        write_settings(
            self._folder,
            caller=self._caller,
            sip_port=free_port(tcp=True, udp=True),
            control_port=control_port,
            sound_from=free_sound_ports(SOUND_PORTS),
            source=source,
        )
        command = (program("baresip"), "-f", str(self._folder))
        self._process = ServerProcess(command, self._folder / "baresip.log", folder=self._folder)
        await self._process.start()

        async def listens() -> bool:
            with contextlib.suppress(OSError):
                await self._control.open(control_port)
                return True
            return False

        try:
            await self._process.ready(listens, within_s=_START_S)
        except BaseException:
            await self._process.stop()
            raise

    def _on_event(self, event: dict[str, Any]) -> None:
        if event.get("type") == "CALL_ESTABLISHED":
            self.answered.set()
        elif event.get("type") == "CALL_CLOSED" and not self.over.is_set():
            self.ended_at = time.monotonic()
            if not self.ending:
                self.ending = "by_other_side" if self.answered.is_set() else "refused"
            self.over.set()

    def _clip(self, pcm: NDArray[np.int16]) -> Path:
        """A file with an utterance (int16 mono at 8 kHz) and the line noise after it."""
        self._clips += 1
        path = self._folder / f"said-{self._clips}.wav"
        write_wav(path, np.concatenate([pcm, self._noise]), PHONE_RATE)
        return path

    async def _keep_alive(self) -> None:
        while not self.over.is_set():
            if time.monotonic() > self._source_ends_at - _RENEW_S:
                clip = await asyncio.to_thread(self._clip, np.zeros(0, np.int16))
                await self._control.command("ausrc", f"aufile,{clip}")
                self._source_ends_at = time.monotonic() + _SILENCE_S
            await asyncio.sleep(1.0)

    async def _listen(self) -> None:
        """Read the growing recording to its end."""
        stream = soxr.ResampleStream(PHONE_RATE, LINE_RATE, 1, dtype="int16", quality="LQ")
        path, place, rest = None, _WAV_HEADER, b""
        while True:
            last = self.over.is_set()
            found = await asyncio.to_thread(self._recording)
            if found is not None and found != path:
                path, place, rest = found, _WAV_HEADER, b""
            if path is not None:
                raw = rest + await asyncio.to_thread(_read_from, path, place)
                place += len(raw) - len(rest)
                whole = len(raw) // 2 * 2
                rest = raw[whole:]
                if whole:
                    pcm = np.frombuffer(raw[:whole], np.int16)
                    self.heard.take(stream.resample_chunk(pcm))
            if last:
                return
            await asyncio.sleep(_STEP_S)

    def _recording(self) -> Path | None:
        """The newest file of what is heard; a call that is held gets another one."""
        return max(self._folder.glob("dump-*-dec.wav"), default=None)


def _read_from(path: Path, place: int) -> bytes:
    with path.open("rb") as file:
        file.seek(place)
        return file.read()
