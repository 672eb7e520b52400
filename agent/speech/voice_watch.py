"""Settings of the pool that change while calls go on: ``.env`` is read again when it changed.

On SIGHUP at once, else within half a minute of the file's change. What the environment itself sets
cannot change without a restart, and wins over the file: an address list that should grow belongs in
``.env``.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from agent import settings as settings_module
from agent.errors import ConfigurationError
from agent.speech.voice_chain import VoiceChain

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
ENV_FILE = Path(".env")
"""In the working folder, where the settings are read from."""


async def watch(chain: VoiceChain, *, every_s: float = LOOK_EVERY_S) -> None:
    """Hand changed settings to ``chain`` until cancelled.

    Settings that are wrong, or would need a restart, change nothing; the log says so.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    seen = await asyncio.to_thread(_stamp)
    try:
        while True:
            try:
                async with asyncio.timeout(every_s):
                    await asked.wait()
            except TimeoutError:
                pass
            stamp = await asyncio.to_thread(_stamp)
            if asked.is_set() or stamp != seen:
                asked.clear()
                seen = stamp
                _take_over(chain)
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _take_over(chain: VoiceChain) -> None:
    try:
        chain.configure(settings_module.load())
    except ConfigurationError:
        # Its sentence is for a person: `kural doctor` and every command say it.
        _log.exception("settings not taken over, the old ones stay")


def _stamp() -> tuple[int, int, int] | None:
    """What changes when the file does; None while there is none."""
    try:
        stat = ENV_FILE.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
