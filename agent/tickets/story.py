"""The story a journal tells: everything known of one call, folded from its lines (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from agent.complaint import ActKind, Call, Complaint, Intent
from agent.errors import TicketError
from agent.tickets.acts import REFUSED, Act, Adopted
from agent.tickets.cipher import Cipher
from agent.tickets.journal import JournalLine, Kind
from agent.tickets.records import (
    CONSENTS,
    RECORDING,
    SOUNDS,
    UNVERSIONED,
    CallBack,
    Consent,
    Ending,
    Filing,
    Row,
    Sound,
    call_row,
    callback_row,
    consent_rows,
    is_enough,
    seal_json,
    sound_rows,
    ticket_row,
    unseal_json,
)

LOST = "lost"
"""Outcome of a call whose process died before it could say how it ended."""

Complaints = tuple[Complaint, ...]


class Rows(NamedTuple):
    """What one transaction stores of a call; the arguments of :meth:`TicketStore.save`."""

    tickets: list[Row]
    call: Row | None
    callbacks: list[Row]


@dataclass(slots=True)
class CallStory:
    """One call as far as it has been told; grows with every line."""

    call: Call
    turns: int = 0
    consents: dict[str, Consent] = field(default_factory=dict)
    """By kind; the last answer counts."""
    intent: Intent | None = None
    complaints: Complaints = ()
    """The latest snapshot: what was noted last, or what the call closed with."""
    filings: dict[int, Filing] = field(default_factory=dict)
    """By issue index; once an index is here it keeps its number."""
    callbacks: dict[str, CallBack] = field(default_factory=dict)
    """Calls we owe, by reason: once each."""
    acts: dict[str, Act] = field(default_factory=dict)
    """What the caller did to tickets, by key."""
    adopted: dict[int, Adopted] = field(default_factory=dict)
    """Partial tickets of an earlier call that this one completes, by issue index."""
    sounds: dict[str, Sound] = field(default_factory=dict)
    """Voice notes, by file."""
    ending: Ending | None = None
    seen_at: datetime | None = None
    """Time of the latest line."""

    @property
    def consent(self) -> bool | None:
        """Whether what is said may be kept; None without an answer."""
        given = self.consents.get(RECORDING)
        return given.granted if given else None

    @property
    def numbers(self) -> tuple[str, ...]:
        """All ticket numbers of the call, in the order of its complaints."""
        return tuple(self.filings[index].number for index in sorted(self.filings))

    @property
    def first_complaint(self) -> Complaint | None:
        """What the row of the call is about: the first ticket's complaint, or the first noted."""
        if self.filings:
            return self.filings[min(self.filings)].complaint
        return self.complaints[0] if self.complaints else None

    def rows(self, filings: Mapping[int, Filing], cipher: Cipher, with_call: bool) -> Rows:
        """Rows of these tickets, linked to the first of the call, and of the call when it ended."""
        known = {**self.filings, **filings}
        first = known[min(known)].number if known else None
        tickets = [
            ticket_row(
                self.call,
                filing,
                None if filing.number == first else first,
                self.consent,
                cipher,
            )
            for filing in filings.values()
        ]
        told = self.first_complaint
        owed = [
            callback_row(self.call, each, first, told, cipher) for each in self.callbacks.values()
        ]
        call = None
        if with_call and self.ending is not None:
            call = call_row(self.call, told, self.ending, self.consent, cipher)
            call[CONSENTS] = consent_rows(self.call.id, list(self.consents.values()))
            call[SOUNDS] = sound_rows(self.call.id, list(self.sounds.values()))
        return Rows(tickets, call, owed)

    def filings_of(
        self,
        complaints: Sequence[tuple[int, Complaint]],
        numbers: Mapping[int, str],
        at: datetime,
        *,
        partial: bool,
    ) -> dict[int, Filing]:
        """Filings of complaints that are new, or differ from what was filed, by index.

        ``numbers`` are for the new ones that complete no earlier ticket; ``at`` is when those are
        filed, UTC.
        """
        filings: dict[int, Filing] = {}
        for index, complaint in complaints:
            old, adopted = self.filings.get(index), self.adopted.get(index)
            if old is None and adopted is not None:
                filings[index] = Filing(
                    index, adopted.number, complaint, at, 0, partial, adopted.key, adopted.base
                )
            elif old is None:
                filings[index] = Filing(index, numbers[index], complaint, at, 0, partial)
            elif old.complaint != complaint:
                filings[index] = replace(old, complaint=complaint)
        return filings

    def tell(self, act: Act) -> None:
        """Add what the caller did; a call it makes us owe is owed once for each reason."""
        self.acts[act.key] = act
        self.adopted.update({each.index: each for each in act.adopted})
        if act.reason is not None:
            owed = CallBack(act.reason, act.phone, act.at, act.number)
            self.callbacks.setdefault(act.reason, owed)

    def unfiled(self) -> list[tuple[int, Complaint]]:
        """Complaints that were noted, never filed, and are enough to act on."""
        return [
            (index, complaint)
            for index, complaint in enumerate(self.complaints)
            if index not in self.filings and is_enough(complaint, self.intent)
        ]


def _time(ticket: dict[str, Any], written: datetime) -> datetime:
    """When it was filed; lines from before this was noted have only the time of writing."""
    noted = ticket.get("at")
    return datetime.fromisoformat(noted) if noted else written


def _continued(filing: Filing) -> dict[str, Any]:
    """Which earlier ticket a filing completes, where it does."""
    return {"continues": filing.continues, "base": filing.base} if filing.continues else {}


