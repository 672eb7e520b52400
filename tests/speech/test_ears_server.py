"""The ears as a process sees them: real sockets, real model, and recognisers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.errors import ConfigurationError, EngineBusy, EngineUnavailable, ProtocolError
from agent.speech import ears_server
from agent.speech.checkpoint import Checkpoint, Facts
from agent.speech.ears_client import EarsClient
from agent.speech.ears_server import Recogniser, serve_ears
from agent.speech.engine import Ears
from agent.speech.link import LinkClient
from agent.speech.transcript import Transcript
from tests.speech.conftest import SAID, Speak


class Stuck:
    """A recogniser that answers the length of what it was given, when it is let."""

    checkpoint = Checkpoint(Path("stuck"), Facts(name="stuck"))
    language = "ta"

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.started = threading.Event()
        self.begun: list[int] = []
        self.raises: list[Exception] = []

    def transcribe(self, pcm: NDArray[np.int16]) -> Transcript:
        self.begun.append(len(pcm))
        self.started.set()
        assert self.go.acquire(timeout=10)
        if self.raises:
            raise self.raises.pop(0)
        return Transcript(str(len(pcm)), 1.0, "ta", len(pcm) / 16_000)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"unix://{tmp_path / 'ears.sock'}"


@pytest.fixture
async def client(url: str) -> AsyncIterator[EarsClient]:
    client = EarsClient(url, deadline_s=10)
    yield client
    await client.aclose()


@asynccontextmanager
async def serving(ears: Recogniser, url: str) -> AsyncIterator[asyncio.Task[None]]:
    ready = asyncio.Event()
    task = asyncio.create_task(serve_ears(ears, url, ready=ready))
    try:
        async with asyncio.timeout(10):
            await ready.wait()
            yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


def sound(samples: int) -> bytes:
    return bytes(2 * samples)


async def begun(ears: Stuck) -> None:
    """Wait until the worker thread has its first utterance."""
    assert await asyncio.to_thread(ears.started.wait, 10)


async def test_sound_comes_back_as_words(
    saying_ears: Ears, url: str, client: EarsClient, speak: Speak
) -> None:
    async with serving(saying_ears, url):
        heard = await client.transcribe(speak("தண்ணி வரல", after=0.3).tobytes())
    assert heard.text == SAID
    assert heard.timings["queue_s"] >= 0
    assert heard.timings["decode_s"] > 0


async def test_silence_comes_back_as_nothing_with_its_reason(
    saying_ears: Ears, url: str, client: EarsClient
) -> None:
    async with serving(saying_ears, url):
        heard = await client.transcribe(sound(16_000), kind="preflight")
    assert heard.text == ""
    assert heard.dropped[0].reason == "silence"


async def test_who_runs_there_is_told(saying_ears: Ears, url: str, client: EarsClient) -> None:
    async with serving(saying_ears, url):
        await client.transcribe(sound(1600))
        stat = await client.stat()
    assert stat == {
        "ready": True,
        "model": "sayer",
        "version": "",
        "demo": True,
        "language": "ta",
        "waiting": 0,
        "done": 1,
    }


async def test_utterances_are_decoded_one_after_another_in_order(
    url: str, client: EarsClient
) -> None:
    ears = Stuck()
    async with serving(ears, url):
        asking = [asyncio.create_task(client.transcribe(sound(n))) for n in (1, 2, 3)]
        await begun(ears)
        assert ears.begun == [1]
        ears.go.release(3)
        assert [(await task).text for task in asking] == ["1", "2", "3"]
    assert ears.begun == [1, 2, 3]


async def test_a_full_queue_refuses_and_what_waits_is_still_answered(
    url: str, client: EarsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ears_server.EarsService.__init__, "__kwdefaults__", {"max_waiting": 2})
    ears = Stuck()
    async with serving(ears, url):
        asking = [asyncio.create_task(client.transcribe(sound(1)))]
        await begun(ears)
        asking += [asyncio.create_task(client.transcribe(sound(n))) for n in (2, 3)]
        await asyncio.sleep(0)  # the requests above are written first
        assert (await client.stat())["waiting"] == 2
        with pytest.raises(EngineBusy):
            await client.transcribe(sound(4))
        ears.go.release(3)
        assert [(await task).text for task in asking] == ["1", "2", "3"]


async def test_a_caller_who_goes_on_takes_his_utterance_out_of_the_queue(
    url: str, client: EarsClient
) -> None:
    ears = Stuck()
    async with serving(ears, url):
        first = asyncio.create_task(client.transcribe(sound(1)))
        await begun(ears)
        forgotten = asyncio.create_task(client.transcribe(sound(2), kind="preflight"))
        await asyncio.sleep(0)  # the requests above are written first
        assert (await client.stat())["waiting"] == 1
        forgotten.cancel()
        await asyncio.wait({forgotten})
        last = asyncio.create_task(client.transcribe(sound(3)))
        ears.go.release(2)
        assert (await first).text == "1"
        assert (await last).text == "3"
    assert ears.begun == [1, 3]


async def test_the_loop_answers_while_a_decode_runs(url: str, client: EarsClient) -> None:
    ears = Stuck()
    async with serving(ears, url):
        asking = asyncio.create_task(client.transcribe(sound(1)))
        await begun(ears)
        assert (await client.stat())["ready"] is True
        ears.go.release()
        await asking


async def test_one_poisoned_utterance_does_not_spoil_the_next(url: str, client: EarsClient) -> None:
    ears = Stuck()
    ears.raises.append(RuntimeError("CUDA out of memory"))
    ears.go.release(2)
    async with serving(ears, url):
        with pytest.raises(EngineUnavailable) as caught:
            await client.transcribe(sound(1))
        assert "CUDA" not in str(caught.value)
        assert (await client.transcribe(sound(2))).text == "2"


async def test_a_recogniser_that_keeps_failing_ends_the_process(
    url: str, client: EarsClient
) -> None:
    ears = Stuck()
    ears.raises += [RuntimeError("broken")] * 3
    ears.go.release(3)
    async with serving(ears, url) as task:
        for _ in range(3):
            with pytest.raises(EngineUnavailable):
                await client.transcribe(sound(1))
        with pytest.raises(EngineUnavailable, match="restarted"):
            await task


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({"op": "dance"}, b""),
        ({}, b""),
        ({"op": "transcribe"}, b"odd"),
        ({"op": "transcribe"}, bytes(61 * 32_000)),
    ],
    ids=["unknown", "none", "odd bytes", "too long"],
)
async def test_a_request_that_makes_no_sense_is_refused(
    saying_ears: Ears, url: str, header: dict[str, object], payload: bytes
) -> None:
    async with serving(saying_ears, url):
        client = LinkClient(url)
        request = client.request(header, payload, deadline_s=5)
        async with contextlib.aclosing(request) as answer:
            with pytest.raises(ProtocolError):
                await anext(answer)
        await client.aclose()


async def test_a_taken_address_is_said_at_once(saying_ears: Ears, url: str) -> None:
    async with serving(saying_ears, url):
        with pytest.raises(ConfigurationError):
            await serve_ears(saying_ears, url)
