"""A call that runs in a process of its own until it is killed; run by test_crashes.py.

``killed_call.py DATA_DIR STAGE [CALL]`` goes through one call, says on standard output which stage
it has reached, and then waits to be killed at STAGE. Every number is printed only after ``file``
returned it, as a caller would hear it. With CALL it goes on with the call of that id.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from agent.complaint import Call, Category, Complaint, Intent
from agent.tickets.ledger import CallLedger, TicketStore

COMPLAINTS = [
    Complaint(category=Category.WATER, name="மீனா", description="தண்ணி வரல"),
    Complaint(category=Category.STREETLIGHT, description="தெரு விளக்கு எரியல"),
]


def main(data_dir: Path, stage: str, broken: str = "") -> None:
    def reached(name: str, *words: str) -> None:
        print(name, *words, flush=True)
        if name == stage:
            time.sleep(60)

    store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    name = f"after-{broken}" if broken else "job-1"
    ledger = CallLedger.open(store, Call(name, datetime.now(UTC), caller="+919500123456"))
    reached("opened")
    if broken:
        assert ledger.act("resume", None, broken)
        reached("resumed")
    ledger.consent(True)
    ledger.note(COMPLAINTS, Intent.COMPLAINT)
    reached("noted")
    filed = ledger.file(COMPLAINTS)
    reached("filed", *filed.numbers)
    assert ledger.act("call_back", filed.numbers[0], "human")
    assert ledger.act("rate", filed.numbers[0], "4")
    reached("acted", *filed.numbers)
    ledger.close("filed", Intent.COMPLAINT, COMPLAINTS)
    reached("closed", *filed.numbers)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
