"""``kural tickets replay`` and ``check``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from agent.errors import UsageError
from agent.tickets.commands.common import DATABASE_UNREADABLE, opened_for_upkeep
from agent.tickets.database import DatabaseAway
from agent.tickets.forwarder import check, replay


@click.command("replay")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def replay_command(as_json: bool) -> None:
    """Store what journals of ended or crashed calls hold and the database does not."""
    store = opened_for_upkeep(reserve=True)
    try:
        report = replay(store, restore=True)
    except DatabaseAway:
        raise UsageError(DATABASE_UNREADABLE) from None
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps({**asdict(report), "clean": report.is_clean}, ensure_ascii=False))
    else:
        click.echo(
            f"{report.replayed} journals replayed ({report.lost} of lost calls), "
            f"{report.tickets} tickets added, {report.partial} of them partial; "
            f"{report.live} live, {report.torn} torn, {len(report.damaged)} damaged, "
            f"{len(report.waiting)} waiting; {report.restored} calls restored."
        )
        for sentence in report.damaged:
            click.echo(sentence, err=True)
        for name, why in report.waiting.items():
            click.echo(f"{name}: {why}", err=True)
    if not report.is_clean:
        sys.exit(1)


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
            f"{len(report.damaged)} journals damaged."
        )
        if report.missing:
            click.echo(f"Missing: {', '.join(report.missing)}. Run: kural tickets replay", err=True)
        for sentence in report.damaged:
            click.echo(sentence, err=True)
    if not report.is_clean:
        sys.exit(1)
