"""What was before a scripted call: tickets, a call that broke off, other settings of the line."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from agent.callers.expected import Part, SeatNumber, TamilText
from agent.check_digit import is_valid
from agent.complaint import Category
from agent.tickets.models import TicketStatus


def _checked(number: str) -> str:
    if not is_valid(number):
        raise ValueError(f"{number} is not a ticket number: its check digit is wrong")
    return number


class SeedTicket(Part):
    """A ticket that exists before the call."""

    ticket: Annotated[str, Field(pattern=r"^\d{9}$"), AfterValidator(_checked)]
    constituency_no: SeatNumber | None = None
    category: Category | None = None
    status: TicketStatus = TicketStatus.NEW
    phone: TamilText | None = None
    """Digits, or ``CALLER_ID``."""


class SeedBrokenCall(Part):
    """A call of the same number that broke off a while ago and left a partial ticket."""

    minutes_ago: float = Field(default=5.0, gt=0.0, le=1440.0)
    category: Category
    constituency_no: SeatNumber | None = None
    locality: TamilText | None = None
    """``locality_en`` of localities.csv."""
    landmark: TamilText | None = None
    days_since: int | None = Field(default=None, ge=0)
    name: TamilText | None = None
    description: TamilText = ""


class ChangedSettings(Part):
    """Settings of the line that are others for this call."""

    election: bool = False
    """The Model Code of Conduct holds: no member is named."""
    cloud: bool = False
    """Words may leave the country, which the notice says."""
