"""``kural tickets owed``."""

from __future__ import annotations

import json
from typing import Any

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.tickets.calendar import IST
from agent.tickets.commands.common import audit, opened, unmask_options
from agent.tickets.owed import owed, settle_owed


@click.command("owed")
@click.option("--constituency", type=int, metavar="N", help="Only this seat, and what has none.")
@click.option("--done", "done", type=int, metavar="ID", help="This one is done (with --as).")
@unmask_options
def owed_command(
    constituency: int | None, done: int | None, unmask: bool, who: str, reason: str
) -> None:
    """List calls and answers citizens are owed: one JSON object a line, oldest first.

    Reasons: what the caller asked for (human), what went wrong (disk_full, provisional, overload),
    and what is to be done with her data (rights_see, rights_correct, rights_erase).
    """
    if done is not None and (unmask or constituency is not None):
        raise UsageError("--done stands alone with --as WHO.")
    if done is None and not unmask and (who or reason):
        raise UsageError("--as belongs to --done or --unmask: add one, or leave it out.")
    settings = settings_module.load()
    with opened(settings) as store:
        if done is not None:
            row = settle_owed(store, done, who)
            click.echo(f"{done}: {row['reason']} done by {who.strip()}.")
            return
        if unmask:
            ids = [row["id"] for row in owed(store, constituency=constituency)]
            audit(settings, who, reason, {"action": "owed", "ids": ids})
        for row in owed(store, constituency=constituency, unmask=unmask):
            click.echo(json.dumps(_shown(row), ensure_ascii=False))


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    at = row.pop("created_at")
    return {
        "id": row.pop("id"),
        "created": at.isoformat(),
        "created_ist": at.astimezone(IST).isoformat(),
        **row,
    }
