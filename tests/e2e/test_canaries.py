"""Words nobody says by chance go through a whole life of calls; then everything left is searched.

Typed calls through the real agent, one filed and one cut off, a voice note, replay, work on the
ticket, a masked export, a copy as backup, a change of keys: no file under DATA_DIR and no line of
the log may hold a canary, in UTF-8, UTF-16, base64, hexadecimal or JSON escapes.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.complaint import Call, Category, Complaint, Intent
from agent.conversation.flow import opening
from agent.conversation.script import Script
from agent.settings import PROJECT_DIR
from agent.tickets.casework import Casework
from agent.tickets.ledger import CallLedger
from agent.tickets.models import TicketStatus
from agent.tickets.names import load_names
from agent.tickets.store import TicketStore
from agent.tickets.voice_notes import VoiceNotes
from tests.e2e.conftest import run_kural

WORDS = ("கெவுளிப்பூச்சாண்டி", "zqxcanary", "நொண்டிக்குதிரைவால்", "வெட்டுக்கிளிமண்டபம்")
"""Of the stories, the landmark and the note of the office."""
NAMES = ("செரபினாவதி", "Zerafinavadhi")
PHONES = ("9842113576", "98421 13576", "9876501234", "+919876501234")
SPOKEN = ("ஒம்பது எட்டு நாலு ரெண்டு ஏழு ஆறு", "ஒன்பது எட்டு நாலு ரெண்டு")
SOUND = b"canary of sound " * 400

SCRIPT: dict[str, Any] = {
    "id": "C01", "persona": "canary", "dialect": "Kongu", "channel": "mobile",
    "caller_turns_ta": [
        "சரி",
        f"எங்க தெருவுல அஞ்சு நாளா குடிதண்ணி வரல {WORDS[0]} {WORDS[1]} என் நம்பர் {SPOKEN[0]}",
        "பல்லடம்",
        f"{WORDS[3]} பக்கத்துல",
        NAMES[0],
        "இல்ல",
        "ஒம்பது எட்டு நாலு ரெண்டு, ஒண்ணு ஒண்ணு, மூணு அஞ்சு, ஏழு ஆறு",
        "ஆமா",
        "வேண்டாம்",
    ],
    "turn_slots": ["consent", "complaint", "place", "landmark", "name", "same_number", "phone",
                   "confirm", "repeat"],
    "expected": {"category": "WATER", "constituency_no": 115, "locality": "Palladam",
                 "landmark": WORDS[3], "name": NAMES[0], "name_ta": NAMES[0],
                 "phone": PHONES[0], "days_since": 5, "priority": "high", "intent": "complaint"},
    "notes": "Invented.",
}  # fmt: skip


def forms(canary: str) -> Iterator[bytes]:
    """How a canary may lie in a file."""
    raw = canary.encode()
    yield raw
    for encoding in ("utf-16-le", "utf-16-be", "unicode_escape"):
        yield canary.encode(encoding)
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for before in range(3):  # base64 has three looks of a text, by where it begins
        text = base64.b64encode(b"\0" * before + raw)
        yield text[4 if before else 0 : -4]


def found_in(content: bytes, canaries: tuple[str, ...]) -> list[str]:
    return [each for each in canaries if any(form in content for form in forms(each))]


def kural(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "--log-level", "INFO", "tickets", *arguments],
        capture_output=True, check=False, timeout=120,
        env=os.environ | {"DATA_DIR": str(data_dir), "LOG__FORMAT": "json"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done


def test_the_search_finds_a_canary_in_every_form() -> None:
    for canary in (*WORDS, *NAMES, *PHONES, *SPOKEN):
        raw = canary.encode()
        for content in (
            raw, canary.encode("utf-16"), raw.hex().encode(), json.dumps(canary).encode(),
            base64.b64encode(b"{" + raw + b"}"), base64.b64encode(b"xy" + raw + b"}"),
        ):  # fmt: skip
            assert found_in(b"..." + content + b"...", (canary,)) == [canary], content


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, bytes], str]:
    """DATA_DIR after it all, the log, the masked exports, and the ticket's number."""
    folder = tmp_path_factory.mktemp("canaries")
    data_dir, script = folder / "var", folder / "C01.json"
    script.write_text(json.dumps(SCRIPT, ensure_ascii=False), encoding="utf-8")
    url = f"sqlite:///{data_dir / 'kural.db'}"
    data_dir.mkdir()
    played = run_kural([str(script), "--text", "--db", url], folder, timeout_s=120)
    logs = played.err
    store = TicketStore.open(url, data_dir=data_dir)
    number = next(ticket.number for ticket in store.repository.search())
    call = Call("cut-off", store.clock(), dialled="+914400000000", caller=PHONES[3])
    ledger = CallLedger.open(store, call)
    ledger.consent(True, version="v")
    ledger.note(
        [Complaint(category=Category.ROAD, name=NAMES[1], phone=PHONES[2], description=WORDS[1])],
        Intent.COMPLAINT,
    )
    assert ledger._journal is not None
    ledger._journal.close()  # the process is gone
    VoiceNotes(data_dir, store.cipher).keep(call.id, 1, SOUND)
    work = Casework(store, load_names())
    work.move(number, TicketStatus.IN_PROGRESS, "ravi", note=f"{WORDS[2]} {NAMES[0]}")
    store.close()
    person = ("--as", "lakshmi", "--reason", "test")
    masked: dict[str, bytes] = {}
    for done in (kural(data_dir, "replay"), kural(data_dir, "check", "--json")):
        logs += (done.stdout + done.stderr).decode()
    for form in ("csv", "jsonl"):
        done = kural(data_dir, "export", "--format", form)
        masked[form], logs = done.stdout, logs + done.stderr.decode()
    masked["show"] = kural(data_dir, "show", number).stdout
    masked["search"] = kural(data_dir, "search", "--phone", PHONES[0]).stdout
    shown = kural(data_dir, "show", number, "--unmask", *person)
    assert found_in(shown.stdout, WORDS[:2]), "the canaries went in"
    logs += shown.stderr.decode()
    masked["audit"] = kural(data_dir, "audit").stdout
    backup = data_dir / "backup"
    shutil.copytree(data_dir, backup, ignore=shutil.ignore_patterns("backup"))
    done = kural(data_dir, "rotate-key", *person)
    logs += (done.stdout + done.stderr).decode()
    return data_dir, logs, masked, number


