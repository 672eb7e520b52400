"""The ears as they are run, killed, frozen and fed with nonsense while callers speak."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from livekit import rtc
from livekit.agents.stt import SpeechEventType

from agent.control.supervisor import Supervisor
from agent.errors import AgentError, EngineError, EngineUnavailable
from agent.settings import Settings, SpeechSettings
from agent.speech.audio import Samples
from agent.speech.ears_client import EarsClient
from agent.speech.frames import (
    MAX_HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    Frame,
    FrameDecoder,
    Kind,
    encode,
)
from agent.speech.stt import WhisperSTT
from agent.speech.vad import load_vad
from tests.speech.conftest import SAID, Speak

CALLERS = 20
FRAMES = 10_000
WAVE = 60
"""Connections at a time."""
LIMIT_S = 30.0
"""Only against a test that would hang."""
GROWTH_BYTES = 32 * 1024 * 1024


@dataclass
class Ears:
    """A supervised ears process."""

    supervisor: Supervisor
    url: str

    @property
    def pid(self) -> int:
        return self.supervisor.pids["ears"]

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


@asynccontextmanager
async def supervised(model: Path, folder: Path) -> AsyncIterator[Ears]:
    settings = Settings(data_dir=folder / "var", speech=SpeechSettings(model=model))
    async with Supervisor(settings, voice=False) as supervisor:
        yield Ears(supervisor, settings.ears_url)


@pytest.fixture
def utterance(speak: Speak) -> Samples:
    return speak("எங்க தெருவில மூணு நாளா தண்ணி வரல", before=0.3, after=1.0)


# ---- killed ----------------------------------------------------------------------------------


@dataclass
class Caller:
    """Somebody on the line, and what came of his one utterance."""

    finals: list[str] = field(default_factory=list)
    failed: int = 0
    kept: list[bytes] = field(default_factory=list)

    async def keep(self, pcm: bytes, _end_s: float) -> None:
        self.kept.append(pcm)

    async def speak(self, whisper: WhisperSTT, sound: Samples, after_s: float) -> None:
        stream = whisper.stream()
        listening = asyncio.create_task(self._listen(stream))
        await asyncio.sleep(after_s)
        for start in range(0, len(sound), 1600):
            chunk = sound[start : start + 1600]
            stream.push_frame(rtc.AudioFrame(chunk.tobytes(), 16_000, 1, len(chunk)))
            await asyncio.sleep(0.1)
        stream.end_input()
        await listening
        await stream.aclose()
        await whisper.aclose()

    async def _listen(self, stream: object) -> None:
        async for event in stream:  # type: ignore[attr-defined]
            if event.type is SpeechEventType.FINAL_TRANSCRIPT:
                said = event.alternatives[0]
                if (said.metadata or {}).get("failed"):
                    self.failed += 1
                elif said.text:  # a flush without words is answered with an empty one
                    self.finals.append(said.text)


async def test_ears_killed_while_twenty_callers_speak_lose_no_utterance_and_double_none(
    saying_model_dir: Path, tmp_path: Path, utterance: Samples
) -> None:
    """Frozen first, so that utterances are open when the process dies."""
    callers = [Caller() for _ in range(CALLERS)]
    vad = load_vad(min_silence_s=0.35)
    async with supervised(saying_model_dir, tmp_path) as ears, asyncio.timeout(2 * LIMIT_S):
        first = ears.pid
        speaking = [
            asyncio.create_task(
                caller.speak(
                    WhisperSTT(EarsClient(ears.url), vad, call=str(number), on_lost=caller.keep),
                    utterance,
                    after_s=0.1 * number,
                )
            )
            for number, caller in enumerate(callers)
        ]
        await asyncio.sleep(len(utterance) / 16_000 - 0.3)
        ears.signal(signal.SIGSTOP)
        await asyncio.sleep(1.0)
        ears.signal(signal.SIGKILL)
        killed = time.monotonic()
        assert await answered(ears.url, utterance.tobytes()) == SAID
        print(f"speech served again {time.monotonic() - killed:.1f} s after SIGKILL")
        await asyncio.gather(*speaking)
        assert ears.pid != first
        kept = [await words(ears.url, pcm) for caller in callers for pcm in caller.kept]
    told = Counter(text for caller in callers for text in caller.finals)
    print(f"{told[SAID]} answered in the call, {len(kept)} kept as sound and understood later")
    assert {len(c.finals) + c.failed for c in callers} == {1}, "an utterance is told once"
    assert [c.failed for c in callers] == [len(c.kept) for c in callers], "lost sound is kept"
    assert set(told) <= {SAID}
    assert told[SAID] + kept.count(SAID) == CALLERS


async def answered(url: str, pcm: bytes) -> str:
    """The words in ``pcm``, as soon as anybody answers there."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            with contextlib.suppress(EngineError):
                return await words(url, pcm)
            await asyncio.sleep(0.05)


