"""``kural engine``: the ears on their own, and what is done with them."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import signal
import ssl
from dataclasses import dataclass
from pathlib import Path

import click

from agent import settings as settings_module
from agent.settings import SpeechSettings
from agent.speech.blocklist import BUILT_IN
from agent.speech.checkpoint import load_checkpoint
from agent.speech.ears_server import serve_ears
from agent.speech.engine import Ears
from agent.speech.tls import server_context

_log = logging.getLogger(__name__)

COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("agent.speech.bench.command", "Measure how many utterances the ears carry."),
    "fetch": ("agent.speech.fetch_command", "Fetch a speech model and make it ready."),
}
"""Name -> module that exposes a click command called ``command``, and the line in ``--help``."""


class _Engine(click.Group):
    """Imports a sub-command only when it runs; what is not installed is not there."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for name, (module, _) in COMMANDS.items() if _is_there(module))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, COMMANDS[name][1]) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False  # not even its package


@click.group(cls=_Engine, invoke_without_command=True)
@click.option("--model", type=click.Path(path_type=Path), help="Folder of another speech model.")
@click.option(
    "--url", default="", help="Answer at unix:///path, tcp://host:port or tcps://host:port instead."
)
@click.pass_context
def command(context: click.Context, model: Path | None, url: str) -> None:
    """Run the ears until they are stopped, or one of the commands below.

    They load SPEECH__MODEL and answer at SPEECH__EARS_URL, or at a socket under DATA_DIR when
    that is empty. One line is printed when they are ready.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_module.load()
    speech = settings.speech.model_copy(update={"model": model} if model else {})
    tls = server_context(speech.tls_cert, speech.tls_key)
    ears = load_ears(speech)
    asyncio.run(_run(_Serving(ears, url or settings.ears_url, speech, tls)))


def load_ears(speech: SpeechSettings) -> Ears:
    """The recogniser the settings ask for, warmed up.

    Raises:
        ConfigurationError: the model is not there, not complete, or does not run here.
    """
    facts = load_checkpoint(speech.model).facts  # says what is missing before seconds of imports
    if speech.bias and not facts.prompt:
        _log.warning("this model takes no prompt, the bias is not used")
    return Ears(
        speech.model,
        device=speech.device,
        compute_type=speech.compute_type,
        threads=speech.cpu_threads,
        language=speech.language,
        max_batch=speech.max_batch,
        device_index=speech.device_index,
        vram_gb=speech.vram_gb,
        bias=speech.bias,
        blocklist=Path(speech.blocklist) if speech.blocklist else BUILT_IN,
    )


@dataclass(frozen=True, slots=True)
class _Serving:
    ears: Ears
    url: str
    speech: SpeechSettings
    tls: ssl.SSLContext | None


async def _run(what: _Serving) -> None:
    ready = asyncio.Event()
    serving = asyncio.ensure_future(
        serve_ears(
            what.ears,
            what.url,
            token=what.speech.token.get_secret_value(),
            ready=ready,
            tls=what.tls,
            prepare_threads=what.speech.cpu_threads,
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    announcing = asyncio.ensure_future(_announce(what, ready))
    try:
        await serving
    except asyncio.CancelledError:
        return  # asked to stop
    finally:
        announcing.cancel()
        await asyncio.wait({announcing})


async def _announce(what: _Serving, ready: asyncio.Event) -> None:
    await ready.wait()
    ears = what.ears
    demo = ", demonstration model" if ears.checkpoint.facts.demo else ""
    click.echo(f"ears ready: {ears.checkpoint.name} ({ears.language}{demo}) at {what.url}")
