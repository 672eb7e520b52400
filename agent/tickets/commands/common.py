"""What the ticket commands share: opening the store, saying who looks and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from agent import settings as settings_module
from agent.check_digit import NUMBER_DIGITS, is_valid
from agent.errors import UsageError
from agent.settings import Settings
from agent.tickets.audit import Person, record_access, take_over
from agent.tickets.database import Database, DatabaseAway, open_engine, sqlite_file
from agent.tickets.store import WITHIN_S, TicketStore

DATABASE_UNREADABLE = "The ticket database cannot be read: check TICKETS__DATABASE_URL."


def load_settings() -> Settings:
    """The settings of this process."""
    return settings_module.load()


def person_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add --as and --reason, both required, to a command that changes personal data."""
    for option in (
        click.option("--reason", required=True, help="Why; written down."),
        click.option("--as", "who", required=True, help="Who does it; written down."),
    ):
        function = option(function)
    return function


def unmask_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add --unmask, --as and --reason to a command."""
    for option in (
        click.option("--reason", default="", help="Why (with --unmask)."),
        click.option("--as", "who", default="", help="Who looks (with --unmask)."),
        click.option("--unmask", is_flag=True, help="Names and phone numbers in full; audited."),
    ):
        function = option(function)
    return function


@contextmanager
def opened(settings: Settings) -> Iterator[TicketStore]:
    """The store, for reading; anything wrong with the database is one sentence."""
    file = sqlite_file(settings.database_url)
    if file is not None and not file.is_file():
        raise UsageError(f"There is no ticket database at {file}: check DATA_DIR.")
    store = TicketStore.from_settings(settings, reserve=False)
    try:
        with suppress(DatabaseAway):  # reading works where nothing can be written
            store.database.visit(lambda _: None, within_s=WITHIN_S)  # a new one gets its tables
        yield store
    except SQLAlchemyError:
        raise UsageError(DATABASE_UNREADABLE) from None
    finally:
        store.close()


def opened_for_upkeep(*, reserve: bool) -> TicketStore:
    """The store for replay and check; a DATA_DIR that holds nothing of ours is a slip."""
    settings = settings_module.load()
    file = sqlite_file(settings.database_url)
    if file is not None and not file.is_file() and not settings.journal_dir.is_dir():
        raise UsageError(f"There is no ticket database at {file} and no journal: check DATA_DIR.")
    return TicketStore.from_settings(settings, reserve=reserve)


def audit(settings: Settings, who: str, reason: str, facts: dict[str, Any]) -> None:
    """Write down who is about to see personal data, before anything is shown.

    Args:
        settings: name the database.
        who: as the person gave it.
        reason: the same.
        facts: ``action``, and which rows.

    Raises:
        UsageError: nobody or no reason is named, or it cannot be written down.
    """
    if not who.strip() or not reason.strip():
        raise UsageError("--unmask needs --as WHO and --reason WHY: both are written down.")
    action = facts.get("action", "")
    about = {name: value for name, value in facts.items() if name != "action"}
    database = Database(open_engine(settings.database_url))
    try:
        take_over(database, settings.data_dir)
        record_access(database, Person(who, reason), action, about)
    finally:
        database.close()


def ticket_number(number: str) -> str:
    """The nine digits of a ticket number as somebody wrote it.

    Raises:
        UsageError: it is none.
    """
    digits = re.sub(r"[\s-]", "", number)
    if not is_valid(digits):
        raise UsageError(
            f"{number} is not a ticket number: it has {NUMBER_DIGITS} digits and the last one "
            "checks the others, so look for a slip."
        )
    return digits
