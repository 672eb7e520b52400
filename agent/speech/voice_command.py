"""``kural voice``: the voice on its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from typing import Any

import click

from agent import settings as settings_module
from agent.settings import Settings
from agent.speech.voice import VoiceClient, serve_voice


@click.group()
def command() -> None:
    """Speak for calls."""


@command.command()
def serve() -> None:
    """Run the voice process until it is stopped.

    It answers at SPEECH__VOICE_URL, or at a socket under DATA_DIR when that is empty.
    """
    asyncio.run(_serve(settings_module.load()))


@command.command()
def health() -> None:
    """Ask the voice process how it is: one JSON object, exit code 1 when it does not answer."""
    click.echo(json.dumps(asyncio.run(_stat(settings_module.load()))))


async def _stat(settings: Settings) -> dict[str, Any]:
    client = VoiceClient(settings.voice_url, settings.speech.token.get_secret_value())
    try:
        return await client.stat()
    finally:
        await client.aclose()


async def _serve(settings: Settings) -> None:
    token = settings.speech.token.get_secret_value()
    speaking = asyncio.ensure_future(serve_voice(settings.voice_url, token))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, speaking.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await speaking
