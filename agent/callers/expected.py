"""What must come of a scripted call: the part of its file that grading reads.

A field that the file does not name is not compared; ``null`` says that the row holds nothing there.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agent.complaint import Category, Intent, Priority


def _composed(value: object) -> object:
    """NFC: files typed on other systems hold Tamil vowel signs in two parts."""
    return unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else value


TamilText = Annotated[str, Field(max_length=2000), BeforeValidator(_composed)]
"""Words of a caller, NFC."""
SeatNumber = Annotated[int, Field(ge=1, le=234)]
TicketNumber = Annotated[str, Field(pattern=r"^\d{9}$")]


class Part(BaseModel):
    """One part of a script; fields it does not know are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Outcome(StrEnum):
    """How a call may end, as a script expects it: the flow's words, and ``hung_up``."""

    FILED = "filed"
    STATUS = "status"
    HUMAN = "human"
    INFO = "info"
    WRONG_NUMBER = "wrong_number"
    ABUSE = "abuse"
    REFUSED = "refused"
    SILENT = "silent"
    LISTENING = "listening"
    AGAIN = "again"
    REOPENED = "reopened"
    VERIFIED = "verified"
    TRANSFERRED = "transferred"
    HUNG_UP = "hung_up"
    RIGHTS = "rights"
    CALLBACK = "callback"
    PROVISIONAL = "provisional"
    NOT_SAVED = "not_saved"
    TOO_LONG = "too_long"


class Wish(StrEnum):
    """What a caller may want done with the data stored about him."""

    SEE = "see"
    CORRECT = "correct"
    ERASE = "erase"


class Expected(Part):
    """What the rows left by the call must say; a field that is absent is not compared."""

    category: Category | None = None
    categories: tuple[Category, ...] | None = None
    """All complaints of the call when there are several: one ticket each, linked."""
    constituency_no: SeatNumber | None = None
    constituency_candidates: tuple[SeatNumber, ...] | None = None
    """The seats that must be kept open when ``constituency_no`` is null."""
    locality: TamilText | None = None
    landmark: TamilText | None = None
    name: TamilText | None = None
    name_ta: TamilText | None = None
    phone: TamilText | None = None
    """Digits, or ``CALLER_ID``."""
    days_since: int | None = Field(default=None, ge=0)
    priority: Priority | None = None
    intent: Intent | None = None
    ticket: TamilText | None = None
    """The ticket a status call asks about."""
    outcome: Outcome | None = None
    """How the call ended."""
    partial: bool | None = None
    """The ticket is marked as broken off."""
    needs_listening: bool | None = None
    """The ticket waits for somebody to listen to the spoken note."""
    callback: bool | None = None
    """A call is owed, as a row."""
    consent: bool | None = None
    """The stored answer to the notice."""
    reported_again: TicketNumber | None = None
    """The ticket that is told once more: no new one is filed."""
    reopened: TicketNumber | None = None
    verified: TicketNumber | None = None
    """The ticket that is closed by the citizen's word."""
    rating: int | None = Field(default=None, ge=1, le=5)
    request: Wish | None = None
    """The wish about stored data that is kept as a row."""
    resumes: bool | None = None
    """The partial ticket of the call that broke off is completed."""
    tickets: int | None = Field(default=None, ge=0, le=20)
    """How many tickets the call leaves."""

    def says(self, field: str) -> bool:
        """Whether the file names this field at all (null is an answer, absence is not)."""
        return field in self.model_fields_set
