"""Between what a caller told us and what is stored: journal data and table rows (pure mapping).

A journal line keeps a whole complaint sealed as one text. A row has columns: facts the office
filters by in clear, what a person could be known by encrypted, each under its own context.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.complaint import Call, Complaint, Decision, Intent, Priority
from agent.errors import TicketError
from agent.tickets.calendar import first_due
from agent.tickets.cipher import Cipher
from agent.tickets.models import TicketStatus
from agent.tickets.names import load_names

Row = dict[str, Any]
"""Values of one row by column name."""

CONSENTS = "consents"
"""In the row of a call: its rows of table ``consent``, stored with it."""
SOUNDS = "sounds"
"""The same of table ``attachment``."""
TELLINGS = "tellings"
"""In the row of a ticket that several calls told of: its rows of table ``telling``."""
COMPLETES = 1_000_000
"""Revisions of who completes a ticket begin a step of so many above those of who began it."""
RECORDING = "recording"
ABROAD = "abroad"
"""Kinds of consent: what is said is kept; it leaves the country."""
UNVERSIONED = "unversioned"
"""Of a consent from before wordings had versions."""
PRIVATE_FIELDS = ("place", "landmark", "name", "phone", "description", "reasons")
"""Columns of a ticket that are encrypted."""
_OPEN_FIELDS = frozenset({"intent", "category", "categories", "priority", "constituency", "days"})
"""Decisions about these hold codes and counts; about others they may hold the caller's words."""
_CODE = re.compile(r"[A-Za-z0-9_.:|-]{1,60}")
_NO_TICKET = frozenset({Intent.STATUS, Intent.WRONG_NUMBER, Intent.INFO})


@dataclass(frozen=True, slots=True)
class Filing:
    """One complaint that has, or is about to get, its ticket."""

    index: int
    """0 for the first complaint of the call."""
    number: str
    complaint: Complaint
    at: datetime
    """When it was first filed, UTC."""
    revision: int
    """Journal line that says so; 0 when there is no journal."""
    partial: bool = False
    continues: str | None = None
    """Key of the partial ticket of an earlier call that this completes."""
    base: int = 0
    """What its rows' revisions count from."""

    def key(self, call_id: str) -> str:
        """Idempotency key of the ticket, when this is a filing of that call."""
        return self.continues or idempotency_key(call_id, self.index)


@dataclass(frozen=True, slots=True)
class Consent:
    """The answer to one question for consent."""

    kind: str
    """``recording`` or ``abroad``."""
    version: str
    """Of the sentence that was spoken."""
    granted: bool | None
    """None when there was no answer."""
    at: datetime
    """UTC."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended."""

    outcome: str
    intent: Intent | None
    at: datetime
    """UTC."""
    turns: int
    revision: int


class Owed(StrEnum):
    """Why we owe a citizen a call."""

    PROVISIONAL = "provisional"
    """The complaint is noted, but its number could not be spoken yet."""
    DISK_FULL = "disk_full"
    """Nothing took the complaint while the caller was on the line."""


@dataclass(frozen=True, slots=True)
class CallBack:
    """A call that we owe."""

    reason: str
    """An :class:`Owed`, or a word of the flow."""
    phone: str | None
    """Where to; None when the caller gave no number, or wants no call there."""
    at: datetime
    """UTC."""
    number: str | None = None
    """Of the ticket it is about; None: the first of the call."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sealed file of sound that belongs to a call."""

    file: str
    """Name under DATA_DIR of its machine, like ``voice_notes/job-1-0001.wav.sealed``."""
    kind: str
    """``voice_note`` or ``recording``."""
    seconds: float
    size_bytes: int
    machine: str
    at: datetime
    """UTC."""


def warm_up() -> None:
    """Load what the first ticket of a process needs, before a caller waits for it (0.2 s)."""
    first_due(datetime.now(UTC), Priority.NORMAL.value, load_names().term(None))
    for kind in (Call, Complaint, tuple[Complaint, ...], str | None):
        _adapter(kind)


def idempotency_key(call_id: str, index: int) -> str:
    """Names one complaint of one call for ever."""
    return f"{call_id}:{index}"


