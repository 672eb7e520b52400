"""The report: its shape is a contract, its figures are counted, its text is readable."""

import io
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from agent.callers.grading import Cause, Mark
from agent.callers.live_view import LiveView
from agent.callers.measures import Measures
from agent.callers.outcome import OutcomeRow
from agent.callers.page import page, write_page
from agent.callers.played import Exchange, PlayedCall
from agent.callers.report import CallReport, print_report, write_report
from agent.callers.scripted_caller import Origin, Utterance
from agent.callers.summary import summarise
from agent.complaint import Slot
from agent.conversation.steps import Line
from agent.errors import UsageError

ROW = OutcomeRow(intent="complaint", category="WATER", constituency=115, ticket="100000012")


def exchange(
    asked: Slot, text: str, heard: str | None, delay_s: float | None, *, cut_off: bool = False
) -> Exchange:
    said = Utterance(text, Origin.SCRIPT, 0, asked)
    return Exchange(
        1.0,
        asked,
        (Line("ask_place", {"place": "கூடலூர்"}),),
        "எந்த ஊர்?",
        said,
        heard,
        delay_s,
        cut_off,
    )


def report(
    call_id: str = "D01",
    *,
    turn: int = 1,
    flow: str = "other",
    measures: Measures | None = None,
    **marks: Mark,
) -> CallReport:
    exchanges = (
        exchange(Slot.CONSENT, "சரி", "சரி", 0.4),
        exchange(Slot.COMPLAINT, "தண்ணி வரல", "தண்ணி வர", 1.2),
        exchange(Slot.PLACE, "பல்லடம்.", "பல்லடம்", 0.6, cut_off=True),
        exchange(Slot.PHONE, "ஒம்பது", None, None),
    )
    played = PlayedCall(f"sim-{call_id}-1", exchanges, "filed", 61.25, measures=measures)
    return CallReport(call_id, played, (ROW,), marks, flow=flow, turn=turn)


SLOW = Measures(12, 1.0, 4.5, ("place",), (0.3, 0.9), 2, 1)
QUICK = Measures(8, 1.0, 1.0)
FAST_LINE = Measures(10, 4.0, 9.0)
GOOD = Mark("WATER", "WATER", ok=True)
BAD = Mark("9842113576", None, ok=False, cause=Cause.HEARD)


def test_a_call_in_the_report_has_the_promised_shape() -> None:
    shown = report(category=GOOD, phone=BAD).to_json()
    assert list(shown)[:7] == ["id", "passed", "fields", "rows", "turns", "seconds", "cause"]
    assert (shown["passed"], shown["cause"], shown["turns"]) == (False, "heard", 4)
    assert shown["fields"]["category"] == {"want": "WATER", "got": "WATER", "ok": True}
    assert shown["fields"]["phone"]["ok"] is False
    promised = {"intent", "category", "constituency", "candidates", "place", "landmark", "days",
                "name", "phone", "priority", "ticket", "status"}  # fmt: skip
    assert promised <= set(shown["rows"][0])


def test_a_soft_field_that_is_wrong_does_not_fail_the_call() -> None:
    shown = report(category=GOOD, name=BAD).to_json()
    assert (shown["passed"], shown["cause"]) == (True, "")


def test_the_summary_counts_fields_delays_and_words() -> None:
    calls = [report(category=GOOD, phone=BAD), report("D02", category=GOOD)]
    summary = summarise(calls, audio=True, speed=1.0)
    assert (summary["calls"], summary["passed"], summary["tickets"]) == (2, 1, 2)
    assert summary["fields"]["category"] == {"right": 2, "graded": 2, "accuracy": 1.0}
    assert summary["fields"]["phone"] == {"right": 0, "graded": 1, "accuracy": 0.0}
    assert summary["delay_s"]["quick"] == {"count": 4, "p50": 0.5, "p95": pytest.approx(0.6)}
    assert summary["delay_s"]["patient"]["count"] == 2
    assert summary["cut_offs"] == 2
    assert summary["heard_exactly"] == {"right": 4, "turns": 8}


def test_a_typed_run_reports_no_delays() -> None:
    assert "delay_s" not in summarise([report()], audio=False, speed=1.0)


def test_the_report_is_json_in_utf8_and_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    write_report(path, [report(category=GOOD)], summarise([report()], audio=True, speed=1.0))
    written = path.read_text(encoding="utf-8")
    assert set(json.loads(written)) == {"calls", "summary"}
    assert "பல்லடம்" in written
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(tmp_path / "no" / "report.json", [], {})


def printed(calls: list[CallReport]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=140)
    print_report(console, calls, summarise(calls, audio=True, speed=1.0))
    return out.getvalue()


def test_the_table_has_a_line_a_call_and_names_every_miss() -> None:
    text = printed([report(category=GOOD, phone=BAD), report("D02", category=GOOD)])
    heads = [line.split()[:2] for line in text.splitlines()[1:3]]
    assert heads == [["D01", "FAILED"], ["D02", "passed"]]
    assert "D01 phone: wanted 9842113576, got nothing (heard)" in text
    assert "1 of 2 calls passed; 2 tickets" in text
    assert "short answers: p50 0.50 s" in text


