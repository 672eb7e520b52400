"""Tickets as service requests of Open311 GeoReport v2: what anybody may see of them.

Names of that standard are used at this edge only (wiki.open311.org/GeoReport_v2, "GET Service
Requests"). It is made to be published, so it is built from codes alone: no word, name or number of
a caller goes in, and confidential tickets stay out.
"""

from __future__ import annotations

import json
from typing import IO, Any, Final

from agent.tickets.columns import POSITION, Record
from agent.tickets.lifecycle import DONE
from agent.tickets.models import TicketStatus

_S = TicketStatus
_NOTES: Final = {
    _S.NEW: "New",
    _S.ACKNOWLEDGED: "Seen by the office",
    _S.ASSIGNED: "Given to somebody of the office",
    _S.IN_PROGRESS: "In progress",
    _S.WAITING_CITIZEN: "Waiting for an answer of the citizen",
    _S.RESOLVED: "Resolved, says the office",
    _S.VERIFIED_CLOSED: "Resolved, says the citizen",
    _S.REJECTED: "Rejected",
    _S.DUPLICATE_OF: "Duplicate",
    _S.TRANSFERRED: "Given to this office by another one",
    _S.REOPENED: "Reopened",
}
_OTHER = "OTHER"
"""Service code where nobody knows the category yet; the standard wants one."""


class Open311Writer:
    """One JSON array of service requests."""

    private = False

    def __init__(self, out: IO[str]) -> None:
        """Begin the array."""
        self._out = out
        self._encode = json.JSONEncoder(ensure_ascii=False).encode
        self._begin = "[\n"
        self.left_out = 0
        """Confidential tickets that were not written."""

    def write(self, ticket: Record) -> None:
        """Add a service request."""
        request = service_request(ticket)
        if request is None:
            self.left_out += 1
            return
        self._out.write(self._begin + self._encode(request))
        self._begin = ",\n"

    def write_event(self, event: Record) -> None:
        """The standard has no history."""

    def finish(self) -> None:
        """End the array."""
        self._out.write("[]\n" if self._begin == "[\n" else "\n]\n")

    def abandon(self) -> None:
        """Nothing is held."""


def service_request(ticket: Record) -> dict[str, Any] | None:
    """A ticket as a service request; None when it is confidential."""

    def get(name: str) -> Any:
        return ticket[POSITION[name]]

    if get("confidential"):
        return None
    status = get("status")
    return {
        "service_request_id": get("ticket"),
        "status": "closed" if status in DONE else "open",
        "status_notes": _notes(status, get("duplicate_of")),
        "service_name": get("category_en") or None,
        "service_code": get("category") or _OTHER,
        "description": _description(ticket),
        "agency_responsible": get("department"),
        "service_notice": None,
        "requested_datetime": _time(get("created_ist")),
        "updated_datetime": _time(
            (status in DONE and get("resolved_ist")) or get("updated_ist") or get("created_ist")
        ),
        "expected_datetime": _time(get("due_ist")),
        "address": ", ".join(filter(None, (get("locality_en"), get("constituency_en")))) or None,
        "address_id": None,
        "zipcode": None,
        "lat": None,
        "long": None,
        "media_url": None,
    }


def _notes(status: str, duplicate_of: str | None) -> str:
    note = _NOTES[TicketStatus(status)] if status in _NOTES else status
    return f"{note} of {duplicate_of}" if duplicate_of else note


def _description(ticket: Record) -> str | None:
    names = [ticket[POSITION[f"category_{language}"]] for language in ("en", "ta")]
    days, reports = ticket[POSITION["days_since"]], ticket[POSITION["reports"]]
    facts = [" / ".join(filter(None, names))]
    if days is not None:
        facts.append(f"for {days} {'day' if days == 1 else 'days'} when reported")
    if reports > 1:
        facts.append(f"reported {reports} times")
    return "; ".join(filter(None, facts)) or None


def _time(ist: str | None) -> str | None:
    """With its offset, as the standard wants it: 2026-11-21T01:30:01+05:30."""
    return None if ist is None else ist.replace(" ", "T") + "+05:30"