def test_no_file_under_the_data_folder_holds_a_canary(left) -> None:
    files = [path for path in left[0].rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert {".db", ".jsonl", ".key", ".sealed"} <= kinds, kinds
    assert any("backup" in path.parts for path in files)
    everything = (*WORDS, *NAMES, *PHONES, *SPOKEN, SOUND[:16].decode())
    leaks = {str(p): found for p in files if (found := found_in(p.read_bytes(), everything))}
    assert leaks == {}


def test_no_line_of_the_log_holds_a_canary(left) -> None:
    logs = left[1]
    assert "tickets filed" in logs
    assert found_in(logs.encode(), (*WORDS, *NAMES, *PHONES, *SPOKEN)) == []


def test_masked_answers_hold_the_story_but_no_name_and_no_number(left) -> None:
    for name, content in left[2].items():
        assert content, name
        assert found_in(content, (*NAMES, *PHONES, *SPOKEN)) == [], name
    assert found_in(left[2]["csv"], WORDS[:1]) == [WORDS[0]]


def test_the_consent_is_kept_with_the_version_of_the_notice(left) -> None:
    notice = Script.load(PROJECT_DIR / "prompts").wording(opening().say)
    with sqlite3.connect(left[0] / "kural.db") as database:
        rows = database.execute("SELECT kind, version, granted FROM consent ORDER BY id").fetchall()
    assert rows == [("recording", notice, 1), ("recording", "v", 1)]


def test_with_the_key_everything_is_there(left) -> None:
    data_dir, _, _, number = left
    person = ("--as", "lakshmi", "--reason", "test")
    ticket = json.loads(kural(data_dir, "show", number, "--unmask", *person).stdout)
    assert (ticket["name"], ticket["phone"]) == (NAMES[0], PHONES[0])
    assert WORDS[0] in ticket["description"]
    cut_off = kural(data_dir, "search", "--phone", PHONES[2], "--unmask", *person).stdout
    assert json.loads(cut_off)["name"] == NAMES[1]


def test_after_erasure_not_even_the_key_finds_anything(left) -> None:
    data_dir, _, _, number = left
    person = ("--as", "lakshmi", "--reason", "asked for it")
    kural(data_dir, "erase", number, *person)
    kural(data_dir, "erase", "--caller", PHONES[3], *person)
    kural(data_dir, "replay")
    out = kural(data_dir, "export", "--format", "jsonl", "--unmask", *person).stdout
    assert len(out.splitlines()) == 2
    assert found_in(out, (*WORDS, *NAMES, *PHONES, *SPOKEN)) == []
    (water,) = [line for line in map(json.loads, out.splitlines()) if line["ticket"] == number]
    assert (water["constituency"], water["category"], water["days_since"]) == (115, "WATER", 5)
