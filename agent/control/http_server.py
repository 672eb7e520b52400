"""The control port of a worker: /health, /ready, /metrics and /drain.

It answers from a thread of its own, so that a worker whose event loop hangs is still told apart
from one that is gone. Everything but ``POST /drain`` is open to whoever reaches the port: counts
and names of parts, nothing of callers.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import hmac
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.control.panel import Panel
    from agent.settings import ControlSettings

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 4096
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_SENTENCES = {
    404: "There are /health, /ready, /metrics and /drain.",
    405: "This address is asked with {allowed}.",
    413: f"The body is larger than {MAX_BODY_BYTES} bytes.",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlServer:
    """Answers on the control port, from :meth:`start` to :meth:`stop`."""

    def __init__(self, settings: ControlSettings, panel: Panel) -> None:
        """Speak for ``panel``; nothing listens yet."""
        self._settings = settings
        self._panel = panel
        self._bound: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run()), name="control", daemon=True
        )

    def start(self) -> int:
        """Listen; returns the port.

        Raises:
            ConfigurationError: the port is taken, or the address is not ours.
        """
        self._thread.start()
        return self._bound.result()

    def stop(self) -> None:
        """Listen no more; returns when the thread has ended."""
        if self._loop is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it ended meanwhile
                self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        runner = web.AppRunner(build_app(self._panel, self._settings), access_log=None)
        await runner.setup()
        watching = asyncio.create_task(self._panel.watch.run())
        try:
            port = await _listen(runner, self._settings.host, self._settings.port)
            logger.info("control port open", extra={"port": port})
            self._bound.set_result(port)
            await self._over.wait()
        except ConfigurationError as exc:
            self._bound.set_exception(exc)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> int:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as exc:
        raise ConfigurationError(
            f"The control port {port} on {host} cannot be opened ({exc.strerror or 'no address'}): "
            "end who uses it, or set CONTROL__PORT and CONTROL__HOST."
        ) from None
    return int(runner.addresses[0][1])


def build_app(panel: Panel, settings: ControlSettings) -> web.Application:
    """The four addresses over a panel."""

    async def health(_request: web.Request) -> web.Response:
        alive = await panel.alive()
        return _answer({"alive": alive}, 200 if alive else 503)

    async def ready(_request: web.Request) -> web.Response:
        missing = await panel.missing()
        facts = {
            "ready": not missing,
            "missing": missing,
            "active_calls": panel.active,
            "capacity": panel.capacity.calls,
            "capacity_source": panel.capacity.source,
            "load": round(panel.load(), 4),
        }
        return _answer(facts, 503 if missing else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await panel.exposition(), headers={"Content-Type": _PROMETHEUS})

    async def drained(_request: web.Request) -> web.Response:
        return _answer(await asyncio.to_thread(panel.state))

    async def drain(request: web.Request) -> web.Response:
        if refusal := _refusal(request, settings):
            return refusal
        if not _is_empty(await request.read()):
            return _sorry(400, "The body of POST /drain must be empty or {}.")
        if not panel.drain():
            return _sorry(503, "The worker has not started yet: try again in a moment.")
        return _answer(await asyncio.to_thread(panel.state))

    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_in_a_sentence])
    app.add_routes(
        [
            web.get("/health", health),
            web.get("/ready", ready),
            web.get("/metrics", metrics),
            web.get("/drain", drained),
            web.post("/drain", drain),
        ]
    )
    return app


def _refusal(request: web.Request, settings: ControlSettings) -> web.Response | None:
    token = settings.token.get_secret_value()
    if not token:
        return _sorry(403, "No CONTROL__TOKEN is set, so only SIGTERM drains this worker.")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode()):
        return _sorry(401, "Send the worker's CONTROL__TOKEN as bearer token.")
    return None


def _is_empty(body: bytes) -> bool:
    try:
        return not body.strip() or json.loads(body) == {}
    except ValueError:
        return False


@web.middleware
async def _in_a_sentence(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Whatever is refused is refused in one sentence, as JSON."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as exc:
        allowed = ", ".join(sorted(exc.allowed_methods))
        refused = _sorry(405, _SENTENCES[405].format(allowed=allowed))
        refused.headers["Allow"] = allowed
        return refused
    except web.HTTPException as exc:
        return _sorry(exc.status, _SENTENCES.get(exc.status, f"{exc.reason}."))
    except Exception as exc:
        logger.exception("control request failed", extra={"error": type(exc).__name__})
        return _sorry(500, "The worker could not answer; its log says why.")


def _answer(facts: object, status: int = 200) -> web.Response:
    return web.json_response(facts, status=status)


def _sorry(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
