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


def persona(path: Path, turns: dict[str, str], **fields: object) -> Path:
    """A caller of our own: question -> answer, and whatever else his file says."""
    script = {
        "id": path.stem,
        "caller_turns_ta": list(turns.values()),
        "turn_slots": list(turns),
    }
    path.write_text(json.dumps(script | fields, ensure_ascii=False), encoding="utf-8")
    return path


PLAIN = {
    "complaint": "எங்க தெருவுல அஞ்சு நாளா தண்ணி வரல.",
    "place": "பல்லடம்.",
    "landmark": "பஸ் ஸ்டாண்ட்.",
    "name": "ராஜா.",
    "phone": "[9842113576#]",
    "confirm": "[1]",
}


def test_keys_answer_questions_and_give_numbers(tmp_path: Path) -> None:
    wanted = {"intent": "complaint", "phone": "9842113576", "tickets": 1, "consent": True}
    wanted |= {"outcome": "filed", "partial": False, "callback": False}
    turns = {"consent": "[1]"} | PLAIN
    result, report = played(persona(tmp_path / "P01.json", turns, expected=wanted))
    assert result.exit_code == 0, result.output
    (call,) = report["calls"]
    pressed = [turn for turn in call["dialogue"] if (turn["said"] or "").startswith("[")]
    assert [turn["heard"] for turn in pressed] == ["1", "9842113576", "1"]
    assert set(call["fields"]) == {
        "intent", "tickets", "phone", "outcome", "consent", "partial", "callback",
    }  # fmt: skip


def test_keys_that_mean_nothing_are_silence(tmp_path: Path) -> None:
    path = persona(tmp_path / "P02.json", PLAIN | {"place": "[5]"}, hangs_up_at="landmark")
    _, report = played(path)
    dialogue = report["calls"][0]["dialogue"]
    pressed = next(turn for turn in dialogue if turn["said"] == "[5]")
    assert pressed["heard"] is None


def hanging_up(folder: Path, at: str, *, speaking: bool) -> Path:
    wanted: dict[str, object] = {"outcome": "hung_up", "tickets": 0}
    if at not in ("consent", "complaint"):
        wanted |= {"tickets": 1, "partial": True, "category": "WATER"}
    return persona(
        folder / f"{at}-{speaking}.json", PLAIN | {"confirm": "சரி."},
        hangs_up_at=at, hangs_up_while_speaking=speaking, expected=wanted,
    )  # fmt: skip


def test_a_caller_may_hang_up_at_any_question(tmp_path: Path) -> None:
    """What was told before stays as a partial ticket; what was half said is in no row."""
    questions = ("consent", "complaint", "place", "name", "confirm")
    paths = [hanging_up(tmp_path, at, speaking=own) for at in questions for own in (False, True)]
    result, report = played(*paths)
    assert result.exit_code == 0, result.output
    assert {call["outcome"] for call in report["calls"]} == {"hung_up"}
    rows = {call["id"]: call["rows"][0] for call in report["calls"]}
    assert rows["place-True"]["place"] is None
    assert rows["name-False"]["place"] == "Palladam"


def test_a_hidden_number_is_no_number(tmp_path: Path) -> None:
    path = persona(tmp_path / "P04.json", PLAIN, caller="hidden", expected={"phone": "9842113576"})
    result, report = played(path)
    assert result.exit_code == 0, result.output
    asked = [turn["asked"] for turn in report["calls"][0]["dialogue"]]
    assert "phone" in asked
    assert "same_number" not in asked
    gone = persona(tmp_path / "P05.json", PLAIN, caller="hidden", hangs_up_at="complaint")
    _, report = played(gone)
    assert report["calls"][0]["rows"][0]["phone"] is None


def test_several_calls_at_once_and_again_are_the_same_calls(tmp_path: Path) -> None:
    paths = [EXAMPLES / "S01.json", EXAMPLES / "S08.json", EXAMPLES / "S13.json"]
    result, report = played(*paths, "--jobs", "2", "--repeat", "2", "--page", "page.html")
    assert result.exit_code == 0, result.output
    calls = [(call["id"], call["time"]) for call in report["calls"]]
    assert calls == [(name, time) for time in (1, 2) for name in ("S01", "S08", "S13")]
    assert report["summary"]["repeat"] == {"times": 2, "callers": 3, "passed_always": 3}
    assert "pass^2: 3 of 3 callers passed all 2 times." in result.output
    tickets = [row["ticket"] for call in report["calls"] for row in call["rows"] if row["ticket"]]
    assert len(set(tickets)) == len(tickets) == 2
    assert "6 of 6 passed" in Path("page.html").read_text(encoding="utf-8")


def test_what_a_call_felt_like_is_in_the_report(tmp_path: Path) -> None:
    _, report = played(D01)
    (call,) = report["calls"]
    assert call["measures"]["agent_turns"] == len(call["dialogue"])
    assert call["measures"]["dead_air_s"] is None
    assert call["measures"]["asked_again"] == []
    assert call["flow"] == "complaint"


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
        "too fast": ([D01, text, "--speed", "5"], "--speed"),
        "no jobs": ([D01, text, "--jobs", "0"], "--jobs"),
        "live with jobs": ([D01, text, "--live", "--jobs", "2"], "leave out --jobs"),
        "again in one": ([D01, text, "--repeat", "2", "--db", "sqlite:///a.db"], "leave out --db"),
        "page folder": ([D01, text, "--page", "no/page.html"], "make it first"),
        "record silence": ([EXAMPLES / "S13.json", "--record", "x.wav"], "a silent turn"),
    }


WRONG_USES = (
    "no path", "missing path", "one bad among good", "folder without calls", "wrong field",
    "image", "recording as text", "speed", "report folder", "report is a folder", "database",
    "record two", "record a recording", "record as mp3", "record silence",
    "too fast", "no jobs", "live with jobs", "again in one", "page folder",
)  # fmt: skip


@pytest.mark.parametrize("name", WRONG_USES)
def test_wrong_use_is_one_sentence_and_exit_code_two(tmp_path: Path, name: str) -> None:
    arguments, told = wrong_uses(tmp_path)[name]
    result = kural(*arguments)
    assert result.exit_code == 2, result.output
    assert told in result.output
    assert "Traceback" not in result.output
    assert "Starting" not in result.output