def is_enough(complaint: Complaint, intent: Intent | None) -> bool:
    """Whether the office can act on a complaint that was never read back to the caller.

    A category, words or sound are enough, with or without a place. A call about a ticket's status,
    a question or a wrong number opens none; a call that ended in abuse only when the trouble itself
    was understood before.
    """
    if {complaint.intent, intent} & _NO_TICKET:
        return False
    if complaint.category is not None or complaint.needs_listening:
        return True
    abused = Intent.ABUSE in {complaint.intent, intent}
    return bool(complaint.description.strip()) and not abused


def seal_json(value: Any, kind: Any, cipher: Cipher, context: str) -> str:
    """Seal any of our dataclasses (or a tuple of them) as one text."""
    return cipher.seal_text(_adapter(kind).dump_json(value).decode(), context)


def unseal_json(sealed: str, kind: Any, cipher: Cipher, context: str) -> Any:
    """Open what :func:`seal_json` gave.

    Raises:
        TicketError: wrong key, damage, or a form this version does not know.
    """
    text = cipher.unseal_text(sealed, context)
    try:
        return _adapter(kind).validate_json(text)
    except ValidationError:
        raise TicketError("A journal entry has a form this version does not know.") from None


def ticket_row(
    call: Call, filing: Filing, linked_to: str | None, consent: bool | None, cipher: Cipher
) -> Row:
    """One row of table ``ticket``."""
    complaint, place = filing.complaint, filing.complaint.place
    key = filing.key(call.id)
    seat, decisions = _seat(call, complaint)
    category = complaint.category.value if complaint.category else None
    private = {
        "place": (place.spoken or None) if place else None,
        "landmark": complaint.landmark,
        "name": complaint.name,
        "phone": complaint.phone,
        "description": complaint.description or None,
        "reasons": _reasons(decisions),
    }
    # Sealed before it is hashed: a change of keys in between then hashes it again with the rest.
    sealed = {name: _seal(cipher, text, f"{key}/{name}") for name, text in private.items()}
    row: Row = {
        "number": filing.number,
        "call_id": call.id,
        "issue_index": filing.index,
        "idempotency_key": key,
        "linked_to": linked_to,
        "channel": call.channel,
        "intent": complaint.intent.value,
        "category": category,
        "priority": complaint.priority.value,
        "constituency_no": seat,
        "candidates": candidates_json(complaint),
        "locality_en": place.locality_en if place else None,
        "locality_ta": place.locality_ta if place else None,
        "phone_hash": cipher.phone_hash(complaint.phone or ""),
        "phone_last4_hash": cipher.last_four_hash(complaint.phone or ""),
        "decisions": open_decisions(decisions),
        "days_since": complaint.days,
        "status": TicketStatus.NEW.value,
        "partial": filing.partial,
        "confidential": complaint.confidential,
        "needs_listening": complaint.needs_listening,
        "consent": consent,
        "created_at": filing.at,
        "due_at": first_due(filing.at, complaint.priority.value, load_names().term(category)),
        "revision": filing.base + filing.revision,
        **sealed,
    }
    if filing.continues:
        row[TELLINGS] = _tellings(filing.continues, call.id, filing.index)
    return row


def _tellings(key: str, call_id: str, index: int) -> list[Row]:
    """Rows of table ``telling``: of the call that began the ticket, and of this one."""
    first, _, first_index = key.rpartition(":")
    return [
        {"key": key, "call_id": first, "issue_index": int(first_index)},
        {"key": key, "call_id": call_id, "issue_index": index},
    ]


def call_row(
    call: Call, complaint: Complaint | None, ending: Ending, consent: bool | None, cipher: Cipher
) -> Row:
    """One row of table ``call``; ``complaint`` is the first of the call, when there was one."""
    place = complaint.place if complaint else None
    return {
        "id": call.id,
        "started_at": call.started_at,
        "ended_at": ending.at,
        "channel": call.channel,
        "dialled": call.dialled,
        "caller": _seal(cipher, call.caller or None, f"{call.id}/caller"),
        "caller_hash": cipher.phone_hash(call.caller),
        "caller_last4_hash": cipher.last_four_hash(call.caller),
        "intent": ending.intent.value if ending.intent else None,
        "category": complaint.category.value if complaint and complaint.category else None,
        "priority": complaint.priority.value if complaint else None,
        "constituency_no": _seat(call, complaint)[0] if complaint else call.constituency,
        "candidates": candidates_json(complaint) if complaint else [],
        "locality_en": place.locality_en if place else None,
        "locality_ta": place.locality_ta if place else None,
        "outcome": ending.outcome,
        "consent": consent,
        "turns": ending.turns,
        "revision": ending.revision,
    }


