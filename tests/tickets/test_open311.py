from __future__ import annotations

import io
import json
import re
from datetime import datetime
from typing import Any

import pytest

from agent.tickets.open311 import Open311Writer, service_request
from tests.tickets.test_export import TICKET, ticket

FIELDS = {
    "service_request_id": True, "status": True, "status_notes": False, "service_name": False,
    "service_code": True, "description": False, "agency_responsible": False,
    "service_notice": False, "requested_datetime": True, "updated_datetime": False,
    "expected_datetime": False, "address": False, "address_id": False, "zipcode": False,
    "lat": False, "long": False, "media_url": False,
}  # fmt: skip
"""Fields of a service request in GeoReport v2 (wiki.open311.org), and whether each is needed."""


def request(**changed: Any) -> dict[str, Any]:
    made = service_request(ticket(**changed))
    assert made is not None
    return made


def check(made: dict[str, Any]) -> None:
    """What the standard asks of a service request."""
    assert set(made) == set(FIELDS)
    for name, needed in FIELDS.items():
        assert isinstance(made[name], str) or (made[name] is None and not needed)
    assert made["status"] in {"open", "closed"}
    assert len(made["description"] or "") <= 4000
    for name in ("requested_datetime", "updated_datetime", "expected_datetime"):
        if made[name] is not None:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", made[name])
            assert datetime.fromisoformat(made[name]).tzinfo


def test_a_ticket_becomes_a_service_request_of_the_standard() -> None:
    made = request()
    check(made)
    assert made == {
        **dict.fromkeys(FIELDS),
        "service_request_id": "204103274",
        "status": "open",
        "status_notes": "New",
        "service_name": "Drinking water supply",
        "service_code": "WATER",
        "description": "Drinking water supply / குடிநீர் விநியோகம்; for 5 days when reported",
        "agency_responsible": "Home, Prohibition and Excise",
        "requested_datetime": "2026-11-21T01:30:01+05:30",
        "updated_datetime": "2026-11-21T01:30:01+05:30",
        "expected_datetime": "2026-11-25T17:45:00+05:30",
        "address": "Tondiarpet, Dr. Radhakrishnan Nagar",
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [("NEW", "open"), ("ACKNOWLEDGED", "open"), ("ASSIGNED", "open"), ("IN_PROGRESS", "open"),
     ("WAITING_CITIZEN", "open"), ("TRANSFERRED", "open"), ("REOPENED", "open"),
     ("RESOLVED", "closed"), ("VERIFIED_CLOSED", "closed"), ("REJECTED", "closed"),
     ("DUPLICATE_OF", "closed")],
)  # fmt: skip
def test_every_status_is_open_or_closed_and_said_in_words(status: str, state: str) -> None:
    made = request(status=status)
    check(made)
    assert made["status"] == state
    assert "_" not in made["status_notes"]


def test_a_duplicate_names_the_ticket_that_stands_for_it() -> None:
    made = request(status="DUPLICATE_OF", duplicate_of="100000006")
    assert made["status_notes"] == "Duplicate of 100000006"


def test_a_closed_request_was_updated_when_it_was_closed() -> None:
    times = {"resolved_ist": "2026-11-22 10:00:00", "updated_ist": "2026-11-23 10:00:00"}
    assert request(status="RESOLVED", **times)["updated_datetime"] == "2026-11-22T10:00:00+05:30"
    assert request(status="REOPENED", **times)["updated_datetime"] == "2026-11-23T10:00:00+05:30"


def test_what_is_not_known_still_makes_a_request() -> None:
    made = request(**dict.fromkeys(
        ("category", "category_en", "category_ta", "department", "constituency", "locality_en",
         "constituency_en", "constituency_ta", "days_since", "due_ist")
    ))  # fmt: skip
    check(made)
    assert (made["service_code"], made["description"], made["address"]) == ("OTHER", None, None)


def test_how_often_it_was_told_is_said() -> None:
    assert request(reports=12, days_since=1)["description"].endswith(
        "; for 1 day when reported; reported 12 times"
    )


def test_no_word_of_a_caller_goes_in() -> None:
    text = json.dumps(request(last_note="ரகசியம்"), ensure_ascii=False)
    for name in ("description_ta", "place", "landmark", "name", "phone", "call_id"):
        assert TICKET[name] not in text
    assert "ரகசியம்" not in text


def test_confidential_tickets_stay_out_and_are_counted() -> None:
    out = io.StringIO()
    writer = Open311Writer(out)
    for confidential in (True, False, True, False):
        writer.write(ticket(confidential=confidential))
    writer.finish()
    found = json.loads(out.getvalue())
    assert (len(found), writer.left_out) == (2, 2)
    for each in found:
        check(each)


def test_no_tickets_are_an_empty_list() -> None:
    out = io.StringIO()
    writer = Open311Writer(out)
    writer.finish()
    assert json.loads(out.getvalue()) == []
