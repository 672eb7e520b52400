"""What a redispatcher offers over HTTP: LiveKit's webhooks come in, its counts go out.

``POST /webhook`` takes LiveKit's signed events: they only wake the loop, the truth is what the API
lists. ``GET /unserved`` is one JSON object for an autoscaler, ``GET /metrics`` for Prometheus,
``GET /health`` says 200 while LiveKit answers, else 503.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import web
from livekit import api

from agent.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from agent.observability.metrics import Meters
    from agent.scaling.redispatch import Redispatcher
    from agent.settings import Settings

logger = logging.getLogger(__name__)

BODY_BYTES = 256 * 1024
"""Largest event taken; LiveKit's are a few kilobytes."""
_OF_ROOMS = frozenset(
    {
        "room_started",
        "room_finished",
        "participant_joined",
        "participant_left",
        "participant_connection_aborted",
    }
)
"""Events after which the loop looks at once."""


def build_app(dispatcher: Redispatcher, settings: Settings, meters: Meters) -> web.Application:
    """The HTTP side of a redispatcher."""
    receiver = api.WebhookReceiver(
        api.TokenVerifier(
            settings.livekit_api_key.get_secret_value(),
            settings.livekit_api_secret.get_secret_value(),
        )
    )

    async def webhook(request: web.Request) -> web.Response:
        try:
            body = (await request.read()).decode("utf-8")
        except web.HTTPRequestEntityTooLarge:
            return _said(413, f"An event has at most {BODY_BYTES} bytes.")
        except UnicodeDecodeError:
            return _said(400, "An event is UTF-8 text.")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            event = receiver.receive(body, token)
        except Exception:  # noqa: BLE001 -- the library raises Exception itself for a wrong hash
            return _said(401, "This event is not signed with our LiveKit key.")
        if event.event in _OF_ROOMS:
            dispatcher.wake()
        return web.Response(status=200)

    async def unserved(_: web.Request) -> web.Response:
        last = dispatcher.last
        counts = {"unserved": last.unserved, "waiting": last.waiting, "calls": last.calls}
        return web.json_response(counts | {"answers": last.answers})

    async def expose(_: web.Request) -> web.Response:
        return web.Response(
            body=meters.expose(), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    async def health(_: web.Request) -> web.Response:
        if dispatcher.last.answers:
            return _said(200, "OK")
        return _said(503, "LiveKit's API does not answer.")

    app = web.Application(client_max_size=BODY_BYTES)
    app.add_routes([web.post("/webhook", webhook), web.get("/unserved", unserved)])
    app.add_routes([web.get("/metrics", expose), web.get("/health", health)])
    return app


@contextlib.asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve for the time of the block; gives the port, which the system chooses for 0.

    Raises:
        ConfigurationError: the port is taken, or the address is none of this machine.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as exc:
            raise ConfigurationError(
                f"Cannot listen on {host}:{port} ({exc.strerror}): choose another with --listen."
            ) from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def address(text: str) -> tuple[str, int]:
    """HOST:PORT as given on the command line.

    Raises:
        UsageError: it is none.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise UsageError("--listen wants HOST:PORT, for example 127.0.0.1:8090.")
    return host, int(port)


def _said(status: int, sentence: str) -> web.Response:
    return web.Response(status=status, text=sentence + "\n")
