from datetime import datetime, timedelta

import pytest

from agent.errors import UsageError
from agent.scaling.schedule import Schedule
from agent.tickets.calendar import IST

WEDNESDAY = datetime(2026, 11, 4, tzinfo=IST)
SUNDAY = datetime(2026, 11, 8, tzinfo=IST)
NANAK = datetime(2026, 11, 24, tzinfo=IST)  # a Tuesday, public holiday


@pytest.mark.parametrize(
    ("text", "day", "hour", "is_open"),
    [
        ("always", SUNDAY, 3, True),
        ("daily", SUNDAY, 8, True),
        ("daily", NANAK, 19, True),
        ("daily", WEDNESDAY, 20, False),
        ("daily", WEDNESDAY, 7, False),
        ("office", WEDNESDAY, 9, True),
        ("office", SUNDAY, 9, False),
        ("office", NANAK, 9, False),
        ("Mon-Sat 07:00-21:30", WEDNESDAY, 21, True),
        ("Mon-Sat 07:00-21:30", SUNDAY, 12, False),
        ("Mon-Sat 07:00-21:30", NANAK, 12, False),
        (" ALWAYS ", SUNDAY, 3, True),
    ],
)
def test_hours_are_those_of_the_mode(text, day, hour, is_open):
    assert Schedule.parse(text, "--hours").is_open(day + timedelta(hours=hour)) is is_open


def test_opening_is_seen_ahead():
    daily = Schedule.parse("daily", "--hours")
    seven = WEDNESDAY + timedelta(hours=7)
    assert not daily.is_open_within(seven, timedelta(minutes=59))
    assert daily.is_open_within(seven, timedelta(minutes=60))


def test_what_is_no_hours_is_one_sentence_with_the_name_of_the_option():
    with pytest.raises(
        UsageError, match=r"^--hours must be always, daily, office or hours such as"
    ):
        Schedule.parse("nine to five", "--hours")
