"""How the choice of a length of time is learned, on cases made by hand."""

import numpy as np

from agent.complaint import Slot
from training.days import PAIRED, Case, Row, Table


def case(source: str, days: int | None) -> Case:
    row = Row("அஞ்சு நாளா", Slot.COMPLAINT, days, "chennai", source)
    return Case(row, [None, 5], [["none"], ["kind"]], None)


def guess(cases: list[Case]) -> int | None:
    table = Table(cases)
    return table.guess(table.learn(np.ones(len(cases), bool)), 0)


def test_the_label_of_most_callers_is_learned() -> None:
    assert guess([case("lived_d", 5), *[case("lived_e", None)] * 3]) is None
    assert guess([*[case("lived_d", 5)] * 3, case("lived_e", None)]) == 5


def test_sentences_written_to_contrast_count_less_than_what_callers_say() -> None:
    assert guess([case("lived_d", 5), *[case(f"{PAIRED} t", None)] * 3]) == 5
    assert guess([case("lived_d", 5), *[case(f"{PAIRED} t", None)] * 9]) is None


def test_a_case_whose_length_no_reading_has_teaches_nothing() -> None:
    assert not Table([case("lived_d", 7)]).learnable.any()
