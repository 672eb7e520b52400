"""``kural redispatch``: sends agents again to calls that found none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from agent import settings as settings_module
from agent.errors import ConfigurationError, LiveKitAway, UsageError
from agent.observability.metrics import Meters
from agent.scaling.livekit_rooms import LiveKitRooms
from agent.scaling.redispatch import Acted, Redispatcher
from agent.scaling.unserved import Rules
from agent.scaling.webhooks import address, build_app, listening

if TYPE_CHECKING:
    from agent.settings import Settings


@click.command()
@click.option("--once", is_flag=True, help="Look once, do what is due, and end.")
@click.option("--listen", default="", metavar="HOST:PORT", help="Take LiveKit's webhooks here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a dispatch, for programs.")
def command(once: bool, listen: str, as_json: bool) -> None:
    """Send agents again to calls that found none, while the phone still rings.

    A caller without an agent for 3 s gets the agent dispatched again, after 12 s the overload
    agent. LiveKit is asked every 2 s while there are calls, every 10 s else, and at once after a
    webhook (http://HOST:PORT/webhook). May run on several machines at once. Ctrl-C ends it.
    """
    settings = settings_module.load()
    check(settings)
    if once and listen:
        raise UsageError("--once looks once, so nothing can be listened to: give one of the two.")
    where = address(listen) if listen else None
    if once:
        asyncio.run(_once(settings, as_json=as_json))
    else:
        asyncio.run(_run(settings, where, as_json=as_json))


def check(settings: Settings) -> None:
    """Whether LiveKit can be asked at all.

    Raises:
        ConfigurationError: an address or key is missing, or no address.
    """
    given = {
        "LIVEKIT_URL": settings.livekit_url,
        "LIVEKIT_API_KEY": settings.livekit_api_key.get_secret_value(),
        "LIVEKIT_API_SECRET": settings.livekit_api_secret.get_secret_value(),
    }
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise ConfigurationError(
            f"LiveKit cannot be asked without {', '.join(missing)}. See secrets.example.txt."
        )
    if not settings.livekit_url.startswith(("ws://", "wss://", "http://", "https://")):
        raise ConfigurationError("LIVEKIT_URL is written like wss://livekit.example.org.")


async def _once(settings: Settings, *, as_json: bool) -> None:
    async with LiveKitRooms(settings) as rooms:
        dispatcher = Redispatcher(rooms, _rules(settings), report=_print if as_json else None)
        looked = await dispatcher.once()
    if not looked.answers:
        raise LiveKitAway("LiveKit does not answer: is LIVEKIT_URL right, and does it run?")
    if not as_json:
        click.echo(
            f"{looked.calls} calls, {looked.waiting} without an agent, {looked.unserved} of them "
            "for more than 3 s."
        )


async def _run(settings: Settings, where: tuple[str, int] | None, *, as_json: bool) -> None:
    meters = Meters()
    async with contextlib.AsyncExitStack() as stack:
        rooms = await stack.enter_async_context(LiveKitRooms(settings))
        dispatcher = Redispatcher(
            rooms, _rules(settings), meters=meters, report=_print if as_json else None
        )
        if where is not None:
            app = build_app(dispatcher, settings, meters)
            port = await stack.enter_async_context(listening(app, *where))
            click.echo(f"Webhooks at http://{where[0]}:{port}/webhook", err=True)
        loop = asyncio.create_task(dispatcher.run())
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(one, loop.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await loop


def _rules(settings: Settings) -> Rules:
    return Rules(overload=settings.livekit.overload_calls > 0)


def _print(acted: Acted) -> None:
    click.echo(json.dumps(asdict(acted)))
