"""``kural tickets``: what staff and operators do with tickets; a module each under ``commands``."""

from __future__ import annotations

import click

from agent.tickets.commands.audit import audit_command
from agent.tickets.commands.backup import backup_command, restore_command
from agent.tickets.commands.erase import correct_command, erase_command, withdraw_command
from agent.tickets.commands.export import export_command
from agent.tickets.commands.owed import owed_command
from agent.tickets.commands.receive import receive_command
from agent.tickets.commands.registry import lines_command, migrate_command, seats_command
from agent.tickets.commands.retain import retain_command
from agent.tickets.commands.rotate_key import rotate_key_command
from agent.tickets.commands.search import search_command
from agent.tickets.commands.show import show_command
from agent.tickets.commands.status import (
    clusters_command,
    escalate_command,
    note_command,
    reclassify_command,
    status_command,
)
from agent.tickets.commands.upkeep import check_command, replay_command


@click.group()
def command() -> None:
    """Tickets: work on them, export them, prove that none is missing, keep their database."""


for each in (
    export_command,
    show_command,
    status_command,
    note_command,
    reclassify_command,
    escalate_command,
    clusters_command,
    replay_command,
    check_command,
    backup_command,
    restore_command,
    receive_command,
    migrate_command,
    lines_command,
    seats_command,
    search_command,
    owed_command,
    audit_command,
    erase_command,
    correct_command,
    withdraw_command,
    retain_command,
    rotate_key_command,
):
    command.add_command(each)
