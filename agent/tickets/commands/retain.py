"""``kural tickets retain``."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.tickets.commands.common import DATABASE_UNREADABLE, opened_for_upkeep
from agent.tickets.database import DatabaseAway
from agent.tickets.retention import keep_only_what_is_needed


@click.command("retain")
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def retain_command(dry_run: bool, as_json: bool) -> None:
    """Let go of personal data that was kept as long as the settings RETENTION__... say."""
    settings = settings_module.load()
    store = opened_for_upkeep(reserve=False)
    try:
        now = datetime.now(UTC)
        report = keep_only_what_is_needed(store, settings.retention, now, dry_run=dry_run)
    except DatabaseAway:
        raise UsageError(f"{DATABASE_UNREADABLE} What is left goes with the next run.") from None
    except OSError as exc:
        raise UsageError(f"A file under DATA_DIR cannot be deleted ({exc.strerror}).") from None
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps({**asdict(report), "dry_run": dry_run}))
        return
    verb = "would go" if dry_run else "went"
    click.echo(
        f"{report.tickets} tickets, {report.callers} numbers of calls, {report.callbacks} of "
        f"call-backs, {report.messages} messages, {report.voice_notes} voice notes, "
        f"{report.recordings} recordings, {report.journals} journals {verb}."
    )
