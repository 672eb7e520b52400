import pytest

from agent.capacity.binding import Usage
from agent.capacity.estimate import Window
from agent.capacity.profile import read_profile, save_profile
from agent.lab.capacity_report import found_lines, levels_of
from agent.lab.findings import Findings, Measured, level_line, profile_of
from agent.settings import Settings


def measured(calls, p95_s, **usage):
    return Measured(Window(calls, ((p95_s,) * 20,) * calls), Usage(**usage))


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path)


@pytest.fixture
def findings():
    return Findings(
        0.8,
        [
            measured(4, 0.5, cpu_busy=0.4, call_mb=60.0),
            measured(10, 0.6, cpu_busy=0.8, call_mb=60.0),
            measured(12, 2.0, cpu_busy=0.99, call_mb=60.0),
            measured(8, 0.55, cpu_busy=0.7, call_cores=0.9, call_mb=60.0),
        ],
        line_cores=0.01,
        most=100,
        calls=8,
        holds_p95_s=0.55,
        twice_p95_s=4.0,
    )


def test_the_profile_accepts_four_fifths_and_says_what_gave_way(settings, findings):
    profile = profile_of(settings, 1.1, findings, "int8")
    assert 10 < profile.measured_calls < 11
    assert profile.calls == 8
    assert profile.bound == "cpu"
    assert profile.target_p95_s == 1.1
    assert profile.figures["holds_p95_s"] == 0.55
    assert profile.figures["at_calls_call_cores"] == 0.9
    assert profile.figures["call_mb"] == 90.0
    assert [level.calls for level in levels_of(profile)] == [4, 8, 10, 12]


def test_a_profile_is_read_as_it_was_written(settings, findings, tmp_path):
    profile = profile_of(settings, 1.1, findings, "int8")
    save_profile(profile, tmp_path / "capacity.json")
    assert read_profile(tmp_path / "capacity.json") == profile


def test_fewer_are_accepted_when_the_proof_lowered_them(settings, findings):
    findings.calls = 5
    assert profile_of(settings, 1.1, findings, "int8").calls == 5


def test_where_all_was_carried_nothing_gave_way_or_memory_forbade_more(settings, findings):
    findings.measured = [measured(10, 0.5, cpu_busy=0.99)]
    assert profile_of(settings, 1.1, findings, "int8").bound == "nothing"
    findings.most_by_memory = True
    assert profile_of(settings, 1.1, findings, "int8").bound == "memory"


def test_calls_that_take_more_memory_than_there_is_are_not_accepted(settings, findings):
    findings.measured.append(measured(2, 0.5, call_mb=1e9))
    profile = profile_of(settings, 1.1, findings, "int8")
    assert profile.bound == "memory"
    assert profile.calls == 1


def test_what_was_found_is_told_in_sentences_and_others_are_named(settings, findings):
    told = "\n".join(found_lines(findings, profile_of(settings, 1.1, findings, "int8")))
    assert "A worker of this machine accepts 8." in told
    assert "8 calls, p95 0.55 s (in time); 16, p95 4.00 s (late)." in told
    assert "Others took" not in told
    findings.measured.append(measured(9, 0.6, other_cores=1.5))
    told = "\n".join(found_lines(findings, profile_of(settings, 1.1, findings, "int8")))
    assert "Others took up to 1.5 cores" in told


def test_a_level_is_told_in_one_line(findings):
    line = level_line(findings.measured[2], 0.8, "twice as many")
    assert "12 calls" in line
    assert "LATE" in line
    assert "\n" not in line
