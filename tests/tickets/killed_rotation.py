"""Changes keys in a process that is killed; run by test_rotation.py.

``killed_rotation.py DATA_DIR KILLS SEED``: forks one process after another, each goes on with the
change of keys (or begins another when it is finished) and is killed after a random time; beside
them a process takes calls without end. After every kill a fresh look at everything that is stored
must find all of it readable; prints how many changes were finished.
"""

from __future__ import annotations

import base64
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from agent.complaint import Call, Category, Complaint, Intent
from agent.tickets.audit import Person
from agent.tickets.forwarder import check, replay
from agent.tickets.journal import read_journal
from agent.tickets.ledger import CallLedger, TicketStore
from agent.tickets.repository import Search
from agent.tickets.rewriting import journals
from agent.tickets.rotation import rotate
from agent.tickets.story import StoryLines
from agent.tickets.voice_notes import VoiceNotes

PERSON = Person("operator", "yearly")


def opened(data_dir: Path) -> TicketStore:
    return TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)


def take_calls(data_dir: Path, *, count: int | None, pause_s: float = 0.0) -> None:
    store = opened(data_dir)
    turn = 0
    while count is None or turn < count:
        turn += 1
        call_id = f"c{os.getpid()}-{turn}"
        call = Call(call_id, datetime.now(UTC), caller=f"+9195001{turn:05}")
        ledger = CallLedger.open(store, call)
        told = [Complaint(category=Category.WATER, name="மீனா", phone=f"95001{turn:05}",
                          description=f"தண்ணி வரல {turn}")]  # fmt: skip
        ledger.note(told, Intent.COMPLAINT)
        ledger.file(told)
        ledger.close("filed", Intent.COMPLAINT, told)
        VoiceNotes(data_dir, store.cipher).keep(call_id, 1, bytes(320))
        time.sleep(pause_s)
    store.close()


def change(data_dir: Path) -> None:
    store = opened(data_dir)
    while True:
        report = rotate(store, PERSON, wait_s=5, settle_s=0.1)
        if report.finished:
            with (data_dir / "finished").open("a") as file:
                file.write(f"{report.new_id:02x}\n")


def look(data_dir: Path) -> int:
    """Open everything there is; returns how many tickets."""
    store = opened(data_dir)
    report = check(store)
    assert not report.unreadable, report
    assert not report.missing, report
    assert not report.damaged, report
    tickets = list(store.repository.search(unmask=True))
    assert all(ticket.name == "மீனா" and ticket.phone for ticket in tickets)
    stored = {call.id for call in store.repository.calls()}  # a call's row comes when it is over
    for each in tickets[:: max(1, len(tickets) // 20)]:
        assert each.phone is not None
        found = {call.id for call in store.repository.calls(caller="+91" + each.phone)}
        assert each.call_id in found or each.call_id not in stored, each.call_id
        assert each in store.repository.search(Search(phone=each.phone), unmask=True)
    for path in journals(store.journal_dir):
        try:
            reading = read_journal(path)
        except FileNotFoundError:
            continue  # its call has just ended, and it lies among those that are done
        if reading.lines:
            StoryLines(reading.lines[0].call_id, store.cipher).retell(reading.lines)
    notes = VoiceNotes(data_dir, store.cipher)
    assert all(len(notes.read(path)) == 320 for path in notes.all())
    store.close()
    return len(tickets)


def main(data_dir: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    take_calls(data_dir, count=60)
    (data_dir / "finished").touch()
    first = base64.b64decode((data_dir / "secret.key").read_bytes())
    calls = os.fork()
    if calls == 0:
        take_calls(data_dir, count=None, pause_s=0.05)
    try:
        for kill in range(kills):
            child = os.fork()
            if child == 0:
                change(data_dir)
            time.sleep(chance.uniform(0.02, 0.9))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            tickets = look(data_dir)
            print(f"kill {kill}: {tickets} tickets readable", flush=True)
        assert os.waitpid(calls, os.WNOHANG) == (0, 0), "the process that takes calls has ended"
    finally:
        os.kill(calls, signal.SIGKILL)
        os.waitpid(calls, 0)
    store = opened(data_dir)
    replay(store)  # the last call was killed too
    assert rotate(store, PERSON, settle_s=0.1).finished or rotate(store, PERSON).finished
    kept = (data_dir / "secret.key").read_text().split()
    assert len(kept) == 1
    assert base64.b64decode(kept[0]) != first
    print(f"finished {len((data_dir / 'finished').read_text().split())}", flush=True)
    print(f"tickets {look(data_dir)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