async def words(url: str, pcm: bytes) -> str:
    client = EarsClient(url, deadline_s=10)
    try:
        return (await client.transcribe(pcm)).text
    finally:
        await client.aclose()


# ---- frozen ----------------------------------------------------------------------------------


async def test_frozen_ears_keep_nobody_waiting_and_go_on_where_they_stopped(
    saying_model_dir: Path, tmp_path: Path, utterance: Samples
) -> None:
    speech = utterance.tobytes()
    async with supervised(saying_model_dir, tmp_path) as ears, asyncio.timeout(LIMIT_S):
        pid = ears.pid
        client = EarsClient(ears.url, deadline_s=1.5)
        assert (await client.transcribe(speech)).text == SAID
        ears.signal(signal.SIGSTOP)
        waiting = [client.transcribe(speech, call=str(n)) for n in range(8)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        with pytest.raises(EngineUnavailable):  # also for those who come only now
            await client.transcribe(speech)
        ears.signal(signal.SIGCONT)
        patient = EarsClient(ears.url, deadline_s=10)
        assert (await patient.transcribe(speech)).text == SAID
        stat = await patient.stat()
        await asyncio.gather(client.aclose(), patient.aclose())
        assert [isinstance(result, EngineUnavailable) for result in results] == [True] * 8
        assert ears.pid == pid, "nobody had to restart it"
        assert stat["waiting"] == stat["preparing"] == 0


# ---- fed with nonsense -----------------------------------------------------------------------

HELLO = encode(Frame(Kind.HELLO))
NONSENSE: tuple[object, ...] = (
    None, True, -1, 10**30, 1e308, "", "x" * 3000, "transcribe", "\u0b95\u0bcd", [], {}, [[[[]]]],
)  # fmt: skip


@dataclass
class Attack:
    """What one connection sends, and what must come back."""

    data: bytes
    frames: int
    asked: set[int] = field(default_factory=set)
    """Ids of complete requests: each must be answered."""
    hangs: bool = False
    """Sends no more and does not hang up."""


def attacks(rng: random.Random, frames: int) -> Iterator[Attack]:
    """So many frames of every kind of nonsense, spread over many connections."""
    kinds: list[tuple[Callable[[random.Random], Attack], int]] = [
        (random_bytes, 15),
        (truncated, 15),
        (wrong_lengths, 15),
        (huge_lengths, 15),
        (unexpected_kinds, 15),
        (nonsense_headers, 25),
    ]
    left = frames
    while left > 0:
        (make,) = rng.choices([k for k, _ in kinds], [w for _, w in kinds])
        attack = make(rng)
        left -= attack.frames
        yield attack


def greeting(rng: random.Random) -> bytes:
    return HELLO if rng.random() < 0.8 else b""


def random_bytes(rng: random.Random) -> Attack:
    return Attack(greeting(rng) + rng.randbytes(rng.randint(1, 300)), 1)


def some_request(rng: random.Random, number: int = 1) -> bytes:
    header = {"op": "transcribe", "kind": "final", "call": "c", "deadline_s": 5.0}
    return encode(Frame(Kind.REQUEST, number, header, rng.randbytes(2 * rng.randint(0, 400))))


def truncated(rng: random.Random) -> Attack:
    whole = some_request(rng)
    return Attack(greeting(rng) + whole[: rng.randint(1, len(whole) - 1)], 1)


def head(kind: int, number: int, header: int, payload: int, version: int = 1) -> bytes:
    return struct.pack("!4sBBIII", b"KRAL", version, kind, number, header, payload)


def wrong_lengths(rng: random.Random) -> Attack:
    """The text is cut in the middle, or the sound is taken for a head."""
    body = json.dumps({"op": "stat"}).encode() + rng.randbytes(rng.randint(0, 200))
    claimed = rng.randint(0, 2 * len(body))
    data = head(Kind.REQUEST, 1, claimed, rng.randint(0, 100)) + body
    return Attack(greeting(rng) + data, 1)


def huge_lengths(rng: random.Random) -> Attack:
    header = rng.choice([2, MAX_HEADER_BYTES, MAX_HEADER_BYTES + 1, 2**32 - 1])
    payload = rng.choice([0, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 1, 2**32 - 1])
    data = head(Kind.REQUEST, 1, header, payload, rng.choice([1, 1, 1, 0, 255]))
    return Attack(greeting(rng) + data + rng.randbytes(rng.choice([0, 10, 5000])), 1)


def unexpected_kinds(rng: random.Random) -> Attack:
    """Well-formed frames that a client never sends, or at the wrong time."""
    kind = rng.choice([0, *(int(kind) for kind in Kind), 7, 255])
    number = rng.choice([0, 1, 2**32 - 1])
    return Attack(greeting(rng) + head(kind, number, 2, 0) + b"{}", 1)


def nonsense_headers(rng: random.Random) -> Attack:
    """Requests that can be read and make no sense; every single one is answered."""
    asked = set(range(1, rng.randint(2, 30)))
    data = HELLO
    for number in asked:
        names = rng.sample(["op", "kind", "call", "deadline_s", "token", "\u0b85", ""], 3)
        header = {name: rng.choice(NONSENSE) for name in names}
        data += encode(Frame(Kind.REQUEST, number, header, rng.randbytes(rng.randint(0, 50))))
    return Attack(data, len(asked), asked)


async def launch(path: str, attack: Attack, outcomes: Counter[str]) -> None:
    """Send it and wait for what must come: an answer for each request, or the end."""
    reader, writer = await asyncio.open_unix_connection(path)
    decoder, open_ids = FrameDecoder(), set(attack.asked)
    try:
        async with asyncio.timeout(LIMIT_S):
            writer.write(attack.data)
            if not attack.asked and not attack.hangs:
                writer.write_eof()
            while data := await reader.read(65536):
                for frame in decoder.feed(data):
                    outcomes[frame.kind.name] += 1
                    if attack.asked and frame.kind in (Kind.END, Kind.ERROR):
                        open_ids.remove(frame.request_id)  # KeyError: answered twice
                if attack.asked and not open_ids:
                    break
    except (ConnectionError, BrokenPipeError):
        pass  # hung up on while we still sent
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    assert not open_ids, "a request was not answered"
    outcomes["connections"] += 1


async def test_ten_thousand_frames_of_nonsense_hurt_nobody_else(
    saying_model_dir: Path, tmp_path: Path, utterance: Samples
) -> None:
    rng = random.Random(20261121)
    outcomes: Counter[str] = Counter()
    async with supervised(saying_model_dir, tmp_path) as ears, asyncio.timeout(2 * LIMIT_S):
        path, pid = ears.url.removeprefix("unix://"), ears.pid
        good = EarsClient(ears.url, deadline_s=LIMIT_S)
        silent = Attack(HELLO + some_request(rng)[:30], 1, hangs=True)
        stalling = [asyncio.create_task(launch(path, silent, outcomes)) for _ in range(5)]
        sizes, sent = [], 0
        waves = list(attacks(rng, FRAMES))
        for start in range(0, len(waves), WAVE):
            wave = waves[start : start + WAVE]
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(good.transcribe(utterance.tobytes(), call="good"))
                for attack in wave:
                    group.create_task(launch(path, attack, outcomes))
            sent += sum(attack.frames for attack in wave)
            assert asking.result().text == SAID
            sizes.append(int((await good.stat())["rss_bytes"]))
        await asyncio.gather(*stalling)
        stat = await good.stat()
        await good.aclose()
        assert ears.pid == pid, "it lived through all of it"
    print(f"{sent} frames on {outcomes['connections']} connections: {dict(outcomes)}")
    print(f"memory {sizes[2] / 1e6:.0f} -> {sizes[-1] / 1e6:.0f} MB")
    assert sent >= FRAMES
    assert outcomes["connections"] == len(waves) + len(stalling)
    assert sizes[-1] - sizes[2] < GROWTH_BYTES
    assert stat["waiting"] == stat["preparing"] == 0


def test_the_attacks_are_of_every_kind() -> None:
    """Nonsense that the decoder would take for sense attacks nothing."""
    said = set()
    for attack in attacks(random.Random(1), 2000):
        try:
            FrameDecoder().feed(attack.data)
        except AgentError as exc:
            said.add(str(exc))
    assert len(said) >= 6, said
