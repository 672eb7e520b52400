import pytest

from agent.tamil.spoken_time import full_year, part_of_day, spell_clock, spell_date


def test_two_digits_of_a_year_are_this_century_unless_it_is_far_off():
    assert [full_year(year) for year in ("26", "69", "70", "1999")] == [2026, 2069, 1970, 1999]


def test_a_day_that_is_none_has_no_words():
    assert spell_date(31, 2, 2026) is None
    assert spell_date(29, 2, 2026) is None
    assert spell_date(1, 13) is None
    assert spell_date(29, 2) == "பிப்ரவரி இருபத்தி ஒன்பதாம் தேதி"


def test_the_day_has_its_parts():
    parts = [part_of_day(hour) for hour in (0, 4, 9, 12, 17, 22)]
    assert parts == ["நள்ளிரவு", "அதிகாலை", "காலை", "மதியம்", "மாலை", "இரவு"]


def test_a_clock_says_twelve_hours_and_takes_an_ending():
    assert spell_clock(13, 0) == "ஒரு மணி"
    assert spell_clock(0, 21, part="நள்ளிரவு") == "நள்ளிரவு பன்னிரண்டு மணி இருபத்தி ஒரு நிமிடம்"
    assert spell_clock(9, 30, ending="க்கு") == "ஒன்பது மணி முப்பது நிமிடத்திற்கு"
    assert spell_clock(9, 30, ending="க்குள்") == "ஒன்பது முப்பது மணிக்குள்"


@pytest.mark.parametrize(("hour", "minute"), [(24, 0), (-1, 0), (1, 60)])
def test_a_time_that_is_none_is_refused(hour: int, minute: int):
    with pytest.raises(ValueError, match="no such time"):
        spell_clock(hour, minute)
