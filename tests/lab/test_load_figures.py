"""Figures, table and picture of a load run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.complaint import Slot
from agent.errors import UsageError
from agent.lab.load_figures import Sample, Spread, Standing, figures_of, growth, growth_by_name
from agent.lab.load_picture import draw
from agent.lab.load_run import LoadReport
from agent.lab.load_table import lines_of, standing_lines
from agent.lab.usage import Process, Reading
from agent.lab.web_call import WebCall, WebTurn

MACHINE: dict[str, str | int | float] = {
    "processor": "a processor",
    "cores": 2,
    "memory_gb": 24.0,
    "date": "2026-11-21T00:00:00",
}


def _turn(slot, delay_s=None, **how):
    return WebTurn(slot, (0.0, 1.0), delay_s=delay_s, **how)


def _call(*turns, answer_s=0.8, ended="agent", seconds=60.8, **how):
    return WebCall("D01", ended, seconds, answer_s, 0.1, turns, **how)


def _reading(at, call_cpu, *calls_mb):
    processes = [
        Process(1, 0, "worker", 1.0 + 0.1 * at, 50.0, 45.0, 40, 10),
        Process(2, 1, "ears", 2.0, 200.0, 190.0, 10, 4),
        *(
            Process(10 + i, 1, "call", call_cpu, mb + 20.0, mb, 20, 8)
            for i, mb in enumerate(calls_mb)
        ),
    ]
    return Reading(at, tuple(processes))


def _stage(callers=2):
    calls = [
        _call(_turn(Slot.CONSENT, 0.5), _turn(Slot.COMPLAINT, 1.4), passed=True),
        _call(
            _turn(Slot.PLACE, 0.7),
            _turn(Slot.NAME, None, cut_off=True),
            _turn(Slot.NAME, None, unheard=True),
            passed=False,
            wrong=("phone",),
        ),
    ]
    samples = [
        Sample(_reading(0.0, 0.0, 90.0, 80.0, 30.0), 2, (0.0, 0.0)),
        Sample(_reading(60.0, 6.0, 90.0, 80.0, 30.0), 2, (3.0, 6.0)),
    ]
    idle = [Sample(_reading(0.0, 0.0, 30.0), 0), Sample(_reading(10.0, 0.0, 30.0), 0)]
    return figures_of(callers, calls, samples, idle=idle), calls


def test_a_stage_counts_delays_by_kind_and_cut_offs():
    figures, _ = _stage()
    assert figures.quick == Spread(2, 0.6, 0.69)
    assert figures.patient == Spread(1, 1.4, 1.4)
    assert figures.kinds["yes or no"].count == 1
    assert (figures.turns, figures.cut_offs, figures.unheard) == (5, 1, 1)
    assert (figures.graded, figures.passed, figures.wrong) == (2, 1, {"phone": 1})


def test_unanswered_calls_are_refused_and_broken_ones_trouble():
    calls = [_call(answer_s=None, ended="unanswered"), _call(ended="stuck"), _call()]
    figures = figures_of(3, calls)
    assert (figures.calls, figures.answered, figures.refused, figures.troubles) == (3, 2, 1, 1)
    assert figures.call_mb is None
    assert figures.cores == {}


def test_memory_of_live_calls_is_that_of_the_largest_processes():
    figures, _ = _stage()
    assert figures.call_mb == 85.0
    assert figures.idle_mb == 30.0
    assert figures.fixed_mb == 310.0  # the tables three call processes share are in it
    assert figures.most_live == 2


def test_a_call_costs_what_it_adds_to_an_idle_worker():
    figures, _ = _stage()
    # Three processes of 6 s each in 60 s; the worker's 0.1 cores are there without calls too.
    assert figures.cores["call"] == 0.3
    assert figures.cores["livekit"] == 0.1
    assert figures.cores_per_call == pytest.approx(0.3 * 60 / 120, abs=0.001)


def test_a_stage_without_answers_still_makes_a_table():
    figures = figures_of(1, [_call(answer_s=None, ended="unanswered")])
    lines = lines_of(LoadReport((figures,), ((),), (), MACHINE))
    assert any("no turn was answered" in line for line in lines)


def test_the_table_judges_by_the_budget_and_names_wrong_fields():
    figures, calls = _stage()
    text = "\n".join(lines_of(LoadReport((figures,), (tuple(calls),), (), MACHINE, 0)))
    assert "2 at once: kept." in text
    assert "phone in 1" in text
    assert "1 of 2" in text
    assert "exit status 0" in text


def test_no_verdict_is_given_where_others_used_the_machine():
    figures, _ = _stage()
    busy = replace(figures, load_average=(6.7, 9.0))
    text = "\n".join(lines_of(LoadReport((busy,), ((),), (), MACHINE)))
    assert "no verdict" in text
    assert "kept" not in text


def _standing(calls, **over):
    values = {"processes": 9, "files": 200, "threads": 80, "pss_mb": 500.0, "worker_mb": 300.0}
    values |= {"worker_files": 60, "worker_threads": 20}
    return Standing(calls, **(values | over))


def test_growth_is_told_for_a_hundred_calls_and_forgives_one_odd_reading():
    standings = [_standing(n, worker_mb=300 + 0.02 * n) for n in range(0, 101, 20)]
    standings[3] = _standing(60, worker_mb=900.0)
    assert growth(standings)["worker_mb"] == pytest.approx(2.0, abs=0.1)
    assert growth(standings)["processes"] == 0.0
    assert "+2.0 MB" in standing_lines(standings)[-1]


def test_the_process_that_grows_is_named():
    standings = [
        _standing(n, private_mb={"start": 100.0, "redispatch": 60 + 0.1 * n})
        for n in range(0, 101, 20)
    ]
    assert growth_by_name(standings) == {"redispatch": pytest.approx(10.0), "start": 0.0}
    assert "redispatch +10.0, start +0.0 MB" in standing_lines(standings)[-2]


def test_one_standing_has_no_growth():
    assert set(growth([_standing(0)]).values()) == {0.0}


def test_a_report_is_plain_json_and_a_picture_is_drawn(tmp_path):
    figures, calls = _stage()
    report = LoadReport((figures,), (tuple(calls),), (_standing(0), _standing(20)), MACHINE)
    assert report.to_json()["stages"][0]["quick"] == {"count": 2, "p50": 0.6, "p95": 0.69}
    pytest.importorskip("matplotlib")
    draw(report, tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="cannot be written"):
        draw(report, tmp_path / "missing" / "load.png")
