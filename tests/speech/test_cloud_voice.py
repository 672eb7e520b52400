"""Cartesia and Sarvam through their plugins, against a server that speaks their protocol."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import io
import wave
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np
import pytest
from aiohttp import web

from agent.errors import ConfigurationError
from agent.settings import CartesiaSettings, CloudSettings, SarvamSettings, Settings
from agent.speech.cloud_voice import CloudVoice, cloud_voices
from agent.speech.espeak import Espeak
from agent.speech.joins import SAMPLE_RATE
from agent.speech.voice_chain import Request, VoiceChain
from agent.speech.voice_engine import Chunk
from tests.loopback import on_loopback

SENTENCE = "தெருவில் மூன்று நாளாக குடிநீர் வரவில்லை"


def installed(name: str) -> bool:
    return importlib.util.find_spec(f"livekit.plugins.{name}") is not None


needs = {
    name: pytest.mark.skipif(not installed(name), reason=f"needs the extra `{name}`")
    for name in ("cartesia", "sarvam")
}
BOTH = [pytest.param(name, marks=mark) for name, mark in needs.items()]


class Cloud:
    """Both services on one port: ``POST /tts/bytes`` and ``POST /text-to-speech``."""

    def __init__(self) -> None:
        self.status = 200
        self.silent = False
        self.hang = False
        self.asked: list[tuple[dict[str, object], dict[str, str]]] = []
        self.url = ""
        self._voice = Espeak()

    async def _sound(self, request: web.Request, field: str) -> bytes:
        body = await request.json()
        self.asked.append((body, dict(request.headers)))
        if self.hang:
            await asyncio.sleep(3600)
        parts: list[bytes] = []

        def keep(chunk: bytes) -> bool:
            parts.append(chunk)
            return True

        self._voice.speak(body[field], keep)
        pcm = b"".join(parts)
        return bytes(len(pcm)) if self.silent else pcm

    async def cartesia(self, request: web.Request) -> web.Response:
        pcm = await self._sound(request, "transcript")
        return web.Response(body=pcm if self.status == 200 else b"no", status=self.status)

    async def sarvam(self, request: web.Request) -> web.Response:
        pcm = await self._sound(request, "text")
        if self.status != 200:
            return web.json_response({"error": {"message": "no"}}, status=self.status)
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            writer.writeframes(pcm)
        return web.json_response(
            {"request_id": "1", "audios": [base64.b64encode(file.getvalue()).decode()]}
        )


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    made = Cloud()
    app = web.Application()
    app.router.add_post("/tts/bytes", made.cartesia)
    app.router.add_post("/text-to-speech", made.sarvam)
    async with on_loopback(app, handler_cancellation=True) as address:
        made.url = f"http://{address}"
        yield made


def settings(name: str, url: str, *, allowed: bool = True) -> Settings:
    one: dict[str, object] = {
        "cartesia": CartesiaSettings.model_validate({"api_key": "secret", "url": url}),
        "sarvam": SarvamSettings.model_validate(
            {"api_key": "secret", "url": f"{url}/text-to-speech"}
        ),
    }
    return Settings.model_validate({"cloud": CloudSettings(allowed=allowed), name: one[name]})


async def said(voice: CloudVoice) -> bytes:
    spoken = voice.speak(SENTENCE, language="ta", within_s=2.0)
    return b"".join([chunk async for chunk in spoken])


async def embedded(text: str) -> AsyncGenerator[Chunk, None]:
    yield Chunk(b"\x01\x00" * 100, "embedded")


async def through_speaker(given: Settings) -> tuple[bytes, Request]:
    async with VoiceChain(given) as chain:
        request = Request(SENTENCE, "ta", 165)
        heard = [chunk async for chunk in chain.speak(request, embedded)]
    return b"".join(chunk.pcm for chunk in heard), request


@pytest.mark.parametrize("name", BOTH)
async def test_a_sentence_is_spoken_in_tamil_with_the_key(cloud: Cloud, name: str):
    [voice] = cloud_voices(settings(name, cloud.url))
    try:
        pcm = await said(voice)
    finally:
        await voice.aclose()
    assert 2.0 < len(pcm) / 2 / SAMPLE_RATE < 3.2
    assert int(np.abs(np.frombuffer(pcm, np.int16).astype(int)).max()) > 5_000
    body, headers = cloud.asked[0]
    if name == "cartesia":
        assert (body["model_id"], body["language"], headers["X-API-Key"]) == (
            "sonic-3",
            "ta",
            "secret",
        )
    else:
        assert (body["model"], body["target_language_code"]) == ("bulbul:v3", "ta-IN")
        assert headers["api-subscription-key"] == "secret"


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("fault", ["status", "silent", "hang"])
async def test_a_cloud_that_fails_is_followed_by_the_embedded_voice(
    cloud: Cloud, name: str, fault: str, caplog: pytest.LogCaptureFixture
):
    cloud.status = 500 if fault == "status" else 200
    cloud.silent, cloud.hang = fault == "silent", fault == "hang"
    given = settings(name, cloud.url)
    heard, request = await through_speaker(given)
    assert (len(heard), request.source) == (200, "embedded")
    assert SENTENCE not in caplog.text


@pytest.mark.parametrize("name", BOTH)
async def test_the_cloud_speaks_where_there_is_no_pool(cloud: Cloud, name: str):
    heard, request = await through_speaker(settings(name, cloud.url))
    assert request.source == "cloud"
    assert len(heard) > 2 * SAMPLE_RATE


async def test_without_permission_no_cloud_is_asked(cloud: Cloud):
    for name in ("cartesia", "sarvam"):
        given = settings(name, cloud.url, allowed=False)
        assert cloud_voices(given) == []
        assert not given.cloud_words
        assert settings(name, cloud.url).cloud_words


def test_a_key_without_the_plugin_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "livekit.plugins.cartesia", None)
    with pytest.raises(ConfigurationError, match=r"^The setting CARTESIA__API_KEY [^\n]*$"):
        cloud_voices(settings("cartesia", "http://127.0.0.1:9"))
