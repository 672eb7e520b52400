"""``kural tickets backup`` and ``restore``."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from agent.errors import UsageError
from agent.tickets import backup, backup_postgres
from agent.tickets.commands.common import load_settings, opened
from agent.tickets.database import is_shared, sqlite_file
from agent.tickets.drill import DrillReport, drill

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("backup")
@click.option("--to", "target", type=_FOLDER, required=True, help="Folder that holds the backups.")
@click.option("--keep", type=click.IntRange(0), default=0, help="Delete all but the newest N.")
@click.option(
    "--follow",
    is_flag=True,
    help="PostgreSQL: after the copy go on receiving every change, until stopped.",
)
def backup_command(target: Path, keep: int, follow: bool) -> None:
    """Copy database, journals, numbers and voice notes while calls go on; never the key."""
    settings = load_settings()
    if is_shared(settings.database_url):
        receiver = backup_postgres.follow(settings.database_url, target) if follow else None
        try:
            folder = backup_postgres.back_up(settings.database_url, target)
        except UsageError:
            if receiver is not None:
                receiver.terminate()
            raise
    else:
        if follow:
            raise UsageError("--follow is for PostgreSQL: run the backup of SQLite by a timer.")
        file = sqlite_file(settings.database_url)
        if file is None:
            raise UsageError("This database has no file that could be copied.")
        receiver = None
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as shown:
            task = shown.add_task("copying", total=1.0)
            folder = backup.back_up(
                file, settings.data_dir, target,
                progress=lambda what, part: shown.update(task, description=what, completed=part),
            )  # fmt: skip
    manifest = backup.read_manifest(folder)
    size = sum(size for size, _ in manifest.files.values()) / 1e6
    click.echo(f"{folder}: {manifest.tickets} tickets, {len(manifest.files)} files, {size:.1f} MB")
    for gone in backup.thin_out(target, keep):
        click.echo(f"{gone}: deleted", err=True)
    if receiver is not None:
        signal.signal(signal.SIGTERM, lambda *_: receiver.terminate())
        click.echo(f"receiving changes into {target / backup_postgres.WAL}; stop with Ctrl-C")
        try:
            code = receiver.wait()
        except KeyboardInterrupt:
            receiver.terminate()
            code = receiver.wait()
        if code > 0:
            raise UsageError("pg_receivewal ended by itself: look at what it said, start again.")


@click.command("restore")
@click.option("--from", "folder", type=_FOLDER, required=True, help="One backup.")
@click.option(
    "--drill",
    "is_drill",
    is_flag=True,
    help="Restore elsewhere, compare with the live database, and remove it again.",
)
@click.option("--to", "target", type=_FOLDER, help="Data folder without a database; else DATA_DIR.")
@click.option("--postgres-data", type=_FOLDER, help="PostgreSQL: empty data folder of a server.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object (with --drill).")
def restore_command(
    folder: Path, is_drill: bool, target: Path | None, postgres_data: Path | None, as_json: bool
) -> None:
    """Put a backup back where nothing is, or try that out beside the live database (--drill)."""
    settings = load_settings()
    if is_drill:
        if target or postgres_data:
            raise UsageError("A drill chooses its place itself: leave --to away.")
        with opened(settings) as store:
            report = drill(folder, store)
        click.echo(json.dumps(asdict(report)) if as_json else _said(report))
        if not report.is_whole:
            sys.exit(1)
        return
    if postgres_data is not None:
        manifest = backup_postgres.restore(folder, postgres_data)
        click.echo(
            f"{postgres_data}: {manifest.tickets} tickets or more; start PostgreSQL on it as the "
            "user that owns it, then run kural tickets replay on every machine."
        )
        return
    where = target or settings.data_dir
    manifest = backup.restore(folder, where)
    click.echo(
        f"{where}: {manifest.tickets} tickets of {manifest.made_at}. Put the key there "
        "(secret.key, or TICKETS__ENCRYPTION_KEY), then run kural tickets replay."
    )


def _said(report: DrillReport) -> str:
    lost = f"{len(report.missing)} missing" if report.missing else "none missing"
    return (
        f"{report.restored} of {report.live} tickets restored, {lost}, {report.changed} changed; "
        f"RTO {report.rto_s:.1f} s, RPO {report.rpo_s:.0f} s"
    )
