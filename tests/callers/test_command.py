"""``kural call`` from the outside: typed calls through the real agent, and every wrong use."""

import json
import sqlite3
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.speech.audio import write_wav

CALLS = Path(__file__).parent.parent / "data" / "calls"
EXAMPLES = CALLS / "examples"
D01 = CALLS / "spoken" / "D01.json"


@pytest.fixture(autouse=True)
def _nothing_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the developer's ``.env`` nor his ``var`` folder may reach a test."""
    monkeypatch.chdir(tmp_path)


def kural(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["call", *map(str, arguments)])


def played(*arguments: object) -> tuple[Result, dict[str, Any]]:
    result = kural(*arguments, "--text", "--report", "report.json")
    return result, json.loads(Path("report.json").read_text(encoding="utf-8"))


def test_all_example_calls_leave_the_right_rows() -> None:
    """The regression set of the whole line, typed: everything may be tuned on it."""
    result, report = played(CALLS)
    wrong = {call["id"]: call["fields"] for call in report["calls"] if not call["passed"]}
    assert wrong == {}
    assert result.exit_code == 0, result.output
    assert report["summary"]["calls"] == report["summary"]["passed"] == 42


def test_a_call_without_a_ticket_leaves_its_call_row() -> None:
    _, report = played(EXAMPLES / "S08.json", EXAMPLES / "S13.json", EXAMPLES / "S14.json")
    rows = [call["rows"] for call in report["calls"]]
    assert [len(own) for own in rows] == [1, 1, 1]
    assert [own[0]["intent"] for own in rows] == ["status", "wrong_number", "info"]
    assert [own[0]["ticket"] for own in rows] == [None, None, None]


def test_the_dialogue_of_the_report_says_what_was_asked_and_heard() -> None:
    _, report = played(D01)
    dialogue = report["calls"][0]["dialogue"]
    assert [turn["asked"] for turn in dialogue[:3]] == ["consent", "complaint", "place"]
    opening = json.loads(D01.read_text(encoding="utf-8"))["caller_turns_ta"][0]
    assert dialogue[1]["said"] == dialogue[1]["heard"] == opening
    assert dialogue[-1]["said"] is None


