"""What a conversation needs of others: small protocols, owned here, met by the wiring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.complaint import Complaint, Intent, Recalled, UnderstoodTurn
    from agent.conversation.steps import Step, TicketFound


class Numbered(Protocol):
    """What filing gives back."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """Ticket numbers in the order of the complaints."""

    @property
    def provisional(self) -> bool:
        """Whether they may not be spoken, because this machine could still take them along."""


class Ledger(Protocol):
    """The durable record of one call; blocking, called in a thread (tickets/ledger.py)."""

    def consent(self, granted: bool | None, *, version: str) -> None:
        """Store the answer to the notice, and the version of its wording."""

    def note(self, complaints: Sequence[Complaint], intent: Intent) -> None:
        """Sync what is known after a committed turn."""

    def file(self, complaints: Sequence[Complaint]) -> Numbered:
        """Make the complaints durable and give their numbers."""

    def call_back(self, phone: str | None) -> bool:
        """Note that we owe the caller a call; whether that is durable."""

    def close(self, outcome: str, intent: Intent, complaints: Sequence[Complaint]) -> object:
        """Store the row of the call; what was noted but never filed becomes partial."""

    def settle(self, within_s: float) -> bool:
        """Try on after the end of the call until something has taken it."""


class CallObserver(Protocol):
    """Who may watch a call: simulated callers, the live view, tests. Never changes it."""

    def asked(self, step: Step, text: str) -> None:
        """``text`` is about to be spoken; ``step.expect`` is the question now open."""

    def heard(self, turn: UnderstoodTurn) -> None:
        """A turn was committed."""

    def filed(self, numbers: tuple[str, ...]) -> None:
        """The complaints are durable under these numbers."""

    def closed(self, outcome: str) -> None:
        """The call is over and its row stored."""


class Transferrer(Protocol):
    """Hands the caller of one call to a person (control/transfer.py)."""

    async def transfer(self) -> bool:
        """Try; whether a person has the caller now. Never raises but for cancellation."""


ActOn = Callable[[str, str | None, str, str | None], bool]
"""(kind, ticket number, value, phone) -> whether it is durable; blocking (``CallLedger.act``)."""
Recall = Callable[[], "Recalled"]
"""What the store knows of the caller's number; blocking, 0.3 s at most."""
Alarm = Callable[[str, "Complaint"], bool]
"""(ticket number, complaint) -> whether somebody on duty has confirmed; blocking, 2 s at most."""
KeepNote = Callable[[bytes], Awaitable[bool]]
"""Stores a spoken note (int16 mono at 16 kHz); whether it is kept."""


@dataclass(frozen=True, slots=True)
class Services:
    """What one call may ask for besides its ledger; None where there is no such thing."""

    look_up: Callable[[str], TicketFound | None] = lambda _: None
    """What the store knows of a ticket number; blocking."""
    act: ActOn | None = None
    recall: Recall | None = None
    alarm: Alarm | None = None
    transferrer: Transferrer | None = None
    keep_note: KeepNote | None = None