class StoryLines:
    """Writes and reads the ``data`` of journal lines of one call."""

    def __init__(self, call_id: str, cipher: Cipher) -> None:
        """Bind the call id (it is part of every sealed text) and the key."""
        self._cipher = cipher
        self._context = f"journal/{call_id}"

    def opened(self, call: Call) -> dict[str, Any]:
        """Data of the first line."""
        return {"channel": call.channel, "sealed": self._seal(call, Call)}

    def heard(self, complaints: Complaints, intent: Intent) -> dict[str, Any]:
        """Data of a snapshot after a turn."""
        return {
            "intent": intent.value,
            "complaints": len(complaints),
            "sealed": self._seal(complaints, Complaints),
        }

    def filed(self, filings: Sequence[Filing]) -> dict[str, Any]:
        """Data of the line that must be synced before a number is spoken."""
        return {
            "tickets": [
                {
                    "index": filing.index,
                    "number": filing.number,
                    "partial": filing.partial,
                    "at": filing.at.isoformat(),
                    "sealed": self._seal(filing.complaint, Complaint),
                    **_continued(filing),
                }
                for filing in filings
            ]
        }

    def act(self, act: Act, *, refused: bool = False) -> dict[str, Any]:
        """Data of the line that says what the caller did, or that it was not allowed."""
        data: dict[str, Any] = {"act": act.kind.value, "number": act.number, "value": act.value}
        if refused:
            return {**data, REFUSED: True}
        if act.phone is not None:
            data["sealed"] = self._seal(act.phone, str | None)
        if act.adopted:
            data["adopted"] = [
                {"index": each.index, "number": each.number, "key": each.key, "base": each.base}
                for each in act.adopted
            ]
        return data

    def sound(self, sound: Sound) -> dict[str, Any]:
        """Data of the line that says where sound of the call is kept."""
        return {
            "file": sound.file,
            "kind": sound.kind,
            "seconds": sound.seconds,
            "size_bytes": sound.size_bytes,
            "machine": sound.machine,
        }

    def callback(self, owed: CallBack) -> dict[str, Any]:
        """Data of the line that says we owe a call."""
        return {"reason": str(owed.reason), "sealed": self._seal(owed.phone, str | None)}

    def closed(
        self, outcome: str, intent: Intent | None, turns: int, complaints: Complaints
    ) -> dict[str, Any]:
        """Data of the last line."""
        return {
            "outcome": outcome,
            "intent": intent.value if intent else None,
            "turns": turns,
            "sealed": self._seal(complaints, Complaints),
        }

    def retell(self, lines: Sequence[JournalLine]) -> CallStory:
        """Fold good lines into the story of their call.

        A file whose first line is damaged still names its call on every other line.

        Raises:
            TicketError: no line at all, another key, or an entry of an unknown form.
        """
        if not lines:
            raise TicketError("A journal without a single good line tells nothing.")
        story = CallStory(Call(lines[0].call_id, lines[0].at))
        for line in lines:
            try:
                self._tell(story, line)
            except (KeyError, ValueError, TypeError):
                raise TicketError(
                    "A journal entry has a form this version does not know."
                ) from None
            story.seen_at = line.at
        return story

    def _tell(self, story: CallStory, line: JournalLine) -> None:
        data = line.data
        match line.kind:
            case Kind.OPENED:
                story.call = self._unseal(data["sealed"], Call)
            case Kind.CONSENT:
                kind, version = data.get("kind", RECORDING), data.get("version", UNVERSIONED)
                story.consents[kind] = Consent(kind, version, data["granted"], line.at)
            case Kind.HEARD:
                story.turns += 1
                story.intent = Intent(data["intent"])
                story.complaints = self._unseal(data["sealed"], Complaints)
            case Kind.FILED:
                for ticket in data["tickets"]:
                    self._tell_filing(story, ticket, line)
            case Kind.CALLBACK:
                reason = str(data["reason"])
                phone = self._unseal(data["sealed"], str | None)
                story.callbacks.setdefault(reason, CallBack(reason, phone, line.at))
            case Kind.ACT:
                self._tell_act(story, line)
            case Kind.SOUND:
                names = ("file", "kind", "seconds", "size_bytes", "machine")
                sound = Sound(**{name: data[name] for name in names}, at=line.at)
                story.sounds[sound.file] = sound
            case Kind.CLOSED:
                intent = data["intent"]
                story.intent = Intent(intent) if intent else None
                story.complaints = self._unseal(data["sealed"], Complaints)
                story.ending = Ending(
                    data["outcome"], story.intent, line.at, data["turns"], line.seq
                )
            case Kind.STORED:
                pass  # rows are written by key: storing once more changes nothing

    def _tell_act(self, story: CallStory, line: JournalLine) -> None:
        data = line.data
        sealed = data.get("sealed")
        act = Act(
            kind=ActKind(data["act"]),
            number=data["number"],
            value=data["value"],
            at=line.at,
            phone=self._unseal(sealed, str | None) if sealed else None,
            adopted=tuple(Adopted(**each) for each in data.get("adopted", ())),
        )
        if data.get(REFUSED):
            story.acts.pop(act.key, None)
        else:
            story.tell(act)

    def _tell_filing(self, story: CallStory, ticket: dict[str, Any], line: JournalLine) -> None:
        index = int(ticket["index"])
        earlier = story.filings.get(index)
        story.filings[index] = Filing(
            index=index,
            number=str(ticket["number"]),
            complaint=self._unseal(ticket["sealed"], Complaint),
            at=earlier.at if earlier else _time(ticket, line.at),
            revision=line.seq,
            partial=bool(ticket["partial"]),
            continues=ticket.get("continues"),
            base=int(ticket.get("base", 0)),
        )

    def _seal(self, value: Any, kind: Any) -> str:
        return seal_json(value, kind, self._cipher, self._context)

    def _unseal(self, sealed: str, kind: Any) -> Any:
        return unseal_json(sealed, kind, self._cipher, self._context)
