"""``kural tickets rotate-key``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.status import Status

from agent.errors import UsageError
from agent.tickets.audit import Person
from agent.tickets.commands.common import DATABASE_UNREADABLE, opened_for_upkeep, person_options
from agent.tickets.database import DatabaseAway
from agent.tickets.keyring import RETIRED_FILE, decode_key
from agent.tickets.rotation import RotationReport, rotate
from agent.tickets.store import TicketStore


@click.command("rotate-key")
@click.option("--key-file", type=click.Path(path_type=Path), help="File with the new key, base64.")
@click.option("--wait", "wait_s", type=float, default=0.0, metavar="SECONDS",
              help="How long to wait for calls that go on.")  # fmt: skip
@click.option("--leave-damaged", is_flag=True, help="Finish although something does not open.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@person_options
def rotate_key_command(
    key_file: Path | None, wait_s: float, leave_damaged: bool, as_json: bool, who: str, reason: str
) -> None:
    """Seal everything with a new key while calls go on; run again to go on where it stopped."""
    person = Person(who, reason)
    fresh = _key_in(key_file) if key_file is not None else None
    store = opened_for_upkeep(reserve=False)
    try:
        with Console(stderr=True).status("Sealing anew") as status:
            report = rotate(
                store, person, fresh=fresh, wait_s=wait_s, leave_damaged=leave_damaged,
                progress=lambda what, done: _show(status, what, done),
            )  # fmt: skip
    except DatabaseAway:
        raise UsageError(
            f"{DATABASE_UNREADABLE} What was begun goes on with the next run."
        ) from None
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        _tell(store, report)
    if not report.finished:
        sys.exit(1)


def _show(status: Status, what: str, done: int) -> None:
    status.update(f"Sealing anew: {what} {done}")


def _key_in(path: Path) -> bytes:
    try:
        return decode_key(path.read_text(encoding="ascii"), f"The key file {path}")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"The key file {path} cannot be read.") from None


def _tell(store: TicketStore, report: RotationReport) -> None:
    click.echo(
        f"{report.rows} rows, {report.journals} journals, {report.files} sound files are under the "
        f"key {report.new_id:02x} now."
    )
    for each in report.unreadable:
        click.echo(f"Does not open, left as it is: {each}", err=True)
    if report.live:
        click.echo(f"{report.live} calls go on: run this again, or with --wait.", err=True)
    elif not report.finished:
        click.echo("The old key stays: mend that, or run with --leave-damaged.", err=True)
    elif store.keyring.from_settings:
        click.echo(
            "When this has run on every machine, set TICKETS__ENCRYPTION_KEY to the new key and "
            "remove TICKETS__ENCRYPTION_KEY_NEXT."
        )
    else:
        click.echo(
            f"The old key is in {RETIRED_FILE}: delete it with the last backup from before today."
        )
