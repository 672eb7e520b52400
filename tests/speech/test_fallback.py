"""Nothing a caller says is lost while the ears fail: who is asked, when, and what Deepgram answers.

The cloud is a small local server that speaks the protocol of Deepgram's prerecorded endpoint.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from agent import breaker as breaker_module
from agent.breaker import OPEN_AFTER, Breaker
from agent.errors import EngineBusy, EngineError, EngineUnavailable
from agent.speech.decoding import Decodes, Kind
from agent.speech.fallback import DeepgramRecogniser, FallbackRecogniser
from agent.speech.transcript import Transcript
from tests.loopback import on_loopback

SOUND = bytes(range(256)) * 125  # one second
GONE, FULL = EngineUnavailable("Gone."), EngineBusy("Full.")


@dataclass
class Recogniser:
    """Answers its own name, or fails, or hangs."""

    name: str
    error: EngineError | None = None
    hang: bool = False
    heard: list[tuple[Kind, bytes]] = field(default_factory=list)
    closed: bool = False

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final", call: str = "") -> Transcript:
        self.heard.append((kind, pcm))
        if self.hang:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return Transcript(self.name, 0.9, "ta", 1.0)

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def ears() -> Recogniser:
    return Recogniser("ears")


@pytest.fixture
def cloud() -> Recogniser:
    return Recogniser("cloud")


@pytest.fixture
def breaker() -> Breaker:
    return Breaker()


@pytest.fixture
async def both(
    ears: Recogniser, cloud: Recogniser, breaker: Breaker
) -> AsyncIterator[FallbackRecogniser]:
    both = FallbackRecogniser(ears, cloud, patience_s=0.05, breaker=breaker)
    async with asyncio.timeout(20):
        yield both
        await both.aclose()


async def open_it(both: FallbackRecogniser, ears: Recogniser) -> None:
    ears.error = GONE
    for _ in range(OPEN_AFTER):
        await both.transcribe(SOUND)
    ears.heard.clear()


async def test_ears_that_answer_are_the_only_ones_asked(
    both: FallbackRecogniser, cloud: Recogniser
) -> None:
    assert (await both.transcribe(SOUND)).text == "ears"
    assert cloud.heard == []


@pytest.mark.parametrize("kind", ["final", "clause"])
@pytest.mark.parametrize("error", [GONE, FULL])
async def test_what_the_ears_fail_on_goes_to_the_cloud_at_once_with_the_same_sound(
    both: FallbackRecogniser, ears: Recogniser, cloud: Recogniser, error: EngineError, kind: Kind
) -> None:
    ears.error = error
    assert (await both.transcribe(SOUND, kind=kind)).text == "cloud"
    assert cloud.heard == [(kind, SOUND)]


async def test_ears_that_hang_get_their_time_and_then_the_cloud_is_asked(
    both: FallbackRecogniser, ears: Recogniser
) -> None:
    ears.hang = True
    assert (await both.transcribe(SOUND)).text == "cloud"


async def test_a_speculation_the_ears_refuse_is_not_paid_for_elsewhere(
    both: FallbackRecogniser, ears: Recogniser, cloud: Recogniser
) -> None:
    ears.error = FULL
    with pytest.raises(EngineBusy):
        await both.transcribe(SOUND, kind="preflight")
    assert cloud.heard == []


async def test_dead_ears_are_not_waited_for_by_every_utterance(
    both: FallbackRecogniser, ears: Recogniser, cloud: Recogniser
) -> None:
    await open_it(both, ears)
    for _ in range(5):
        assert (await both.transcribe(SOUND)).text == "cloud"
    assert ears.heard == []
    assert len(cloud.heard) == OPEN_AFTER + 5


async def test_busy_ears_live_and_are_asked_every_time(
    both: FallbackRecogniser, ears: Recogniser
) -> None:
    ears.error = FULL
    for _ in range(2 * OPEN_AFTER):
        assert (await both.transcribe(SOUND)).text == "cloud"
    assert len(ears.heard) == 2 * OPEN_AFTER


async def test_ears_that_come_back_are_found_by_one_utterance_that_goes_to_both(
    both: FallbackRecogniser,
    ears: Recogniser,
    cloud: Recogniser,
    breaker: Breaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker_module, "FIRST_WAIT_S", 0.0)
    breaker.answered()  # takes over the short wait
    await open_it(both, ears)
    ears.error = None
    cloud.heard.clear()
    assert (await both.transcribe(SOUND)).text in ("ears", "cloud")
    while breaker.away:  # noqa: ASYNC110 - the slower answer is another task
        await asyncio.sleep(0.001)
    assert (ears.heard, cloud.heard) == ([("final", SOUND)], [("final", SOUND)])
    assert (await both.transcribe(SOUND)).text == "ears"
    assert len(cloud.heard) == 1


async def test_a_try_that_fails_or_hangs_costs_the_caller_nothing(
    both: FallbackRecogniser,
    ears: Recogniser,
    breaker: Breaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker_module, "FIRST_WAIT_S", 0.0)
    breaker.answered()
    await open_it(both, ears)
    ears.error, ears.hang = None, True
    assert (await both.transcribe(SOUND)).text == "cloud"
    assert breaker.away


async def test_when_the_cloud_fails_while_the_ears_are_away_the_ears_are_asked_after_all(
    both: FallbackRecogniser, ears: Recogniser, cloud: Recogniser
) -> None:
    await open_it(both, ears)
    ears.error, cloud.error = None, GONE
    assert (await both.transcribe(SOUND)).text == "ears"
    assert (await both.transcribe(SOUND)).text == "ears"


async def test_a_dead_cloud_is_not_waited_for_either(
    both: FallbackRecogniser, ears: Recogniser, cloud: Recogniser
) -> None:
    ears.error, cloud.error = FULL, GONE
    for _ in range(10):
        with pytest.raises(EngineError):
            await both.transcribe(SOUND)
    assert len(ears.heard) == 10
    assert len(cloud.heard) == OPEN_AFTER


async def test_when_both_fail_the_sound_is_kept(
    both: FallbackRecogniser,
    ears: Recogniser,
    cloud: Recogniser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.speech.decoding.RESTART_S", 0.01)
    monkeypatch.setattr("agent.speech.decoding.RETRY_AFTER_S", 0.01)
    ears.error = cloud.error = GONE
    kept: list[bytes] = []

    async def keep(pcm: bytes, _end_s: float) -> None:
        kept.append(pcm)

    decodes = Decodes(both, lambda _: None, on_lost=keep)
    assert await decodes.begin("final", SOUND) is None
    await decodes.aclose()
    assert kept == [SOUND]


async def test_without_a_cloud_the_ears_are_always_asked_but_dead_ones_not_for_long(
    ears: Recogniser,
) -> None:
    alone = FallbackRecogniser(ears, None, patience_s=0.05)
    ears.error = GONE
    for _ in range(OPEN_AFTER + 1):
        with pytest.raises(EngineUnavailable):
            await alone.transcribe(SOUND)
    ears.error, ears.hang = None, True
    async with asyncio.timeout(10):
        with pytest.raises(EngineUnavailable):
            await alone.transcribe(SOUND)
    ears.hang = False
    assert (await alone.transcribe(SOUND)).text == "ears"
    await alone.aclose()
    assert ears.closed


async def test_what_one_call_learns_about_the_ears_the_next_call_knows(
    both: FallbackRecogniser, ears: Recogniser, cloud: Recogniser, breaker: Breaker
) -> None:
    await open_it(both, ears)
    other = FallbackRecogniser(ears, cloud, breaker=breaker)
    assert (await other.transcribe(SOUND)).text == "cloud"
    assert ears.heard == []


async def test_closing_closes_both_and_ends_a_try_that_hangs(
    both: FallbackRecogniser,
    ears: Recogniser,
    cloud: Recogniser,
    breaker: Breaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker_module, "FIRST_WAIT_S", 0.0)
    breaker.answered()
    await open_it(both, ears)
    ears.error, ears.hang = None, True
    await both.transcribe(SOUND)
    await both.aclose()
    assert ears.closed
    assert cloud.closed


# -- Deepgram ---------------------------------------------------------------------------------


@dataclass
class Deepgram:
    """A stand-in for its endpoint: ``mode`` says how it behaves."""

    mode: str = "well"
    url: str = ""
    requests: list[tuple[dict[str, str], dict[str, str], bytes]] = field(default_factory=list)

    async def listen(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((dict(request.query), dict(request.headers), await request.read()))
        match self.mode:
            case "slow":
                await asyncio.sleep(30)
            case "bad key":
                error = {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}
                return web.json_response(error, status=401)
            case "too many":
                error = {"err_code": "TOO_MANY_REQUESTS", "err_msg": "Too many requests."}
                return web.json_response(error, status=429)
            case "broken":
                return web.Response(status=503, text="upstream")
            case "a web page":
                return web.Response(text="<html>proxy</html>", content_type="text/html")
            case "nonsense":
                return web.json_response({"metadata": {}})
            case "dropped":
                answer = web.StreamResponse(headers={"Content-Length": "5000"})
                answer.content_type = "application/json"
                await answer.prepare(request)
                await answer.write(b'{"metadata": {')
                assert request.transport is not None
                request.transport.abort()
                return answer
        # "\u0bc6\u0bbe" is one vowel sign in two parts, as some engines write it.
        words = [] if self.mode == "silent" else ["தண்ணி", "வரல", "ஊருக\u0bc6\u0bbeண்டு"]
        return web.json_response(prerecorded(words))


def prerecorded(words: list[str]) -> dict[str, object]:
    """The body of an answer, in the form of Deepgram's documentation."""
    timed = [
        {"word": word, "start": 0.3 * i, "end": 0.3 * i + 0.25, "confidence": 0.9}
        for i, word in enumerate(words)
    ]
    best = {"transcript": "  ".join(words), "confidence": 0.87 if words else 0.0, "words": timed}
    return {
        "metadata": {
            "transaction_key": "deprecated",
            "request_id": "a847f427-4ad5-4d67-9b95-db801e58251c",
            "sha256": "0" * 64,
            "created": "2026-11-21T04:00:00.000Z",
            "duration": 1.0,
            "channels": 1,
            "models": ["30089e05-99d1-4376-b32e-c263170674af"],
        },
        "results": {"channels": [{"alternatives": [best]}]},
    }


