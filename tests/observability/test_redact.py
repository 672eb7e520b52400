import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.observability.redact import MASK, redact

MASKED = [
    ("call 9500123456 now", f"call {MASK} now"),
    ("95001 23456", MASK),
    ("+91 (950) 012-3456", MASK),
    ("ticket 204-103-274 filed", f"ticket {MASK} filed"),
    ("௯௫௦௦", MASK),
    ("ஒன்பது ஐந்து பூஜ்யம்", MASK),
    ("said வீட்டில் தண்ணீர் வரல sir", f"said {MASK} sir"),
    ("nine Five, zero", MASK),
    ("oh nine double five", MASK),
    ("one hundred and five", MASK),
    ("onbathu anju poojyam poojyam", MASK),
    ("mail murugan.k@example.in now", f"mail {MASK} now"),
    ("postgresql://kural:hunter2@db/kural", f"postgresql://{MASK}@db/kural"),
    ("हिन्दी में", MASK),
]
KEPT = [
    "retry 3 of 5 after 1.5 s",
    "two three",
    "process exiting",
    "version 3.11.7",
    "one of the ears is up, anew",
]


@pytest.mark.parametrize(("text", "expected"), MASKED)
def test_what_a_caller_may_have_said_is_masked(text, expected):
    assert redact(text) == expected


@pytest.mark.parametrize("text", KEPT)
def test_plain_technical_english_stays(text):
    assert redact(text) == text


def test_line_breaks_become_spaces():
    assert redact("first\nsecond\r\n\tthird") == "first second third"


@given(st.text())
def test_redacting_twice_changes_nothing_more(text):
    once = redact(text)
    assert redact(once) == once


@given(st.integers(min_value=1000), st.sampled_from(["", " ", "-", " - "]))
def test_no_long_number_survives_however_it_is_grouped(number, gap):
    digits = gap.join(str(number))
    assert not any(letter.isdigit() for letter in redact(f"number {digits} heard"))


@given(st.text(alphabet=[chr(code) for code in range(0x0B80, 0x0C00)], min_size=1))
def test_no_tamil_sign_survives(word):
    assert not any(0x0B80 <= ord(letter) < 0x0C00 for letter in redact(f"heard {word} here"))
