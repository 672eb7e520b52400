"""``kural``: one sub-command a part, each imported only when it is called.

Errors a user can mend are one sentence on stderr with exit code 2; everything else that goes
wrong on purpose (:class:`~agent.errors.AgentError`) is one sentence with exit code 1. Output is
UTF-8 whatever the locale says: Tamil under ``LANG=C`` is no reason to fail.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import select
import sys
from collections.abc import Sequence
from typing import Any

import click

from agent.errors import AgentError, UsageError
from agent.observability import logs, telemetry

COMMANDS: dict[str, tuple[str, str]] = {
    "call": ("agent.callers.command", "Play recorded or scripted callers and grade their tickets."),
    "capacity": ("agent.lab.capacity_command", "Measure how many calls this machine carries."),
    "doctor": ("agent.doctor", "Check this machine and every configured service."),
    "engine": ("agent.speech.ears_command", "Run the ears: speech recognition for all calls."),
    "lab": ("agent.lab.command", "Call the real agent through a real LiveKit on this machine."),
    "listen": ("agent.speech.listen_command", "Write down what is said in recordings."),
    "overload": (
        "agent.overload.command",
        "Answer calls while the line is full: a call-back by key.",
    ),
    "prompts": ("agent.prompts_command", "Render or check the fixed prompts."),
    "redispatch": (
        "agent.scaling.redispatch_command",
        "Send agents again to calls that found none.",
    ),
    "say": ("agent.speech.say_command", "Speak a text into a WAV file."),
    "scale": ("agent.scaling.command", "Plan machines and money: what the line costs."),
    "tickets": ("agent.tickets.command", "Work on tickets, export, replay and check them."),
    "understand": ("agent.understanding.command", "Show what a caller's sentence means."),
    "voice": ("agent.speech.voice_command", "Run the voice process, or ask how it is."),
}
"""Name -> module that exposes a click command called ``command``, and the line in ``--help``."""

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_INTERRUPTED = 130  # 128 + SIGINT, as shells count
_BROKEN_PIPE = 141  # 128 + SIGPIPE, likewise


class Kural(click.Group):
    """A group that knows its commands by name and imports one only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module behind a name; None when there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, so that ``--help`` imports none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run the command line with streams and arguments read as UTF-8."""
        _force_utf8()
        telemetry.refuse()
        return super().main(_arguments() if args is None else args, *rest, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command and turn its errors into a sentence and an exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except AgentError as exc:
            click.echo(f"kural: {exc}", err=True)
            ctx.exit(2 if isinstance(exc, UsageError) else 1)
        except BrokenPipeError:
            if _reader_is_gone():
                _drop_output()
                ctx.exit(_BROKEN_PIPE)
            click.echo("kural: another process ended the connection; try again.", err=True)
            ctx.exit(1)
        except OSError as exc:
            if exc.filename is None and exc.errno in _DISK_FULL:
                _drop_output()
                click.echo(f"kural: the output cannot be written: {exc.strerror}.", err=True)
                ctx.exit(1)
            if exc.filename is None:
                raise
            click.echo(f"kural: cannot use {exc.filename!s}: {exc.strerror}.", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)
        return result


@click.group(cls=Kural, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--log-level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    help="Least log level written to stderr  [default: LOG__LEVEL if set, else WARNING].",
)
@click.version_option(package_name="kural", prog_name="kural")
def main(log_level: str | None) -> None:
    """Kural: a phone line that turns spoken Tamil complaints into tickets."""
    from agent import settings

    chosen = settings.load().log
    asked = chosen.model_fields_set
    level = log_level or (chosen.level if "level" in asked else "WARNING")
    readable: logs.LogFormat = "text" if sys.stderr.isatty() else "json"
    logs.configure(level.upper(), chosen.format if "format" in asked else readable)


def _arguments() -> list[str]:
    # Under a C locale without UTF-8 mode the bytes of an argument arrive as surrogates.
    return [os.fsencode(one).decode("utf-8", "surrogateescape") for one in sys.argv[1:]]


def _force_utf8() -> None:
    for stream, errors in (
        (sys.stdin, "strict"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def _reader_is_gone() -> bool:
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in watch.poll(0))


def _drop_output() -> None:
    """Let the interpreter flush into nothing at exit: the reader (``head``) has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
