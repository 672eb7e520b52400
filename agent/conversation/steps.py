"""The flow's contract: (state, event, time) -> step. Plain data, no I/O.

A *state* is all the call knows so far. An *event* is what just happened (an understood turn,
silence, the answer of the ticket store). A *step* is what follows: the new state, the lines to
say, the question now open, and the effects that must be durable before anything is spoken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from agent.complaint import Category, Decision, Intent, Place, Slot, UnderstoodTurn

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_VALUES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Line:
    """One prompt and the words that fill its slots."""

    prompt: str
    """Id in ``prompts/call.toml``."""
    values: Mapping[str, str] = field(default_factory=lambda: NO_VALUES)
    """Slot name -> Tamil words, already spelled for a voice (no digits)."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller has said nothing for the silence limit."""


@dataclass(frozen=True, slots=True)
class Filed:
    """The complaints of this call are kept under these numbers."""

    numbers: tuple[str, ...]
    provisional: bool = False
    """They could still be lost with this machine: no number may be spoken that was not before."""


@dataclass(frozen=True, slots=True)
class NotFiled:
    """Neither journal nor database took the complaint: no number may be spoken."""

    call_back: bool | None = None
    """True: a call-back is durably noted and may be promised. False: it will be tried. None: there
    is no number to call."""


@dataclass(frozen=True, slots=True)
class TicketFound:
    """What the store knows of the ticket asked for."""

    number: str
    status: str
    """Life-cycle state, e.g. ``IN_PROGRESS``."""


@dataclass(frozen=True, slots=True)
class TicketUnknown:
    """No such ticket, or the store cannot be asked now."""


Event = UnderstoodTurn | Silence | Filed | NotFiled | TicketFound | TicketUnknown


@dataclass(frozen=True, slots=True)
class FileComplaints:
    """Effect: make the complaints of the state durable, then come back with Filed or NotFiled."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Effect: read a ticket's state, then come back with TicketFound or TicketUnknown."""

    number: str


Effect = FileComplaints | LookUp


@dataclass(frozen=True, slots=True)
class FlowState:
    """All that one call has told so far. Replaced, never changed."""

    caller: str = ""
    """Number the call came from; empty when hidden."""
    seat: int | None = None
    """Seat of the dialled number, if it belongs to one."""
    expect: Slot | None = None
    """The question that is open."""
    intent: Intent | None = None
    consent: bool | None = None
    emergency: bool = False
    categories: tuple[Category, ...] = ()
    later: tuple[Category, ...] = ()
    """Those told after the ticket number: how long they have lasted was not asked."""
    description: str = ""
    place: Place | None = None
    place_asked_back: bool = False
    landmark: str | None = None
    days: int | None = None
    name: str | None = None
    phone: str | None = None
    digits: str = ""
    """Digits of a number gathered over several turns."""
    ticket: str | None = None
    """Ticket the caller asks about."""
    confidential: bool = False
    closed: frozenset[Slot] = frozenset()
    """Questions answered, refused or given up: never asked again."""
    tries: int = 0
    """Turns in a row that did not answer the open question."""
    unheard: int = 0
    """Silences and empty turns since something was understood."""
    insults: int = 0
    asides: int = 0
    """Questions of the caller that were answered."""
    corrections: int = 0
    repeats: int = 0
    filed: tuple[str, ...] = ()
    """Numbers the complaints are kept under."""
    told: tuple[str, ...] = ()
    """Those of them, from the first on, that were spoken."""
    outcome: str = "open"
    """How the call ended: ``filed``, ``provisional``, ``status``, ``info``, ``human``,
    ``wrong_number``, ``abuse``, ``refused``, ``silent``, ``not_saved``; ``open`` while it lasts."""
    decisions: tuple[Decision, ...] = ()
    last: tuple[Line, ...] = ()
    """What was said last, for "say that again"."""


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from one event."""

    state: FlowState
    say: tuple[Line, ...]
    effects: tuple[Effect, ...] = ()
    """Done, in order, before anything is spoken; each answers with an event of its own."""
    end: bool = False
    """The line is hung up after the last word."""
    uninterruptible: bool = False
    """Ticket numbers and safety sentences are heard to their end."""

    @property
    def expect(self) -> Slot | None:
        """The question that is open after this step."""
        return self.state.expect
