"""``kural tickets receive``."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import click

from agent import settings as settings_module
from agent.observability import logs
from agent.tickets.receiver import Bind, JournalReceiver, parse_bind, serve


@click.command("receive")
@click.option("--bind", default="127.0.0.1:8090", metavar="HOST:PORT", help="Where to listen.")
@click.option(
    "--dir", "folder", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="Folder the journals are kept in.",
)  # fmt: skip
def receive_command(bind: str, folder: Path) -> None:
    """Take the journals of calls on other machines, whose disks may vanish, until stopped.

    Writers name this machine in TICKETS__RECEIVER_URL; both sides have TICKETS__RECEIVER_TOKEN.
    ``kural tickets replay --from DIR`` brings what was received into the database.
    """
    settings = settings_module.load()
    token = settings.tickets.receiver_token.get_secret_value()
    address = parse_bind(bind, token)
    logs.configure(settings.log.level, settings.log.format)
    asyncio.run(_until_stopped(JournalReceiver(folder), address, token))


async def _until_stopped(receiver: JournalReceiver, bind: Bind, token: str) -> None:
    def started(port: int) -> None:
        host = f"[{bind.host}]" if ":" in bind.host else bind.host
        click.echo(f"Journals are received at http://{host}:{port} and kept in {receiver.folder}.")

    serving = asyncio.ensure_future(serve(receiver, bind, token, started))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving
