"""A TTS instance shaped like OpenAI's, speaking with the real espeak-ng, with faults to switch on.

As a program: ``python -m tests.speech.tts_instance --port 8001 --pace 0.25 --limit 4``. ``POST
/fault {"kind": "silence"}`` switches a fault on, ``{}`` off; ``GET /stats`` tells what it has
counted about itself. It takes its time like a neural voice on a GPU: ``first_s`` to the first sound
and ``pace`` seconds for a second of speech, up to ``limit`` requests at once without slowing down;
more of them share.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import struct
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

import numpy as np
from aiohttp import web

from agent.speech.audio import resample
from agent.speech.espeak import SAMPLE_RATE, Espeak

RATE = 24_000
KINDS = (
    *("status", "busy", "html", "html-as-pcm", "json", "silence", "empty", "odd", "mp3", "refuse"),
    *("slow", "stall", "break"),
)
_PIECE_S = 0.06
_GRAIN_S = 0.01


@dataclass
class Stats:
    """What an instance has seen."""

    open: int = 0
    most: int = 0
    """Requests open at once."""
    over: int = 0
    """Requests that met it over its limit."""
    served: int = 0
    cancelled: int = 0
    """Requests whose client went away before the end."""
    asked: int = 0


@dataclass
class Instance:
    """The server. ``fault`` is one of KINDS, or empty."""

    first_s: float = 0.0
    pace: float = 0.0
    limit: int = 4
    key: str = ""
    fault: str = ""
    sample_rate: int = RATE

    def __post_init__(self) -> None:
        self.stats = Stats()
        self.texts: list[str] = []
        self.bodies: list[dict[str, object]] = []
        self.url = ""
        self._voice = Espeak()
        self._runner: web.AppRunner | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/audio/speech", self._speech)
        app.router.add_post("/fault", self._set_fault)
        app.router.add_get("/stats", self._tell)
        return app

    async def start(self, port: int = 0) -> str:
        # handler_cancellation: a client that goes away ends its request at once.
        self._runner = web.AppRunner(self.app(), handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _set_fault(self, request: web.Request) -> web.Response:
        self.fault = (await request.json()).get("kind", "")
        return web.json_response({})

    async def _tell(self, _: web.Request) -> web.Response:
        told = asdict(self.stats)
        self.stats.most = self.stats.over = 0
        return web.json_response(told)

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        stats = self.stats
        stats.asked += 1
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        body = await request.json()
        self.bodies.append(body)
        self.texts.append(body["input"])
        stats.open += 1
        stats.most = max(stats.most, stats.open)
        stats.over += stats.open > self.limit
        try:
            answer = await self._answer(request, body)
        except (asyncio.CancelledError, ConnectionError):
            stats.cancelled += 1
            raise
        finally:
            stats.open -= 1
        stats.served += 1
        return answer

    async def _answer(self, request: web.Request, body: dict[str, str]) -> web.StreamResponse:
        fault = self.fault
        if fault == "status":
            return web.json_response({"error": {"message": "out of memory"}}, status=500)
        if fault == "busy":
            return web.json_response({}, status=429, headers={"Retry-After": "1"})
        if fault in ("html", "html-as-pcm"):
            kind = "text/html" if fault == "html" else "audio/pcm"
            page = b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>" * 400
            return web.Response(body=page, content_type=kind)
        if fault == "json":
            return web.json_response({"error": "no such voice"})
        if fault == "empty":
            return web.Response(body=b"", content_type="audio/pcm")
        if fault == "odd":
            return web.Response(body=b"\0\0\0", content_type="audio/pcm")
        if fault == "mp3":
            return web.Response(body=b"ID3" + bytes(2000), content_type="audio/pcm")
        if fault == "refuse":
            assert request.transport is not None
            request.transport.abort()
            raise ConnectionResetError
        if fault == "slow":
            await asyncio.sleep(3600)
        return await self._speak(request, body, fault)

    async def _speak(
        self, request: web.Request, body: dict[str, str], fault: str
    ) -> web.StreamResponse:
        wav = body.get("response_format") == "wav"
        pcm = await self._pcm(body["input"])
        if fault == "silence":
            pcm = bytes(len(pcm))
        await self._work(self.first_s)
        answer = web.StreamResponse()
        answer.content_type = "audio/wav" if wav else "audio/pcm"
        await answer.prepare(request)
        if wav:
            await answer.write(_streamed_wav_header(self.sample_rate))
        step = int(_PIECE_S * self.sample_rate) * 2
        for at in range(0, len(pcm), step):
            if fault and at > len(pcm) // 2:
                if fault == "stall":
                    await asyncio.sleep(3600)
                if fault == "break":
                    assert request.transport is not None
                    request.transport.abort()
                    raise ConnectionResetError
            await self._work(self.pace * _PIECE_S)
            await answer.write(pcm[at : at + step])
        await answer.write_eof()
        return answer

    async def _work(self, seconds: float) -> None:
        """Compute for so long, shared fairly among those over the limit."""
        if seconds <= 0:
            return
        loop = asyncio.get_running_loop()
        left = seconds
        while left > 0:
            share = max(1.0, self.stats.open / self.limit)
            began = loop.time()
            await asyncio.sleep(min(_GRAIN_S, left * share))
            left -= (loop.time() - began) / share

    async def _pcm(self, text: str) -> bytes:
        return await asyncio.to_thread(_said, self._voice, text, self.sample_rate)


@functools.lru_cache(maxsize=64)
def _said(voice: Espeak, text: str, rate: int) -> bytes:
    parts: list[bytes] = []

    def keep(chunk: bytes) -> bool:
        parts.append(chunk)
        return True

    voice.speak(text, keep)
    sound = np.frombuffer(b"".join(parts), np.int16)
    return resample(sound, SAMPLE_RATE, rate).astype("<i2").tobytes()


def _streamed_wav_header(rate: int) -> bytes:
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return b"RIFF\xff\xff\xff\xffWAVE" + fmt + b"data\xff\xff\xff\xff"


@contextlib.asynccontextmanager
async def instances(count: int, **how: object) -> AsyncIterator[list[Instance]]:
    """Several of them in this process, on free ports."""
    made = [Instance(**how) for _ in range(count)]  # type: ignore[arg-type]
    try:
        for each in made:
            await each.start()
        yield made
    finally:
        for each in made:
            await each.stop()


async def _serve(instance: Instance, port: int) -> None:
    await instance.start(port)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--first-s", type=float, default=0.1)
    parser.add_argument("--pace", type=float, default=0.25)
    parser.add_argument("--limit", type=int, default=4)
    given = parser.parse_args()
    instance = Instance(first_s=given.first_s, pace=given.pace, limit=given.limit)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(instance, given.port))


if __name__ == "__main__":
    main()
