"""Calls whose processes are killed at random moments; run by test_crashes.py.

``storm_of_kills.py DATA_DIR KILLS SEED`` forks one process after another. Each takes call after
call and writes every number it was given to ``spoken`` (one append, as a caller would hear it);
each is killed with SIGKILL after a random time. Forking after the imports makes a kill cheap.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from agent.complaint import Call, Category, Complaint, Intent
from agent.tickets.forwarder import replay
from agent.tickets.ledger import CallLedger, TicketStore


def take_calls(data_dir: Path, name: str) -> None:
    """Calls without end; every third process replays while the others' journals lie there."""
    spoken = os.open(data_dir / "spoken", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    turn = 0
    while True:
        turn += 1
        call_id = f"{name}-{turn}"
        ledger = CallLedger.open(store, Call(call_id, datetime.now(UTC)))
        complaints = [
            Complaint(category=Category.WATER, description=f"தண்ணி வரல {index}")
            for index in range(1 + turn % 2)
        ]
        ledger.note(complaints, Intent.COMPLAINT)
        os.write(spoken, f"noted {call_id} {len(complaints)}\n".encode())
        filed = ledger.file(complaints)
        os.write(spoken, f"filed {call_id} {' '.join(filed.numbers)}\n".encode())
        if turn % 3:
            ledger.close("filed", Intent.COMPLAINT, complaints)
        if turn % 4 == 0:
            replay(store)


def main(data_dir: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    for kill in range(kills):
        child = os.fork()
        if child == 0:
            take_calls(data_dir, f"c{kill}")
        time.sleep(chance.uniform(0.01, 0.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
