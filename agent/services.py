"""What runs in the worker process beside the calls, for as long as it runs.

The control port first, so that it answers while the rest starts; then ears and voice, the fixed
prompts as sound, and what forwards journals, looks after tickets and sends alerts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from agent.capacity.profile import load_profile
from agent.control.alerts import AlertSender
from agent.control.forwarding import Forwarder
from agent.control.http_server import ControlServer
from agent.control.panel import Panel
from agent.control.supervisor import Supervisor
from agent.control.upkeep import Upkeep
from agent.control.watch import PartsWatch
from agent.recordings import render_fixed_prompts
from agent.wiring import load_scripts

if TYPE_CHECKING:
    from agent.settings import Settings
    from agent.tickets.store import TicketStore

logger = logging.getLogger(__name__)


@contextmanager
def controlled(settings: Settings, store: TicketStore) -> Iterator[Panel]:
    """The panel of a worker, and its control port open, from before its parts are there.

    Raises:
        ConfigurationError: the port is taken, or CAPACITY__PROFILE is wrong.
    """
    capacity = load_profile(settings)
    say = logger.warning if capacity.source == "default" else logger.info
    say("capacity", extra={"calls": capacity.calls, "source": capacity.source})
    panel = Panel(settings, capacity, PartsWatch(settings), store)
    control = ControlServer(settings.control, panel)
    try:
        control.start()
        yield panel
    finally:
        control.stop()
        panel.close()


@contextmanager
def supervised(settings: Settings, store: TicketStore) -> Iterator[None]:
    """Ears, voice, forwarder and upkeep, and the prompts rendered, for as long as we run.

    Raises:
        AgentError: ears or voice do not start.
    """
    with ExitStack() as stack:
        supervisor = Supervisor(settings)
        supervisor.start()
        stack.callback(supervisor.stop)
        _record_prompts(settings)
        for part in (
            Forwarder(store),
            Upkeep(store, settings.retention),
            AlertSender(store, settings.alerts),
        ):
            part.start()
            stack.callback(part.stop)
        yield


def _record_prompts(settings: Settings) -> None:
    """Calls go on without recordings, but every such sentence waits for the voice."""
    for script in load_scripts(settings).values():
        report = asyncio.run(render_fixed_prompts(settings, script))
        facts = {
            "language": script.language,
            "prompts": report.wanted,
            "rendered": report.rendered,
            "missing": len(report.failed),
            "sound_bytes": report.sound_bytes,
        }
        if report.complete:
            logger.info("prompts recorded", extra=facts)
        else:
            logger.error("prompts not recorded", extra=facts)
