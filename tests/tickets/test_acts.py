from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.complaint import ActKind
from agent.tickets.acts import Act, event_key, what_is_wrong

NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
K = ActKind


@pytest.mark.parametrize(
    ("kind", "number", "value", "wrong"),
    [
        (K.REOPEN, "100000009", "", False),
        (K.REOPEN, None, "", True),
        (K.VERIFY, "", "", True),
        (K.REPORT_AGAIN, None, "", True),
        (K.RATE, None, "5", False),
        (K.RATE, "100000009", "0", True),
        (K.RATE, "100000009", "6", True),
        (K.RATE, "100000009", "௫", True),
        (K.RATE, "100000009", "", True),
        (K.REQUEST, None, "erase", False),
        (K.REQUEST, None, "sell", True),
        (K.CALL_BACK, None, "human", False),
        (K.CALL_BACK, None, "", True),
        (K.CALL_BACK, None, "9500123456", True),
        (K.RESUME, None, "job-1", False),
        (K.RESUME, None, "", True),
    ],
)
def test_an_act_that_makes_no_sense_is_known(
    kind: ActKind, number: str | None, value: str, wrong: bool
) -> None:
    assert bool(what_is_wrong(kind, number, value)) is wrong


def test_a_grade_may_be_changed_and_a_request_is_one_of_several() -> None:
    def key(kind: ActKind, value: str) -> str:
        return Act(kind, "100000009", value, NOON).key

    assert key(K.RATE, "1") == key(K.RATE, "5")
    assert key(K.REQUEST, "see") != key(K.REQUEST, "erase")
    assert key(K.CALL_BACK, "human") != key(K.CALL_BACK, "overload")


def test_what_is_owed_has_a_reason() -> None:
    assert Act(K.CALL_BACK, None, "human", NOON).reason == "human"
    assert Act(K.REQUEST, None, "see", NOON).reason == "rights_see"
    assert Act(K.RATE, None, "5", NOON).reason is None


def test_telling_again_keeps_the_key_it_always_had() -> None:
    assert event_key(K.REPORT_AGAIN, "100000009", "job-1") == "100000009:again:job-1"