def test_the_live_view_shows_words_glosses_delays_and_what_was_heard() -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, width=140), {"ask_place": "Which {place}?"}.get)  # type: ignore[arg-type]
    said = Utterance("பல்லடம் [1]", Origin.REPEAT, 1, Slot.PLACE)
    view.agent_speaks(exchange(Slot.PLACE, "", None, None), 0.48)
    view.caller_speaks(3.5, said)
    view.agent_heard(said, "பல்லகம்")
    view.agent_heard(said, "பல்லடம் [1]")
    view.tickets_filed(("100000012",))
    view.call_ended("filed")
    view.show_rows([ROW])
    lines = [line.strip() for line in out.getvalue().splitlines()]
    assert lines == [
        "1.00 s  agent  எந்த ஊர்?   [0.48 s after the caller]",
        "Which கூடலூர்?",
        "3.50 s  caller பல்லடம் [1]   [again]",
        "heard  பல்லகம்",
        "heard  word for word",
        "filed  100000012",
        "ended  filed",
        "Ticket 100000012",
        "intent       complaint",
        "category     WATER",
        "constituency 115",
    ]


def test_words_cannot_steer_the_terminal():
    out = io.StringIO()
    view = LiveView(Console(file=out, width=200), lambda _: "")
    view.caller_speaks(0.0, Utterance("தண்ணி\x1b[2J\x07 வரல", Origin.SCRIPT, 0, None))
    assert out.getvalue().count("\x1b") == 0
    assert "\x07" not in out.getvalue()
    assert "தண்ணி[2J வரல" in out.getvalue()


def test_flows_are_counted_apart() -> None:
    calls = [
        report(flow="status", category=GOOD, measures=QUICK),
        report("D02", flow="status", phone=BAD, measures=SLOW),
        report("D03", flow="filed", category=GOOD),
    ]
    flows = summarise(calls, audio=True, speed=1.0)["flows"]
    assert (flows["status"]["calls"], flows["status"]["passed"]) == (2, 1)
    assert flows["status"]["agent_turns"] == 10
    assert flows["status"]["dead_air_s"] == 4.5
    assert flows["filed"] == {
        "calls": 1, "passed": 1, "agent_turns": None, "call_s": None, "dead_air_s": None,
    }  # fmt: skip


def test_how_calls_felt_is_told_of_natural_speed_only() -> None:
    calls = [report(measures=own) for own in (SLOW, QUICK, FAST_LINE)]
    felt = summarise(calls, audio=True, speed=1.0)["felt"]
    assert (felt["agent_turns"], felt["call_s"], felt["dead_air_s"]) == (10, 61.25, 4.5)
    assert (felt["asked_again"], felt["barge_ins"], felt["barge_ins_heeded"]) == (1, 2, 1)
    text = printed(calls)
    assert "longest dead air 4.5 s; questions asked again although answered: 1." in text
    assert "Interrupted 2 times: stopped within 0.5 s 1 times, median 0.60 s." in text
    assert "Murmurs while it spoke: 2, of which 1 stopped it." in text


def test_pass_n_counts_callers_who_were_served_every_time() -> None:
    calls = [
        report(category=GOOD),
        report("D02", category=GOOD),
        report(turn=2, category=GOOD),
        report("D02", turn=2, phone=BAD),
    ]
    repeated = summarise(calls, audio=True, speed=1.0)["repeat"]
    assert repeated == {"times": 2, "callers": 2, "passed_always": 1}
    assert "pass^2: 1 of 2 callers passed all 2 times." in printed(calls)


VOID = frozenset({"meta"})


class Tags(HTMLParser):
    """Every tag that is opened is closed, in order; what would be fetched is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wanted: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.wanted += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def drawn(calls: list[CallReport], *, audio: bool = True) -> tuple[str, Tags]:
    text = page(calls, summarise(calls, audio=audio, speed=1.0), datetime(2026, 11, 21, tzinfo=UTC))
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    return text, tags


def test_the_page_needs_nothing_beside_itself() -> None:
    text, tags = drawn([report(category=GOOD, phone=BAD), report("D02", category=GOOD)])
    assert tags.wanted == []
    assert "url(" not in text
    assert "@import" not in text
    assert 'name="viewport"' in text
    assert "@media print" in text


def test_the_page_folds_the_dialogues_of_failed_calls_only() -> None:
    text, tags = drawn([report(category=GOOD, phone=BAD), report("D02", category=GOOD)])
    assert tags.seen.count("details") == 1
    assert "wanted 9842113576, got nothing (heard)" in text
    assert "தண்ணி வரல" in text
    assert "Simulated calls: 1 of 2 passed" in text
    assert len(re.findall(r"<tr><td", text)) == 2


def test_words_of_callers_are_text_on_the_page() -> None:
    call = report("<b>x</b>", flow="a&b", phone=Mark("<script>", ["<i>"], ok=False))
    text, tags = drawn([call])
    assert "<b>" not in text
    assert "<i>" not in text
    assert tags.seen.count("script") == 1
    assert "&lt;b&gt;x&lt;/b&gt;" in text


def test_a_page_of_typed_calls_and_of_none_that_failed() -> None:
    text, _ = drawn([report(category=GOOD)], audio=False)
    assert ", typed" in text
    assert "<p>None.</p>" in text


def test_a_page_replaces_an_older_one_or_says_why_not(tmp_path: Path) -> None:
    calls = [report(category=GOOD)]
    summary = summarise(calls, audio=True, speed=1.0)
    (tmp_path / "page.html").write_text("old")
    write_page(tmp_path / "page.html", calls, summary)
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(UsageError, match="cannot be written"):
        write_page(tmp_path / "no" / "page.html", calls, summary)
