"""``kural tickets replay`` and ``check``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.tickets.commands.common import DATABASE_UNREADABLE, opened_for_upkeep
from agent.tickets.database import DatabaseAway, sqlite_file
from agent.tickets.erasure import erase_again
from agent.tickets.forwarder import ReplayReport, check, replay
from agent.tickets.received import replay_received
from agent.tickets.store import TicketStore


@click.command("replay")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="What kural tickets receive has kept in DIR, instead of our own journals.",
)
@click.option(
    "--over", is_flag=True,
    help="With --from: no call is live any more, the machines they come from are gone.",
)  # fmt: skip
def replay_command(as_json: bool, folder: Path | None, over: bool) -> None:
    """Store what journals of ended or crashed calls hold and the database does not."""
    if over and folder is None:
        raise UsageError("--over belongs to --from: our own journals say which calls are live.")
    if folder is not None and not folder.is_dir():
        raise UsageError(f"There is no folder {folder}: give --from the --dir of the receiver.")
    store = _opened(folder)
    try:
        report = replay(store, restore=True) if folder is None else _received(store, folder, over)
        erase_again(store)  # an older copy of the database may have brought it back
    except DatabaseAway:
        raise UsageError(DATABASE_UNREADABLE) from None
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps({**asdict(report), "clean": report.is_clean}, ensure_ascii=False))
    else:
        _say(report, from_others=folder is not None)
    if not report.is_clean:
        sys.exit(1)


def _opened(folder: Path | None) -> TicketStore:
    if folder is None:
        return opened_for_upkeep(reserve=True)
    settings = settings_module.load()
    file = sqlite_file(settings.database_url)
    key = settings.tickets.encryption_key.get_secret_value()
    if file is not None and not file.is_file() and not key:
        raise UsageError(
            "There is neither a ticket database here nor TICKETS__ENCRYPTION_KEY: without the key "
            "of the machines they come from, these journals cannot be read."
        )
    # In place of a database that was lost a new one is made. It leases no numbers before it knows
    # those that were given.
    return TicketStore.from_settings(settings, reserve=False)


def _received(store: TicketStore, folder: Path, over: bool) -> ReplayReport:
    quiet_s = settings_module.load().call.max_call_s
    return replay_received(store, folder, quiet_s=quiet_s, over=over)


def _say(report: ReplayReport, *, from_others: bool) -> None:
    click.echo(
        f"{report.replayed} journals replayed ({report.lost} of lost calls), "
        f"{report.tickets} tickets added, {report.partial} of them partial; "
        f"{report.live} live, {report.torn} torn, {len(report.damaged)} damaged, "
        f"{len(report.waiting)} waiting; {report.restored} calls restored; "
        f"{report.refused} acts of callers not allowed any more."
    )
    for sentence in report.damaged:
        click.echo(sentence, err=True)
    for name, why in report.waiting.items():
        click.echo(f"{name}: {why}", err=True)
    if from_others and report.live:
        click.echo(
            "Calls that may be live keep their journals; what they were promised is stored. When "
            "their machine is gone, add --over.",
            err=True,
        )


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def check_command(as_json: bool) -> None:
    """Compare journals and database; exit 1 when a ticket is missing or something is damaged."""
    store = opened_for_upkeep(reserve=False)
    try:
        report = check(store)
    except DatabaseAway:
        raise UsageError(DATABASE_UNREADABLE) from None
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps({**asdict(report), "clean": report.is_clean}, ensure_ascii=False))
    else:
        click.echo(
            f"{report.tickets} tickets in the database, {report.unreadable} unreadable; "
            f"{report.journals} journals compared, {report.live} live, {report.waiting} waiting, "
            f"{report.torn} torn; {len(report.missing)} tickets missing, "
            f"{len(report.undone)} acts undone, {len(report.damaged)} journals damaged."
        )
        if report.missing:
            click.echo(f"Missing: {', '.join(report.missing)}. Run: kural tickets replay", err=True)
        if report.undone:
            click.echo(f"Undone: {', '.join(report.undone)}. Run: kural tickets replay", err=True)
        for sentence in report.damaged:
            click.echo(sentence, err=True)
    if not report.is_clean:
        sys.exit(1)
