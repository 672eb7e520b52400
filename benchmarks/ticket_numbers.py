"""Two machines, eight processes, one PostgreSQL: does anybody get a number that another has?

Usage: ``python benchmarks/ticket_numbers.py [--numbers 20000] [--processes 8] [--machines 2]``. All
processes take numbers one by one as fast as they can, as calls do, while their machine leases
ahead, in blocks so small that machines reach for the same one all the time; the server is a private
one. Exit 1 when two numbers are equal or one is wrong.
"""

from __future__ import annotations

import argparse
import base64
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from agent.check_digit import is_valid
from agent.observability import logs
from agent.tickets.postgres_server import private_postgres
from agent.tickets.store import TicketStore

KEY = base64.b64encode(bytes(range(32))).decode()
BLOCK = 2
Taken = tuple[str, list[str], float]
"""Machine, its numbers, and the longest wait for one in seconds."""


def take(
    url: str, folder: Path, machine: str, count: int, out: multiprocessing.Queue[Taken]
) -> None:
    """Take numbers as calls of one process do: one, then a look whether the reserve is low."""
    logs.configure("CRITICAL", "text")
    store = TicketStore.open(
        url, data_dir=folder / machine, machine=machine, key=KEY, block_size=BLOCK
    )
    numbers: list[str] = []
    longest_s = 0.0
    for _ in range(count):
        asked = time.perf_counter()
        numbers += store.take_numbers(1)
        longest_s = max(longest_s, time.perf_counter() - asked)
        store.top_up()
    out.put((machine, numbers, longest_s))
    store.close()


def main() -> None:
    """Take them all and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--numbers", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--machines", type=int, default=2)
    given = parser.parse_args()
    each = given.numbers // given.processes
    context = multiprocessing.get_context("spawn")
    out: multiprocessing.Queue[Taken] = context.Queue()
    scratch = tempfile.TemporaryDirectory(prefix="kural-numbers-")
    with scratch as folder, private_postgres() as server:
        began = time.monotonic()
        processes = [
            context.Process(
                target=take,
                args=(server.url_of(), Path(folder), f"m{index % given.machines}", each, out),
            )
            for index in range(given.processes)
        ]
        for process in processes:
            process.start()
        taken = [out.get(timeout=900) for _ in processes]
        for process in processes:
            process.join()
        seconds = time.monotonic() - began
    owners: dict[str, set[str]] = {}
    for machine, numbers, _ in taken:
        owners.setdefault(machine, set()).update(numbers)
    everything = Counter(number for _, numbers, _ in taken for number in numbers)
    twice = [number for number, count in everything.items() if count > 1]
    wrong = [number for number in everything if not is_valid(number)]
    longest_s = max(wait_s for _, _, wait_s in taken)
    shares = ", ".join(f"{name} {len(numbers)}" for name, numbers in sorted(owners.items()))
    print(
        f"{len(everything)} numbers by {len(processes)} processes of {len(owners)} machines "
        f"({shares}) in {seconds:.0f} s, longest wait {longest_s:.2f} s: "
        f"{len(twice)} given twice, {len(wrong)} not valid"
    )
    complete = sum(everything.values()) == each * len(processes)
    sys.exit(0 if complete and not twice and not wrong else 1)


if __name__ == "__main__":
    main()
