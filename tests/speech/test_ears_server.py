"""The ears as a process sees them: real sockets, real model, and recognisers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.errors import ConfigurationError, EngineBusy, EngineUnavailable, ProtocolError
from agent.speech import ears_server
from agent.speech.checkpoint import Checkpoint, Facts
from agent.speech.ears_client import EarsClient, Kind
from agent.speech.ears_server import Recogniser, serve_ears
from agent.speech.engine import Ears
from agent.speech.features import Piece, Prepared
from agent.speech.link import LinkClient
from agent.speech.segments import Span
from agent.speech.transcript import DropReason, Segment
from tests.speech.conftest import SAID, Speak


class Stuck:
    """A recogniser that answers the length of what it was given, when it is let.

    Sound of an odd number of samples has another context than that of an even number.
    """

    checkpoint = Checkpoint(Path("stuck"), Facts(name="stuck"))
    language = "ta"
    max_batch = 4
    buckets = (500, 3000)
    device = "cpu"
    compute_type = "float32"

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.may_prepare = threading.Event()
        self.may_prepare.set()
        self.started = threading.Event()
        self.begun: list[list[int]] = []
        """Samples of each item of each batch."""
        self.raises: list[Exception] = []
        self.loops: set[int] = set()
        """Lengths that come out as loops at the first try."""

    def prepare(self, pcm: NDArray[np.int16]) -> Prepared:
        assert self.may_prepare.wait(10)
        samples = len(pcm)
        span = Span(0.0, samples / 16_000, 1.0)
        bucket = self.buckets[samples % 2]
        piece = Piece(span, np.full((1, 1), samples, np.float32), bucket, 15.0, 50)
        return Prepared((piece,), samples / 16_000, None, {"vad_s": 0.0, "mel_s": 0.0})

    def decode(self, pieces: Sequence[Piece]) -> tuple[list[Segment], dict[str, float]]:
        assert len({piece.bucket for piece in pieces}) == 1
        samples = [int(piece.features[0, 0]) for piece in pieces]
        self.begun.append(samples)
        self.started.set()
        assert self.go.acquire(timeout=10)
        if self.raises:
            raise self.raises.pop(0)
        segments = [self._segment(n, p) for n, p in zip(samples, pieces, strict=True)]
        return segments, {"encode_s": 0.001, "decode_s": 0.002}

    def _segment(self, samples: int, piece: Piece) -> Segment:
        loops = samples in self.loops and not piece.careful
        reason = DropReason.LOOP if loops else None
        end_s = piece.span.end_s
        return Segment(0.0, end_s, 1.0, str(samples), 1, -0.1, 0.0, reason, piece.careful)


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
    steps = {"queue_s", "vad_s", "mel_s", "encode_s", "decode_s", "total_s", "batch"}
    assert set(heard.timings) == steps
    assert heard.timings["queue_s"] >= 0
    assert heard.timings["decode_s"] > 0
    assert heard.timings["batch"] == 1
    parts = sum(v for k, v in heard.timings.items() if k not in ("total_s", "batch"))
    assert parts <= heard.timings["total_s"] + 0.001


async def test_an_utterance_with_a_long_pause_is_one_answer(
    saying_ears: Ears, url: str, client: EarsClient, speak: Speak
) -> None:
    sentence = speak("தண்ணி வரல", after=2.0)
    async with serving(saying_ears, url):
        kinds: list[Kind] = ["final", "interim"]
        for kind in kinds:
            heard = await client.transcribe(
                np.concatenate([sentence, sentence]).tobytes(), kind=kind, call="c"
            )
            assert heard.text == f"{SAID} {SAID}"
        assert (await client.stat())["batches"] == {"1": 4}


async def test_silence_comes_back_as_nothing_with_its_reason(
    saying_ears: Ears, url: str, client: EarsClient
) -> None:
    async with serving(saying_ears, url):
        heard = await client.transcribe(sound(16_000), kind="preflight")
    assert heard.text == ""
    assert heard.dropped[0].reason == "silence"


async def test_who_runs_there_and_how_it_goes_is_told(
    saying_ears: Ears, url: str, client: EarsClient, speak: Speak
) -> None:
    async with serving(saying_ears, url):
        await client.transcribe(sound(1600))
        await client.transcribe(speak("தண்ணி வரல", after=0.3).tobytes())
        stat = await client.stat()
    assert stat.pop("rss_bytes") > 10_000_000
    assert stat.pop("uptime_s") >= 0
    assert stat == {
        "ready": True,
        "model": "sayer",
        "version": "",
        "demo": True,
        "language": "ta",
        "device": "cpu",
        "compute_type": "float32",
        "max_batch": 8,
        "preparing": 0,
        "waiting": 0,
        "pressure": 0.0,
        "done": 2,
        "failed": 0,
        "shed": {},
        "dropped": {"silence": 1},
        "retried": 0,
        "rescued": 0,
        "batches": {"1": 1},
        "buckets": {"3000": 1},
    }


async def asked(
    client: EarsClient, *lengths: int, kind: Kind = "final", waiting: int | None = None
) -> list[asyncio.Task[str]]:
    """Ask for each; return when the queue holds ``waiting`` of them (default: all)."""

    async def text(samples: int) -> str:
        return (await client.transcribe(sound(samples), kind=kind, call=f"c{samples}")).text

    tasks = [asyncio.create_task(text(samples)) for samples in lengths]
    await queue_holds(client, len(lengths) if waiting is None else waiting)
    return tasks


async def queue_holds(client: EarsClient, pieces: int) -> None:
    """Ask until so many wait."""
    async with asyncio.timeout(10):
        while (await client.stat())["waiting"] != pieces:  # noqa: ASYNC110 - it is behind a socket
            await asyncio.sleep(0.01)


async def test_what_comes_while_the_engine_is_busy_is_the_next_batch(
    url: str, client: EarsClient
) -> None:
    """Of one context: 3, 5 and 7 go together, 2 and 4 in another batch."""
    ears = Stuck()
    async with serving(ears, url):
        first = await asked(client, 1, waiting=0)
        await begun(ears)
        rest = await asked(client, 3, 5, 7, 2, 4)
        ears.go.release(3)
        assert [await task for task in first + rest] == ["1", "3", "5", "7", "2", "4"]
        stat = await client.stat()
    assert ears.begun[0] == [1]
    assert sorted(sorted(batch) for batch in ears.begun[1:]) == [[2, 4], [3, 5, 7]]
    assert stat["batches"] == {"1": 1, "2": 1, "3": 1}
    assert stat["buckets"] == {"500": 2, "3000": 4}


async def test_a_batch_is_never_larger_than_the_engine_takes(url: str, client: EarsClient) -> None:
    ears = Stuck()
    async with serving(ears, url):
        tasks = await asked(client, 1, waiting=0)
        await begun(ears)
        tasks += await asked(client, 3, 5, 7, 9, 11)
        ears.go.release(3)
        await asyncio.gather(*tasks)
    assert sorted(len(batch) for batch in ears.begun) == [1, 1, 4]


async def test_timings_tell_the_batch_and_the_wait(url: str, client: EarsClient) -> None:
    ears = Stuck()
    async with serving(ears, url):
        first = await asked(client, 1, waiting=0)
        await begun(ears)
        asking = asyncio.create_task(client.transcribe(sound(3)))
        others = await asked(client, 5, 7, waiting=3)
        ears.go.release(2)
        heard = await asking
        await asyncio.gather(*first, *others)
    assert heard.timings["batch"] == 3
    assert heard.timings["queue_s"] > 0
    assert (heard.timings["encode_s"], heard.timings["decode_s"]) == (0.001, 0.002)


async def test_a_full_queue_refuses_and_what_waits_is_still_answered(
    url: str, client: EarsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {**(ears_server.EarsService.__init__.__kwdefaults__ or {}), "max_waiting": 2}
    monkeypatch.setattr(ears_server.EarsService.__init__, "__kwdefaults__", defaults)
    ears = Stuck()
    async with serving(ears, url):
        tasks = await asked(client, 1, waiting=0)
        await begun(ears)
        tasks += await asked(client, 3, 5)
        with pytest.raises(EngineBusy):
            await client.transcribe(sound(7))
        assert (await client.stat())["shed"] == {"full": 1}
        ears.go.release(3)
        assert [await task for task in tasks] == ["1", "3", "5"]


async def test_more_than_may_wait_are_not_prepared_either(
    url: str, client: EarsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {**(ears_server.EarsService.__init__.__kwdefaults__ or {}), "max_waiting": 2}
    monkeypatch.setattr(ears_server.EarsService.__init__, "__kwdefaults__", defaults)
    ears = Stuck()
    ears.may_prepare.clear()
    async with serving(ears, url):
        tasks = await asked(client, 1, 3, waiting=0)
        assert (await client.stat())["preparing"] == 2
        with pytest.raises(EngineBusy):
            await client.transcribe(sound(5))
        ears.may_prepare.set()
        ears.go.release(2)
        assert [await task for task in tasks] == ["1", "3"]


async def test_a_final_takes_the_place_of_an_interim(
    url: str, client: EarsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {**(ears_server.EarsService.__init__.__kwdefaults__ or {}), "max_waiting": 2}
    monkeypatch.setattr(ears_server.EarsService.__init__, "__kwdefaults__", defaults)
    ears = Stuck()
    async with serving(ears, url):
        tasks = await asked(client, 1, waiting=0)
        await begun(ears)
        (interim,) = await asked(client, 3, kind="interim")
        tasks += await asked(client, 5, waiting=2)
        tasks += await asked(client, 7, waiting=2)
        with pytest.raises(EngineBusy):
            await interim
        ears.go.release(3)
        assert [await task for task in tasks] == ["1", "5", "7"]


async def test_a_caller_who_goes_on_takes_his_utterance_out_of_the_queue(
    url: str, client: EarsClient
) -> None:
    ears = Stuck()
    async with serving(ears, url):
        (first,) = await asked(client, 1, waiting=0)
        await begun(ears)
        (forgotten,) = await asked(client, 3, kind="preflight")
        forgotten.cancel()
        await asyncio.wait({forgotten})
        await queue_holds(client, 0)
        (last,) = await asked(client, 5)
        ears.go.release(2)
        assert (await first, await last) == ("1", "5")
    assert ears.begun == [[1], [5]]


async def test_what_waits_beyond_its_deadline_is_never_decoded(
    url: str, client: EarsClient
) -> None:
    ears = Stuck()
    impatient = EarsClient(url, deadline_s=0.1)
    async with serving(ears, url):
        (first,) = await asked(client, 1, waiting=0)
        await begun(ears)
        with pytest.raises(EngineUnavailable):
            await impatient.transcribe(sound(3))
        await queue_holds(client, 0)
        ears.go.release(2)
        assert await first == "1"
        assert [await task for task in await asked(client, 5, waiting=0)] == ["5"]
    await impatient.aclose()
    assert ears.begun == [[1], [5]]


async def test_the_loop_answers_while_a_decode_runs(url: str, client: EarsClient) -> None:
    ears = Stuck()
    async with serving(ears, url):
        asking = asyncio.create_task(client.transcribe(sound(1)))
        await begun(ears)
        assert (await client.stat())["ready"] is True
        ears.go.release()
        await asking


async def test_a_failed_batch_is_decoded_one_by_one(url: str, client: EarsClient) -> None:
    """Whoever poisoned it, the others still get their words."""
    ears = Stuck()
    async with serving(ears, url):
        first = await asked(client, 1, waiting=0)
        await begun(ears)
        rest = await asked(client, 3, 5)
        ears.go.release()
        assert await first[0] == "1"
        ears.raises.append(RuntimeError("one of them is poisoned"))
        ears.raises.append(RuntimeError("it is this one"))
        ears.go.release(3)
        texts = await asyncio.gather(*rest, return_exceptions=True)
        stat = await client.stat()
    assert sorted(isinstance(text, EngineUnavailable) for text in texts) == [False, True]
    assert [len(batch) for batch in ears.begun] == [1, 2, 1, 1]
    assert stat["failed"] == 1
    assert stat["done"] == 2


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


async def test_a_success_between_failures_starts_the_count_anew(
    url: str, client: EarsClient
) -> None:
    ears = Stuck()
    ears.go.release(100)
    async with serving(ears, url) as task:
        for _ in range(3):
            ears.raises += [RuntimeError("broken")] * 2
            for _ in range(2):
                with pytest.raises(EngineUnavailable):
                    await client.transcribe(sound(1))
            assert (await client.transcribe(sound(2))).text == "2"
        assert not task.done()


async def test_a_broken_engine_is_given_up_even_when_its_batches_are_large(
    url: str, client: EarsClient
) -> None:
    """The failed batch itself does not count, each of its items alone does."""
    ears = Stuck()
    async with serving(ears, url) as task:
        first = await asked(client, 1, waiting=0)
        await begun(ears)
        rest = await asked(client, 3, 5, 7, 9)
        ears.go.release()
        await first[0]
        ears.raises += [RuntimeError("broken")] * 4
        ears.go.release(4)
        with pytest.raises(EngineUnavailable, match="restarted"):
            await task
        found = await asyncio.gather(*rest, return_exceptions=True)
    assert all(isinstance(one, EngineUnavailable) for one in found)
    assert [len(batch) for batch in ears.begun] == [1, 4, 1, 1, 1]


async def test_a_loop_is_decoded_a_second_time_carefully_and_alone(
    url: str, client: EarsClient
) -> None:
    ears = Stuck()
    ears.loops = {3}
    async with serving(ears, url):
        first = await asked(client, 1, waiting=0)
        await begun(ears)
        rest = await asked(client, 3, 5)
        ears.go.release(10)
        assert [await task for task in first + rest] == ["1", "3", "5"]
        stat = await client.stat()
    assert [len(batch) for batch in ears.begun] == [1, 2, 1]
    assert ears.begun[2] == [3]
    assert (stat["retried"], stat["rescued"], stat["dropped"]) == (1, 1, {})


async def test_an_interim_is_not_worth_a_second_try(url: str, client: EarsClient) -> None:
    ears = Stuck()
    ears.loops = {3}
    ears.go.release(10)
    async with serving(ears, url):
        heard = await client.transcribe(sound(3), kind="interim")
        stat = await client.stat()
    assert heard.text == ""
    assert [dropped.reason for dropped in heard.dropped] == [DropReason.LOOP]
    assert (stat["retried"], stat["dropped"]) == (0, {"loop": 1})


async def test_every_batch_is_one_log_line_without_a_word(
    saying_ears: Ears,
    url: str,
    client: EarsClient,
    speak: Speak,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="agent.speech")
    async with serving(saying_ears, url):
        await client.transcribe(speak("தண்ணி வரல", after=0.3).tobytes(), call="secret")
    (record,) = [r for r in caplog.records if r.name == "agent.speech.ears_queue"]
    assert record.getMessage() == "batch decoded"
    assert {"batch", "frames", "waiting", "queue_s", "encode_s", "decode_s"} <= set(vars(record))
    assert SAID not in str(vars(record))
    assert "secret" not in str(vars(record))


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({"op": "dance"}, b""),
        ({}, b""),
        ({"op": "transcribe"}, b"odd"),
        ({"op": "transcribe"}, bytes(61 * 32_000)),
        ({"op": "transcribe", "kind": "whim"}, b""),
        ({"op": "transcribe", "call": "x" * 65}, b""),
        ({"op": "transcribe", "deadline_s": -1}, b""),
        ({"op": "transcribe", "deadline_s": "soon"}, b""),
    ],
    ids="unknown|none|odd bytes|too long|kind|call|past|no number".split("|"),
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
