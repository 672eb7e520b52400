from decimal import Decimal

import pytest

from agent.scaling.worked import Sheet, at_least_zero, ceiling, floor, named, number, plain


def test_brackets_stand_where_the_order_needs_them():
    a, b, c = (named(name, Decimal(value)) for name, value in (("a", 7), ("b", 2), ("c", 4)))
    assert ((a + b) * c).names == "(a + b) * c"
    assert (a - (b - c)).names == "a - (b - c)"
    assert (a - (b - c)).value == 9
    assert (a / (b * c)).numbers == "7 / (2 * 4)"
    assert (a * b + c).numbers == "7 * 2 + 4"
    assert (c + a * b).names == "c + a * b"


def test_functions_show_their_arguments():
    a, b = named("a", Decimal("2.1")), named("b", Decimal(4))
    worked = [ceiling(a), floor(a), at_least_zero(a - b)]
    assert [one.numbers for one in worked] == ["ceil(2.1)", "floor(2.1)", "max(0, 2.1 - 4)"]
    assert [int(one.value) for one in worked] == [3, 2, 0]


def test_a_figure_is_used_as_it_is_printed():
    sheet = Sheet()
    third = sheet.add("third", "INR", number(1) / number(3))
    assert sheet.figures["third"].line == "third = 1 / 3 = 0.33 INR"
    assert (third * number(3)).value == Decimal("0.99")


def test_halves_go_up():
    sheet = Sheet()
    sheet.add("half", "INR", named("x", Decimal("0.005")))
    assert sheet.figures["half"].value == Decimal("0.01")


def test_money_beyond_all_sense_is_still_rounded():
    sheet = Sheet()
    sheet.add("much", "INR", named("x", Decimal(10) ** 40))
    assert sheet.figures["much"].value == Decimal(10) ** 40


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+3", "1000"), ("0.50", "0.5"), ("440.00", "440"), ("-0", "0"), ("20", "20")],
)
def test_numbers_are_written_plainly(value, text):
    assert plain(Decimal(value)) == text
