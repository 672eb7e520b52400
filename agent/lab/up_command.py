"""``kural lab up``: the whole line on this machine, for anybody with a softphone."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from agent import settings as settings_module
from agent.errors import UsageError
from agent.lab.ports import LOOPBACK
from agent.lab.server_process import ServerFailed, ServerProcess, ToolMissing
from agent.lab.stack import NUMBERS, Stack, missing_tools
from agent.lab.worker_process import LabWorker

_NUMBER = re.compile(r"(\+[1-9][0-9]{6,14})(?:=([1-9][0-9]{0,2}))?")
_WATCH_S = 0.5
_LONGEST_FOLDER = 80
"""Bytes; under it sockets are made, whose paths Linux keeps below 108."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a person needs who wants to call."""

    dial: tuple[str, ...]
    """SIP addresses that reach the agent."""
    livekit_url: str
    environment_file: str
    """File with LIVEKIT_URL and its keys, for LiveKit's own tools."""
    folder: str
    """DATA_DIR of the worker: tickets, journals, logs."""


@click.command()
@click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="NUMBER[=SEAT]",
    help="A number to dial, like +914400000001, and the constituency it belongs to; repeatable.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where tickets, journals and logs are kept  [default: a new temporary folder].",
)
@click.option("--calls", default="2", show_default=True, help="Calls taken at once.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object when calls are taken.")
def command(numbers: tuple[str, ...], folder: Path | None, calls: str, as_json: bool) -> None:
    """Start LiveKit, SIP and a worker here, and print which numbers to dial.

    Everything listens on loopback only and ends with Ctrl-C; tickets stay in the folder. Your
    settings hold, but for database, alerts and second machine. Unless they name another speech
    model, the demo model listens, which knows a synthetic voice only: press keys.
    """
    seats = _seats(numbers)
    if not calls.isdecimal() or not 1 <= int(calls) <= 100:
        raise UsageError("--calls must be a whole number from 1 to 100.")
    missing = missing_tools()
    if missing:
        raise ToolMissing(f"Not installed: {', '.join(missing)}. Run .ci/run, which installs them.")
    place = (folder or Path(tempfile.mkdtemp(prefix="kural-lab-"))).resolve()
    if len(str(place).encode()) > _LONGEST_FOLDER:
        raise UsageError(f"--folder is too long: {_LONGEST_FOLDER} letters at most.")
    asyncio.run(_until_stopped(seats, place, int(calls), as_json))


def _seats(numbers: tuple[str, ...]) -> dict[str, int | None]:
    """Number -> seat, as typed."""
    seats: dict[str, int | None] = {}
    for typed in numbers or NUMBERS:
        found = _NUMBER.fullmatch(typed)
        if found is None:
            raise UsageError(f"--number {typed}: write it like +914400000001 or +914400000001=18.")
        if found[1] in seats:
            raise UsageError(f"--number {found[1]} is there twice.")
        seats[found[1]] = int(found[2]) if found[2] else None
    return seats


async def _until_stopped(
    seats: Mapping[str, int | None], folder: Path, calls: int, as_json: bool
) -> None:
    """Run until Ctrl-C, SIGTERM, or the end of a server."""
    loop, ours = asyncio.get_running_loop(), asyncio.current_task()
    assert ours is not None  # noqa: S101 - a coroutine runs in a task
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ours.cancel)
    try:
        await _run(seats, folder, calls, as_json)
    except asyncio.CancelledError:
        if not as_json:
            click.echo(f"\nEverything has ended; the tickets are in {folder}.")


async def _run(seats: Mapping[str, int | None], folder: Path, calls: int, as_json: bool) -> None:
    if not as_json:
        click.echo("Starting Redis, LiveKit, LiveKit SIP and the worker ...")
    async with Stack(folder / "servers", numbers=tuple(seats)) as stack:
        worker = LabWorker(folder, settings_module.load(), stack.environment(), capacity=calls)
        await asyncio.to_thread(worker.enter_lines, _new_lines(worker, seats))
        async with worker:
            line = _line(stack, worker, folder)
            click.echo(json.dumps(asdict(line)) if as_json else _told(line, stack))
            servers = (stack.server("redis"), stack.server("livekit"), stack.server("sip"))
            await _watch((*servers, worker.process))


def _new_lines(worker: LabWorker, seats: Mapping[str, int | None]) -> dict[str, int | None]:
    """The numbers that are to belong to a seat; one that belongs to none needs no entry."""
    return {number: seat for number, seat in seats.items() if seat is not None}


def _line(stack: Stack, worker: LabWorker, folder: Path) -> Line:
    file = folder / "livekit.env"
    file.touch(mode=0o600)
    variables = stack.environment().items()
    file.write_text("".join(f"{name}={value}\n" for name, value in variables), encoding="utf-8")
    dial = tuple(f"sip:{number}@{LOOPBACK}:{stack.sip_port}" for number in stack.numbers)
    return Line(dial, stack.url, str(file), str(worker.settings.data_dir))


def _told(line: Line, stack: Stack) -> str:
    dial = "\n".join(f"  {address}" for address in line.dial)
    return (
        f"Calls are taken. Dial, without an account, from any softphone on this machine:\n{dial}\n"
        "  (UDP or TCP, no registration, G.711; keys as RTP events)\n"
        f"Tickets:    DATA_DIR={line.folder} kural tickets export --format csv --out tickets.csv\n"
        f"LiveKit:    {line.livekit_url}, keys in {line.environment_file}\n"
        f"Logs:       {stack.folder.parent}/worker.log, {stack.folder}/*.log\n"
        "Ctrl-C ends everything."
    )


async def _watch(servers: tuple[ServerProcess, ...]) -> None:
    """Go on for as long as all of them live.

    Raises:
        ServerFailed: one has ended; its last words are told.
    """
    while True:
        for server in servers:
            if not server.alive:
                raise ServerFailed(f"{server.name} has ended: {server.last_words()}")
        await asyncio.sleep(_WATCH_S)
