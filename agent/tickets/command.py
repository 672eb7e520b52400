"""``kural tickets``: what staff and operators do with tickets; a module each under ``commands``."""

from __future__ import annotations

import click

from agent.tickets.commands.export import export_command
from agent.tickets.commands.show import show_command
from agent.tickets.commands.upkeep import check_command, replay_command


@click.group()
def command() -> None:
    """Tickets: export, show, replay what a crash left behind, check that nothing is missing."""


for each in (export_command, show_command, replay_command, check_command):
    command.add_command(each)
