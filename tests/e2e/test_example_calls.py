"""The twenty example calls in text, through the real agent, graded by the rows they leave."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.callers.script_file import ScriptedCall

EXAMPLES = Path(__file__).resolve().parent.parent / "data" / "calls" / "examples"
WANTED = 19
"""Calls of the twenty that must leave exactly the expected rows (issue A asks for sixteen)."""


@pytest.fixture(scope="module")
def run(play: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory):
    return play([str(EXAMPLES), "--text"], tmp_path_factory.mktemp("calls"), timeout_s=300)


def test_the_example_calls_leave_the_expected_rows(run):
    passed = run.passed
    print(f"\n{sum(passed.values())} of {len(passed)} example calls right")
    assert len(passed) == 20
    assert sum(passed.values()) >= WANTED, run.misses()


def test_the_log_holds_no_word_name_place_or_number_of_the_callers(run):
    """INFO is the default level of a worker; the report and stdout are for the operator's eyes."""
    logged = run.err
    assert '"tickets filed"' in logged or "tickets filed" in logged
    for path in sorted(EXAMPLES.glob("*.json")):
        script = ScriptedCall.model_validate_json(path.read_text(encoding="utf-8"))
        turns = " ".join(script.caller_turns_ta)
        secrets = set(re.findall(r"[\u0b80-\u0bff]{3,}|\d{4,}", turns))
        if script.expected is not None:
            wanted = script.expected.model_dump(include={"name", "phone", "landmark", "locality"})
            secrets |= {str(value) for value in wanted.values() if value}
        secrets -= {"CALLER_ID"}
        found = sorted(word for word in secrets if word in logged)
        assert not found, f"{path.name}: {found}"
