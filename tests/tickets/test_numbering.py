from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.check_digit import check_digit, is_valid
from agent.errors import NumbersExhausted
from agent.tickets.numbering import (
    FIRST_SERIAL,
    LAST_SERIAL,
    NumberBook,
    number_of,
)

serials = st.integers(FIRST_SERIAL, LAST_SERIAL)


def test_the_usual_damm_table_gives_4_for_572() -> None:
    assert check_digit("572") == "4"


@settings(deadline=None)
@given(serials)
def test_every_number_is_nine_digits_and_valid(serial: int) -> None:
    number = number_of(serial)
    assert len(number) == 9
    assert number[0] != "0"
    assert is_valid(number)


@settings(deadline=None)
@given(serials)
def test_every_wrong_single_digit_is_caught(serial: int) -> None:
    number = number_of(serial)
    for at in range(9):
        for digit in set("0123456789") - {number[at]}:
            assert not is_valid(number[:at] + digit + number[at + 1 :])


@settings(deadline=None)
@given(serials)
def test_every_swap_of_neighbours_is_caught(serial: int) -> None:
    number = number_of(serial)
    for at in range(8):
        if number[at] != number[at + 1]:
            assert not is_valid(number[:at] + number[at + 1] + number[at] + number[at + 2 :])


@pytest.mark.parametrize(
    "text", ["", "5724", "000000000", "20410327", "2041032740", "20410327x", "௨௦௪௧௦௩௨௭௪"]
)
def test_what_is_no_ticket_number_is_refused(text: str) -> None:
    assert not is_valid(text)


def test_a_check_digit_is_made_of_ascii_digits_only() -> None:
    with pytest.raises(ValueError, match="digits 0 to 9"):
        check_digit("௫௭௨")


def test_numbers_come_in_order_and_never_twice(tmp_path: Path) -> None:
    book = NumberBook(tmp_path / "numbers.db", "m1")
    book.add(FIRST_SERIAL, FIRST_SERIAL + 4)
    book.add(FIRST_SERIAL + 10, FIRST_SERIAL + 12)
    taken = book.take(3) + book.take(4)
    book.close()
    wanted = [*range(FIRST_SERIAL, FIRST_SERIAL + 5), FIRST_SERIAL + 10, FIRST_SERIAL + 11]
    assert taken == [number_of(serial) for serial in wanted]


def test_a_block_that_is_too_small_gives_nothing_and_keeps_its_numbers(tmp_path: Path) -> None:
    book = NumberBook(tmp_path / "numbers.db", "m1")
    book.add(FIRST_SERIAL, FIRST_SERIAL + 1)
    with pytest.raises(NumbersExhausted):
        book.take(3)
    assert book.remaining() == 2
    book.close()


def test_adding_a_block_again_gives_no_number_again(tmp_path: Path) -> None:
    book = NumberBook(tmp_path / "numbers.db", "m1")
    book.add(FIRST_SERIAL, FIRST_SERIAL)
    book.take(1)
    book.add(FIRST_SERIAL, FIRST_SERIAL)
    with pytest.raises(NumbersExhausted):
        book.take(1)
    book.close()


def test_a_copied_file_is_not_drawn_from_on_a_machine_of_another_name(tmp_path: Path) -> None:
    first = NumberBook(tmp_path / "numbers.db", "m1")
    first.add(FIRST_SERIAL, FIRST_SERIAL + 99)
    first.close()
    second = NumberBook(tmp_path / "numbers.db", "m2")
    assert second.remaining() == 0
    with pytest.raises(NumbersExhausted):
        second.take(1)
    second.close()


def test_a_file_that_is_no_database_gives_no_number(tmp_path: Path) -> None:
    (tmp_path / "numbers.db").write_bytes(b"not a database, but long enough to be read as one" * 9)
    book = NumberBook(tmp_path / "numbers.db", "m1")
    with pytest.raises(NumbersExhausted, match="cannot be read or written"):
        book.take(1)


def _take_many(path: Path, each: int, out: multiprocessing.Queue[list[str]]) -> None:
    book = NumberBook(path, "m1")
    out.put([number for _ in range(each) for number in book.take(1)])
    book.close()


def test_eight_processes_never_get_the_same_number(tmp_path: Path) -> None:
    path, each = tmp_path / "numbers.db", 25
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    processes = [context.Process(target=_take_many, args=(path, each, out)) for _ in range(8)]
    book = NumberBook(path, "m1")
    book.add(FIRST_SERIAL, FIRST_SERIAL + 8 * each - 1)
    for process in processes:
        process.start()
    taken = [number for _ in processes for number in out.get(timeout=60)]
    for process in processes:
        process.join(timeout=60)
    assert book.remaining() == 0
    book.close()
    assert len(set(taken)) == 8 * each