@pytest.fixture
async def deepgram() -> AsyncIterator[Deepgram]:
    stand_in = Deepgram()
    app = web.Application()
    app.router.add_post("/v1/listen", stand_in.listen)
    async with on_loopback(app) as address, asyncio.timeout(30):
        stand_in.url = f"http://{address}/v1/listen"
        yield stand_in


@pytest.fixture
async def abroad(deepgram: Deepgram) -> AsyncIterator[DeepgramRecogniser]:
    recogniser = DeepgramRecogniser("key-1", url=deepgram.url, deadline_s=0.5)
    yield recogniser
    await recogniser.aclose()


async def test_deepgram_hears_the_same_sound_in_tamil_and_trains_nothing_on_it(
    deepgram: Deepgram, abroad: DeepgramRecogniser
) -> None:
    heard = await abroad.transcribe(SOUND, kind="final", call="call-1")
    assert heard.text == "தண்ணி வரல ஊருக\u0bcaண்டு"
    assert heard.confidence == 0.87
    assert heard.language == "ta"
    assert heard.duration_s == 1.0
    assert heard.timings["cloud_s"] > 0
    ((query, headers, body),) = deepgram.requests
    assert query["language"] == "ta"
    assert query["model"] == "nova-3"
    assert query["mip_opt_out"] == "true"
    assert query["detect_language"] == "false"
    assert headers["Authorization"] == "Token key-1"
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        assert file.readframes(file.getnframes()) == SOUND
    assert "call-1" not in str(query) + str(headers)


