"""The agent's parts for one call: settings the script changes, and the database of its pass."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from agent.errors import TicketError
from agent.tickets.store import TicketStore

if TYPE_CHECKING:
    from agent.callers.beforehand import ChangedSettings
    from agent.settings import Settings
    from agent.wiring import Parts

READY_WITHIN_S = 60.0
"""How long a fresh database may take to make its tables, before anybody is on the line."""
NOBODY_URL = "http://127.0.0.1:9/"
"""A cloud service that never answers: the notice names it, no word is ever sent."""


def changed_settings(settings: Settings, changed: ChangedSettings | None) -> Settings:
    """The settings of the line as a script wants them."""
    if changed is None:
        return settings
    if changed.cloud:
        deepgram = settings.deepgram.model_copy(
            update={"api_key": SecretStr("simulated"), "url": NOBODY_URL}
        )
        cloud = settings.cloud.model_copy(update={"allowed": True})
        settings = settings.model_copy(update={"cloud": cloud, "deepgram": deepgram})
    if changed.election:
        call = settings.call.model_copy(update={"election": True})
        settings = settings.model_copy(update={"call": call})
    return settings


def parts_for(parts: Parts, changed: ChangedSettings | None) -> Parts:
    """The parts of the process with the settings of one call."""
    return replace(parts, settings=changed_settings(parts.settings, changed))


def with_database(settings: Settings, url: str) -> Settings:
    """The same settings on another database."""
    tickets = settings.tickets.model_copy(update={"database_url": SecretStr(url)})
    return settings.model_copy(update={"tickets": tickets})


class Stores:
    """Open ticket stores of a process by database: each pass of a run has its own."""

    def __init__(self, parts: Parts) -> None:
        """Take the parts of the process; their store is the first."""
        _make_ready(parts.store)
        self._parts = {parts.settings.database_url: parts}
        self._first = parts

    def parts(self, url: str | None) -> Parts:
        """The parts on a database; None for the first.

        Raises:
            ConfigurationError: it cannot be used.
        """
        if url is None:
            return self._first
        if url not in self._parts:
            settings = with_database(self._first.settings, url)
            store = TicketStore.from_settings(settings)
            _make_ready(store)
            self._parts[url] = replace(self._first, settings=settings, store=store)
        return self._parts[url]

    def close(self) -> None:
        """Close all of them."""
        for each in self._parts.values():
            each.store.close()


def _make_ready(store: TicketStore) -> None:
    """Make the tables of a fresh database now: a caller waits for no such thing.

    A database that is away stays away; the calls then show what becomes of them.
    """
    with suppress(TicketError):
        store.database.visit(lambda _: None, within_s=READY_WITHIN_S)
        store.top_up()