def callback_row(
    call: Call, owed: CallBack, number: str | None, complaint: Complaint | None, cipher: Cipher
) -> Row:
    """One row of table ``callback``; number and complaint are those of the call's first ticket."""
    return {
        "call_id": call.id,
        "reason": str(owed.reason),
        "number": owed.number or number,
        "constituency_no": _seat(call, complaint)[0] if complaint else call.constituency,
        "phone": _seal(cipher, owed.phone, callback_context(call.id, owed.reason)),
        "phone_hash": cipher.phone_hash(owed.phone or ""),
        "created_at": owed.at,
    }


def callback_context(call_id: str, reason: str) -> str:
    """What the number in a row of table ``callback`` is sealed under."""
    return f"callback/{call_id}/{reason}/phone"


def outbox_context(key: str) -> str:
    """What the payload of a row of table ``outbox`` is sealed under."""
    return f"outbox/{key}"


def consent_rows(call_id: str, consents: Sequence[Consent]) -> list[Row]:
    """Rows of table ``consent``."""
    return [
        {"call_id": call_id, "kind": each.kind, "version": each.version, "granted": each.granted,
         "at": each.at}
        for each in consents
    ]  # fmt: skip


def sound_rows(call_id: str, sounds: Sequence[Sound]) -> list[Row]:
    """Rows of table ``attachment``."""
    return [
        {"call_id": call_id, "kind": each.kind, "machine": each.machine, "file": each.file,
         "seconds": each.seconds, "size_bytes": each.size_bytes, "created_at": each.at}
        for each in sounds
    ]  # fmt: skip


def open_private(row: Row, name: str, cipher: Cipher) -> str | None:
    """Decrypt one private column of a ticket row.

    Raises:
        TicketError: wrong key or damage.
    """
    sealed = row[name]
    if sealed is None:
        return None
    return cipher.unseal(bytes(sealed), f"{row['idempotency_key']}/{name}")


def open_caller(row: Row, cipher: Cipher) -> str | None:
    """Decrypt the caller's number of a call row.

    Raises:
        TicketError: wrong key or damage.
    """
    sealed = row["caller"]
    return None if sealed is None else cipher.unseal(bytes(sealed), f"{row['id']}/caller")


def candidates_json(complaint: Complaint) -> list[Row]:
    """All seats still open, best first, as the column ``candidates`` holds them."""
    if complaint.place is None:
        return []
    return [
        {"number": seat.number, "name_en": seat.name_en, "score": seat.score,
         "evidence": seat.evidence}
        for seat in complaint.place.candidates
    ]  # fmt: skip


def open_decisions(decisions: Sequence[Decision]) -> list[Row]:
    """Decisions without anything the caller said: codes of known fields, and who decided."""
    shown = []
    for decision in decisions:
        entry: Row = {"field": decision.field, "by": decision.by, "score": decision.score}
        if decision.field in _OPEN_FIELDS:
            for name in ("value", "evidence"):
                text = getattr(decision, name)
                if _CODE.fullmatch(text) and (name == "value" or decision.by == "rule"):
                    entry[name] = text
        shown.append(entry)
    return shown


def _seat(call: Call, complaint: Complaint) -> tuple[int | None, tuple[Decision, ...]]:
    """The seat, and the decisions with the reason for it when the dialled number gave it.

    A place that fits several seats stays open even when the dialled number belongs to one of them:
    people phone the office they know about places elsewhere.
    """
    place = complaint.place
    if (place and place.candidates) or call.constituency is None:
        return (place.constituency if place else None), complaint.decisions
    number = str(call.constituency)
    return call.constituency, (
        *complaint.decisions,
        Decision("constituency", number, "rule", "dialled-number", 0.5),
    )


def _reasons(decisions: Sequence[Decision]) -> str | None:
    if not decisions:
        return None
    return json.dumps(
        [
            {"field": each.field, "value": each.value, "by": each.by, "evidence": each.evidence,
             "score": each.score}
            for each in decisions
        ],
        ensure_ascii=False,
    )  # fmt: skip


def _seal(cipher: Cipher, text: str | None, context: str) -> bytes | None:
    return None if text is None else cipher.seal(text, context)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
