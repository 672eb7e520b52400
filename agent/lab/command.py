"""``kural lab``: real calls on this machine, without a telephone company."""

from __future__ import annotations

import importlib
from typing import Final

import click

SUB_COMMANDS: Final = {
    "load": ("agent.lab.load_command", "Call a worker over WebRTC, many at once, and measure."),
    "up": ("agent.lab.up_command", "Start LiveKit, SIP and a worker here, for any softphone."),
}
"""Name -> module that exposes a click command called ``command``, and the line in ``--help``."""


class _Lab(click.Group):
    """Imports a sub-command only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(SUB_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUB_COMMANDS:
            return None
        found: click.Command = importlib.import_module(SUB_COMMANDS[cmd_name][0]).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUB_COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=_Lab)
def command() -> None:
    """Call the real agent through a real LiveKit on this machine."""
