"""Ears that are gone, slow or talk nonsense, as a call sees them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.errors import ConfigurationError, EngineBusy, EngineUnavailable
from agent.speech.ears_client import EarsClient
from agent.speech.link import Frame, Handler, Responder, serve


async def nonsense(frame: Frame, respond: Responder) -> None:
    await respond.data({"words": "?"})


async def nothing(frame: Frame, respond: Responder) -> None:
    return


async def busy(frame: Frame, respond: Responder) -> None:
    raise EngineBusy("The queue of the ears is full; try again in a moment.")


async def asleep(frame: Frame, respond: Responder) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (nonsense, EngineUnavailable),
        (nothing, EngineUnavailable),
        (busy, EngineBusy),
        (asleep, EngineUnavailable),
    ],
)
async def test_every_trouble_is_an_engine_error(
    tmp_path: Path, handler: Handler, error: type[Exception]
) -> None:
    url = f"unix://{tmp_path / 'x.sock'}"
    ready = asyncio.Event()
    serving = asyncio.create_task(serve(url, handler, ready=ready))
    client = EarsClient(url, deadline_s=0.2)
    try:
        async with asyncio.timeout(10):
            await ready.wait()
            with pytest.raises(error):
                await client.transcribe(bytes(100))
    finally:
        await client.aclose()
        serving.cancel()
        await asyncio.wait({serving})


async def test_ears_that_are_not_there_are_unavailable(tmp_path: Path) -> None:
    client = EarsClient(f"unix://{tmp_path / 'none.sock'}")
    with pytest.raises(EngineUnavailable):
        await client.transcribe(bytes(100))
    with pytest.raises(EngineUnavailable):
        await client.stat()
    await client.aclose()


async def test_sound_too_long_for_a_frame_is_an_engine_error(tmp_path: Path) -> None:
    url = f"unix://{tmp_path / 'x.sock'}"
    ready = asyncio.Event()
    serving = asyncio.create_task(serve(url, nothing, ready=ready))
    client = EarsClient(url)
    await ready.wait()
    with pytest.raises(EngineUnavailable):
        await client.transcribe(bytes(17 * 1024 * 1024))
    await client.aclose()
    serving.cancel()
    await asyncio.wait({serving})


def test_a_wrong_address_stops_the_start() -> None:
    with pytest.raises(ConfigurationError):
        EarsClient("http://ears")