async def test_deepgram_that_heard_nobody_is_no_failure(
    deepgram: Deepgram, abroad: DeepgramRecogniser
) -> None:
    deepgram.mode = "silent"
    heard = await abroad.transcribe(SOUND)
    assert (heard.text, heard.confidence) == ("", 0.0)


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("slow", EngineUnavailable),
        ("bad key", EngineUnavailable),
        ("too many", EngineBusy),
        ("broken", EngineUnavailable),
        ("a web page", EngineUnavailable),
        ("nonsense", EngineUnavailable),
        ("dropped", EngineUnavailable),
    ],
)
async def test_deepgram_in_trouble_is_an_engine_error_and_well_again_it_is_used(
    deepgram: Deepgram, abroad: DeepgramRecogniser, mode: str, error: type[EngineError]
) -> None:
    deepgram.mode = mode
    with pytest.raises(EngineError) as caught:
        await abroad.transcribe(SOUND)
    assert type(caught.value) is error
    assert "key-1" not in str(caught.value)
    assert ("DEEPGRAM__API_KEY" in str(caught.value)) == (mode == "bad key")
    assert len(deepgram.requests) == 1
    deepgram.mode = "well"
    assert (await abroad.transcribe(SOUND)).text


async def test_deepgram_that_cannot_be_reached_is_an_engine_error() -> None:
    nobody = DeepgramRecogniser("key-1", url="http://127.0.0.1:9/v1/listen", deadline_s=2)
    with pytest.raises(EngineUnavailable):
        await nobody.transcribe(SOUND)
    await nobody.aclose()


async def test_ears_in_trouble_and_deepgram_well_lose_nothing(
    deepgram: Deepgram, abroad: DeepgramRecogniser, ears: Recogniser
) -> None:
    ears.error = GONE
    both = FallbackRecogniser(ears, abroad, patience_s=0.05)
    for _ in range(6):
        assert (await both.transcribe(SOUND)).text.startswith("தண்ணி")
    assert len(deepgram.requests) == 6
    assert len(ears.heard) == OPEN_AFTER
    await both.aclose()
