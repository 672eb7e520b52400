from __future__ import annotations

from itertools import pairwise

import pytest

from agent.tickets.lifecycle import DONE, NEXT, OPEN, UNTOUCHED, IllegalMove, check_move
from agent.tickets.models import TicketStatus

S = TicketStatus


def test_every_status_says_what_may_follow() -> None:
    assert set(NEXT) == set(S)
    assert set(S) == OPEN | DONE


def test_the_whole_life_of_a_ticket() -> None:
    life = [S.NEW, S.ACKNOWLEDGED, S.ASSIGNED, S.IN_PROGRESS, S.WAITING_CITIZEN, S.IN_PROGRESS,
            S.RESOLVED, S.VERIFIED_CLOSED, S.REOPENED, S.RESOLVED]  # fmt: skip
    for old, new in pairwise(life):
        check_move(old, new)


def test_nothing_is_closed_that_was_not_resolved() -> None:
    for old in set(S) - {S.RESOLVED, S.VERIFIED_CLOSED}:
        with pytest.raises(IllegalMove, match="RESOLVED by the office first"):
            check_move(old, S.VERIFIED_CLOSED)


def test_only_what_was_finished_is_reopened() -> None:
    for old in OPEN - {S.REOPENED}:
        with pytest.raises(IllegalMove, match="finished"):
            check_move(old, S.REOPENED)
    for old in DONE:
        check_move(old, S.REOPENED)


def test_what_is_finished_moves_no_further() -> None:
    for old in DONE:
        assert NEXT[old] <= {S.REOPENED, S.VERIFIED_CLOSED}


def test_a_refusal_says_what_is_possible() -> None:
    with pytest.raises(IllegalMove, match=r"possible: .*ACKNOWLEDGED.*TRANSFERRED"):
        check_move(S.NEW, S.WAITING_CITIZEN)
    with pytest.raises(IllegalMove, match="already"):
        check_move(S.ASSIGNED, S.ASSIGNED)
    with pytest.raises(IllegalMove, match="reopen"):
        check_move(S.RESOLVED, S.NEW)


def test_every_fresh_ticket_can_leave_for_another_office() -> None:
    for old in UNTOUCHED - {S.TRANSFERRED}:
        check_move(old, S.TRANSFERRED)
