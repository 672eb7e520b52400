"""``kural voice``: the voice on its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from agent import settings as settings_module
from agent.settings import Settings, SpeechSettings
from agent.speech.neural.folder import licence_line, open_folder
from agent.speech.phrases import PhraseKeeper, phrase_folder
from agent.speech.tls import server_context
from agent.speech.voice import serve_voice
from agent.speech.voice_chain import VoiceChain
from agent.speech.voice_engine import VoiceEngine, load_engine
from agent.speech.voice_health import all_well, health_check, table
from agent.speech.voice_watch import watch


@click.group()
def command() -> None:
    """Speak for calls."""


@command.command()
@click.option("--http", default="", help="HOST:PORT: answer there as one TTS instance instead.")
@click.option("--model", default="", help="Folder of another voice checkpoint.")
def serve(http: str, model: str) -> None:
    """Run the voice process until it is stopped.

    It answers at SPEECH__VOICE_URL, or at a socket under DATA_DIR when that is empty. With --http
    it is an instance of a pool: POST /v1/audio/speech in OpenAI's shape, for whoever has
    SPEECH__TOKEN. SPEECH__VOICE_MODEL or --model names a neural voice; without, espeak-ng speaks.
    """
    settings = settings_module.load()
    speech = settings.speech.model_copy(update={"voice_model": model} if model else {})
    if speech.voice_model:
        click.echo(licence_line(open_folder(Path(speech.voice_model))))
    engine = load_engine(speech)
    if http:
        asyncio.run(_until_stopped(_instance(http, speech, engine)))
        return
    keeper = PhraseKeeper(
        phrase_folder(settings.prompt_cache_dir), speech.phrase_cache_mb * 1_000_000
    )
    try:
        asyncio.run(_until_stopped(_process(settings, engine, keeper)))
    finally:
        keeper.close()


@command.command()
@click.option("--all", "check_all", is_flag=True, help="Have every instance speak a word first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def health(check_all: bool, as_json: bool) -> None:
    """Say how the voice process and every instance of its pool are.

    Exit code 1 when the process does not answer or an instance is not well.
    """
    found = asyncio.run(health_check(check_all=check_all))
    click.echo(json.dumps(found) if as_json else table(found))
    if not all_well(found):
        raise SystemExit(1)


def _instance(http: str, speech: SpeechSettings, engine: VoiceEngine) -> Coroutine[Any, Any, None]:
    from agent.speech import voice_http  # here: a voice process that restarts has no need of it

    token = speech.token.get_secret_value()
    tls = server_context(speech.tls_cert, speech.tls_key)
    bind = voice_http.parse_bind(http, token, tls)
    server = voice_http.VoiceServer(engine, voice=speech.voice, token=token)
    return voice_http.serve_http(bind, server, engine, _say_where)


def _say_where(url: str) -> None:
    click.echo(f"voice answers at {url}/v1/audio/speech")


async def _process(settings: Settings, engine: VoiceEngine, keeper: PhraseKeeper) -> None:
    """The voice process: pool and cloud before the engine, changed settings taken over."""
    chain = VoiceChain(settings)
    watching = asyncio.ensure_future(watch(chain))
    try:
        await serve_voice(
            settings.voice_url,
            settings.speech.token.get_secret_value(),
            engine=engine,
            chain=chain,
            around=keeper.over,
        )
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _until_stopped(serving: Coroutine[Any, Any, None]) -> None:
    speaking = asyncio.ensure_future(serving)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, speaking.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await speaking
