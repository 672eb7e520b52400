"""``kural engine``: the ears on their own."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from agent import settings as settings_module
from agent.settings import SpeechSettings
from agent.speech.checkpoint import load_checkpoint
from agent.speech.ears_server import serve_ears
from agent.speech.engine import Ears


@click.command()
@click.option("--model", type=click.Path(path_type=Path), help="Folder of another speech model.")
@click.option("--url", default="", help="Answer at unix:///path or tcp://host:port instead.")
def command(model: Path | None, url: str) -> None:
    """Run the ears until they are stopped.

    They load SPEECH__MODEL and answer at SPEECH__EARS_URL, or at a socket under DATA_DIR when
    that is empty. One line is printed when they are ready.
    """
    settings = settings_module.load()
    speech = settings.speech.model_copy(update={"model": model} if model else {})
    ears = load_ears(speech)
    asyncio.run(_serve(ears, url or settings.ears_url, speech.token.get_secret_value()))


def load_ears(speech: SpeechSettings) -> Ears:
    """The recogniser the settings ask for, warmed up.

    Raises:
        ConfigurationError: the model is not there, not complete, or does not run here.
    """
    load_checkpoint(speech.model)  # says what is missing before seconds of imports
    return Ears(
        speech.model,
        device=speech.device,
        compute_type=speech.compute_type,
        threads=speech.cpu_threads,
        language=speech.language,
    )


async def _serve(ears: Ears, url: str, token: str) -> None:
    ready = asyncio.Event()
    serving = asyncio.ensure_future(serve_ears(ears, url, token=token, ready=ready))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    announcing = asyncio.ensure_future(_announce(ears, url, ready))
    try:
        await serving
    except asyncio.CancelledError:
        return  # asked to stop
    finally:
        announcing.cancel()
        await asyncio.wait({announcing})


async def _announce(ears: Ears, url: str, ready: asyncio.Event) -> None:
    await ready.wait()
    facts = ears.checkpoint.facts
    demo = ", demonstration model" if facts.demo else ""
    click.echo(f"ears ready: {ears.checkpoint.name} ({ears.language}{demo}) at {url}")