def changed(path: Path, **expected: object) -> Path:
    script = json.loads(D01.read_text(encoding="utf-8"))
    script["expected"] |= expected
    path.write_text(json.dumps(script, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_wrong_required_field_gives_exit_code_one_and_is_named(tmp_path: Path) -> None:
    result, report = played(changed(tmp_path / "wrong.json", constituency_no=1))
    assert result.exit_code == 1
    assert "D01 constituency: wanted 1, got 115 (understood)" in result.output
    (call,) = report["calls"]
    assert (call["passed"], call["cause"]) == (False, "understood")


def test_a_wrong_softer_field_is_reported_and_exits_zero(tmp_path: Path) -> None:
    result, report = played(changed(tmp_path / "soft.json", name="Selvi", name_ta="செல்வி"))
    assert result.exit_code == 0
    assert report["calls"][0]["fields"]["name"]["ok"] is False


def test_a_call_that_expects_nothing_is_played_and_not_graded(tmp_path: Path) -> None:
    script = json.loads(D01.read_text(encoding="utf-8"))
    del script["expected"]
    path = tmp_path / "free.json"
    path.write_text(json.dumps(script), encoding="utf-8")
    result, report = played(path)
    assert result.exit_code == 0
    assert report["calls"][0]["fields"] == {}
    assert report["calls"][0]["rows"]


def test_the_agent_never_sees_the_script(tmp_path: Path) -> None:
    """Rubbish in every field but the words changes no row."""
    script = json.loads(D01.read_text(encoding="utf-8"))
    script |= {"persona": "x", "dialect": "y", "notes": "z"}
    script["expected"] = {"category": "BUS", "phone": script["expected"]["phone"]}
    path = tmp_path / "other.json"
    path.write_text(json.dumps(script, ensure_ascii=False), encoding="utf-8")
    rows = played(D01)[1]["calls"][0]["rows"]
    other = played(path)[1]["calls"][0]["rows"]
    assert [row | {"ticket": None} for row in rows] == [row | {"ticket": None} for row in other]


def test_runs_do_not_mix_and_a_given_database_keeps_its_rows() -> None:
    url = "sqlite:///kept.db"
    for _ in range(2):
        assert kural(D01, "--text", "--db", url, "--data-dir", "var").exit_code == 0
    with sqlite3.connect("kept.db") as database:
        (tickets,) = database.execute("SELECT count(*) FROM ticket").fetchone()
    database.close()
    assert tickets == 2
    assert kural(D01, "--text", "--data-dir", "var").exit_code == 0
    assert len(list(Path("var").glob("calls-*.db"))) == 1


def test_the_live_view_is_plain_text_in_a_file() -> None:
    result = kural(D01, "--text", "--live")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "caller பல்லடம்" in result.output
    assert "Which town, which area?" in result.output
    assert "Place: பல்லடம்." in result.output
    assert "Ticket 1" in result.output


def test_a_script_is_recorded_as_its_callers_side() -> None:
    result = kural(D01, "--record", "first.wav")
    assert result.exit_code == 0, result.output
    with wave.open("first.wav") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert 15 < file.getnframes() / 8000 < 60
    described = json.loads(Path("first.json").read_text(encoding="utf-8"))
    assert described["turn_slots"][:3] == ["consent", "complaint", "place"]
    again, report = played("first.wav")
    assert again.exit_code == 0
    assert report["calls"][0]["id"] == "D01"


def test_the_recorded_example_is_the_one_this_code_makes(tmp_path: Path) -> None:
    """``kural call tests/data/calls/spoken/D01.json --record examples/first-call.wav``."""
    example = Path(__file__).parents[2] / "examples" / "first-call.wav"
    made = tmp_path / "made.wav"
    assert kural(D01, "--record", made).exit_code == 0
    kept = json.loads(example.with_suffix(".json").read_text(encoding="utf-8"))
    assert json.loads(made.with_suffix(".json").read_text(encoding="utf-8")) == kept
    # Rounding of another machine's mathematics may move a sample by one mu-law step.
    assert made.stat().st_size == pytest.approx(example.stat().st_size, rel=0.01)


def noise(path: Path) -> Path:
    sound = np.random.default_rng(1).normal(0, 3000, 16000).astype(np.int16)
    write_wav(path, np.concatenate([sound, np.zeros(32000, np.int16)]), 16000)
    return path


def wrong_uses(folder: Path) -> dict[str, tuple[list[object], str]]:
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "bad.json").write_text('{"id": "X1", "caller_turns_ta": ["a"], "turn_slots": []}')
    (folder / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    recording = noise(folder / "noise.wav")
    text = "--text"
    return {
        "no path": ([text], "Missing argument"),
        "missing path": (["none.json", text], "none.json does not exist"),
        "one bad among good": ([D01, "none.json", text], "none.json does not exist"),
        "folder without calls": (["empty", text], "holds no calls"),
        "wrong field": (["bad.json", text], "bad.json: turn_slots has 0 words for 1 turns"),
        "image": (["image.png", text], "neither a scripted call"),
        "recording as text": ([recording, text], "leave out --text"),
        "speed": ([D01, text, "--speed", "0"], "--speed"),
        "report folder": ([D01, text, "--report", "no/report.json"], "make it first"),
        "report is a folder": ([D01, text, "--report", "empty"], "is a directory"),
        "database": ([D01, text, "--db", "nonsense"], "not a database URL"),
        "record two": ([D01, EXAMPLES, "--record", "x.wav"], "exactly one scripted call"),
        "record a recording": ([recording, "--record", "x.wav"], "exactly one scripted call"),
        "record as mp3": ([D01, "--record", "x.mp3"], "must end in .wav"),
        "record silence": ([EXAMPLES / "S13.json", "--record", "x.wav"], "a silent turn"),
    }


WRONG_USES = (
    "no path", "missing path", "one bad among good", "folder without calls", "wrong field",
    "image", "recording as text", "speed", "report folder", "report is a folder", "database",
    "record two", "record a recording", "record as mp3", "record silence",
)  # fmt: skip


@pytest.mark.parametrize("name", WRONG_USES)
def test_wrong_use_is_one_sentence_and_exit_code_two(tmp_path: Path, name: str) -> None:
    arguments, told = wrong_uses(tmp_path)[name]
    result = kural(*arguments)
    assert result.exit_code == 2, result.output
    assert told in result.output
    assert "Traceback" not in result.output
    assert "Starting" not in result.output
