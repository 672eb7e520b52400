"""SQLModel tables of the ticket database, for SQLite and PostgreSQL.

``CALL`` is a keyword in SQL, but reserved in neither SQLite nor PostgreSQL, so the table keeps the
word of the field. Times are UTC and timezone-aware. What a person could be known by (name, phone,
the words said) is in encrypted columns; a keyed hash beside a phone number finds it again.

Rows of one call carry no foreign keys to one another: a ticket is stored the moment it is filed,
the row of the call only when the call is over, and everything may arrive later, from a journal.
A change here needs a revision under ``migrations/versions``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class TicketStatus(StrEnum):
    """How far the office is with a ticket; :mod:`agent.tickets.lifecycle` says what may follow."""

    NEW = "NEW"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    ASSIGNED = "ASSIGNED"
    IN_PROGRESS = "IN_PROGRESS"
    WAITING_CITIZEN = "WAITING_CITIZEN"
    RESOLVED = "RESOLVED"
    """The office says that it is done."""
    VERIFIED_CLOSED = "VERIFIED_CLOSED"
    """The citizen says so too, or was asked and let the time pass."""
    REJECTED = "REJECTED"
    DUPLICATE_OF = "DUPLICATE_OF"
    TRANSFERRED = "TRANSFERRED"
    """New at another office."""
    REOPENED = "REOPENED"


class EventKind(StrEnum):
    """What happened to a ticket."""

    STATUS = "status"
    ASSIGNED = "assigned"
    TRANSFERRED = "transferred"
    MERGED = "merged"
    REPORTED_AGAIN = "reported_again"
    """The same caller, or another, told the same trouble."""
    CORRECTED = "corrected"
    ESCALATED = "escalated"
    NOTE = "note"
    ERASED = "erased"


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: UTC in the database, timezone-aware in Python; naive times are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn any aware time into UTC before it is stored."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite drops the zone of what it stores; it is always UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


Json = JSON().with_variant(JSONB(), "postgresql")
"""Structured facts without personal words."""
Key = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only when the key is a plain INTEGER."""


_ZERO = {"server_default": text("0")}
_FALSE = {"server_default": false()}
_ONE = {"server_default": text("1")}
"""So that a worker of the revision before can go on writing."""


class KuralTable(SQLModel):
    """Base of our tables; keeps them apart from any other SQLModel of the process."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class CallRow(KuralTable, table=True):
    """One call, written when it is over."""

    __tablename__ = "call"

    id: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=UtcDateTime, index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    channel: str
    dialled: str = ""
    """The line's own number, so not a secret."""
    caller: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Encrypted."""
    caller_hash: str | None = Field(default=None, max_length=64, index=True)
    caller_last4_hash: str | None = Field(default=None, max_length=64, index=True)
    """Keyed hash of the last four digits."""
    intent: str | None = None
    """None only when the call was lost before anything was understood."""
    category: str | None = None
    priority: str | None = None
    constituency_no: int | None = None
    candidates: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    locality_en: str | None = None
    locality_ta: str | None = None
    outcome: str
    """What the flow said at the end, or ``lost`` when the process died before it could."""
    consent: bool | None = None
    turns: int = 0
    """Caller turns that were understood and noted."""
    revision: int = 0
    """Journal line this row was made from; an older one never overwrites a newer."""
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since then nothing in this row can be traced to a person."""


class TicketRow(KuralTable, table=True):
    """One ticket: our numbered record of one complaint."""

    __tablename__ = "ticket"
    __table_args__ = (
        Index(None, "constituency_no", "created_at"),
        Index(None, "created_at"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    number: str = Field(max_length=9, unique=True)
    call_id: str = Field(index=True)
    issue_index: int
    """0 for the first complaint of the call."""
    idempotency_key: str = Field(unique=True)
    """Call id and issue index: the same complaint can be stored any number of times, once."""
    linked_to: str | None = Field(default=None, max_length=9)
    """Number of the first ticket of the same call."""
    channel: str
    intent: str
    category: str | None = None
    priority: str
    constituency_no: int | None = None
    """None while more than one seat is possible, or none is known."""
    candidates: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    """All seats still open: ``{"number", "name_en", "score", "evidence"}``, best first."""
    locality_en: str | None = None
    locality_ta: str | None = None
    place: bytes | None = Field(default=None, sa_type=LargeBinary)
    landmark: bytes | None = Field(default=None, sa_type=LargeBinary)
    name: bytes | None = Field(default=None, sa_type=LargeBinary)
    phone: bytes | None = Field(default=None, sa_type=LargeBinary)
    phone_hash: str | None = Field(default=None, max_length=64, index=True)
    phone_last4_hash: str | None = Field(default=None, max_length=64, index=True)
    """Keyed hash of the last four digits."""
    description: bytes | None = Field(default=None, sa_type=LargeBinary)
    reasons: bytes | None = Field(default=None, sa_type=LargeBinary)
    """All decisions with their words, encrypted."""
    decisions: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    """The same without anything the caller said."""
    days_since: int | None = None
    status: str = TicketStatus.NEW.value
    partial: bool = False
    """The caller was cut off before the complaint was read back."""
    confidential: bool = False
    needs_listening: bool = Field(default=False, sa_column_kwargs=_FALSE)
    """Nobody could make words of it: the sound of its call says what it is about."""
    consent: bool | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    revision: int = 0
    """Journal line this row was made from; an older one never overwrites a newer."""
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the office should be done, by category and working calendar; moved on by the time that
    was waited for the citizen."""
    level: int = Field(default=0, sa_column_kwargs=_ZERO)
    """How often it was escalated."""
    reports: int = Field(default=1, sa_column_kwargs=_ONE)
    """How many times it was told, the first included."""
    reopened: int = Field(default=0, sa_column_kwargs=_ZERO)
    assigned_to: str | None = None
    """Who of the staff works on it: a login, not a citizen."""
    duplicate_of: str | None = Field(default=None, max_length=9)
    """Number of the ticket that stands for this one."""
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    waiting_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The clock of ``due_at`` stands still since then."""
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since then nothing in this row can be traced to a person."""


class TellingRow(KuralTable, table=True):
    """A call that told of a ticket, for tickets that more than one call told of.

    A call that goes on with one that broke off completes its partial ticket: the words of that
    ticket then lie in the journals and the sound of both.
    """

    __tablename__ = "telling"
    __table_args__ = (UniqueConstraint("call_id", "issue_index"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    key: str = Field(index=True)
    """Idempotency key of the ticket."""
    call_id: str
    issue_index: int
    """What number the complaint had in that call."""


class EventRow(KuralTable, table=True):
    """One thing that happened to a ticket. Only ever added; the history of the ticket."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "number", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    number: str = Field(max_length=9)
    """Of the ticket."""
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    kind: str
    """An :class:`EventKind`."""
    actor: str
    """``line`` (the phone line itself), ``citizen``, ``system``, or the login of staff."""
    from_status: str | None = None
    to_status: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    """Codes and numbers: seat, reason, other ticket."""
    note: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Encrypted."""
    key: str | None = Field(default=None, unique=True)
    """What must happen once only has a key: a call that is replayed adds no second event."""


class ConsentRow(KuralTable, table=True):
    """What a caller answered to a question for consent, and to which wording of it."""

    __tablename__ = "consent"
    __table_args__ = (UniqueConstraint("call_id", "kind"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    call_id: str
    kind: str
    """``recording`` or ``abroad`` (words leave the country)."""
    version: str
    """Version of the sentence that was spoken."""
    granted: bool | None = None
    """None when there was no answer."""
    at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CallbackRow(KuralTable, table=True):
    """A call that we owe a citizen."""

    __tablename__ = "callback"
    __table_args__ = (UniqueConstraint("call_id", "reason"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    call_id: str
    reason: str
    """``human``, ``not_understood``, ``overload``, ``disk_full``, ``provisional`` or another word
    of the flow; ``rights_see``, ``rights_correct`` and ``rights_erase`` when the caller wants that
    done with her data."""
    number: str | None = Field(default=None, max_length=9)
    """Of the ticket it is about, if any."""
    constituency_no: int | None = None
    phone: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Encrypted."""
    phone_hash: str | None = Field(default=None, max_length=64, index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_by: str | None = None


class AttachmentRow(KuralTable, table=True):
    """A sealed file that belongs to a call: a voice note or a recording."""

    __tablename__ = "attachment"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    call_id: str = Field(index=True)
    kind: str
    """``voice_note`` or ``recording``."""
    machine: str
    file: str = Field(unique=True)
    """Name under the data folder of that machine."""
    seconds: float
    size_bytes: int
    created_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RatingRow(KuralTable, table=True):
    """What a citizen answered to "is it really mended?" and "were you content?"."""

    __tablename__ = "rating"
    __table_args__ = (UniqueConstraint("call_id", "number"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    call_id: str
    number: str | None = Field(default=None, max_length=9, index=True)
    score: int
    """1 (bad) to 5 (good)."""
    at: datetime = Field(sa_type=UtcDateTime)


class AccessRow(KuralTable, table=True):
    """Somebody saw personal data, or changed or erased it: who, why, which."""

    __tablename__ = "access"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    who: str
    reason: str
    action: str
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    """Which rows: the search, or the ticket number; never what they hold."""


class OutboxRow(KuralTable, table=True):
    """A message to somebody else (a webhook, a sender of SMS) that must not be lost or doubled."""

    __tablename__ = "outbox"

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    key: str = Field(unique=True)
    """The receiver may use it to recognise a message that came twice."""
    kind: str
    payload: bytes = Field(sa_type=LargeBinary)
    """Encrypted JSON."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When to try (again); None when it is done or given up."""
    attempts: int = 0
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ConstituencyRow(KuralTable, table=True):
    """One seat as it was called from one day to another; a new delimitation adds rows."""

    __tablename__ = "constituency"
    __table_args__ = (UniqueConstraint("number", "valid_from"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    number: int
    name_en: str
    name_ta: str
    district_en: str
    valid_from: date
    valid_to: date | None = None
    """Last day; None while it holds."""


class DialledNumberRow(KuralTable, table=True):
    """A number people dial, and the seat whose office it belongs to, from one day to another."""

    __tablename__ = "dialled_number"
    __table_args__ = (UniqueConstraint("number", "valid_from"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=Key)
    number: str
    """E.164: +914428592828."""
    constituency_no: int | None = None
    """None for a line of the whole state."""
    valid_from: date
    valid_to: date | None = None


class NumberBlock(KuralTable, table=True):
    """Serials given to one machine; the primary key keeps two machines apart (numbering.py)."""

    __tablename__ = "number_block"

    first: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last: int = Field(index=True)
    machine: str
    leased_at: datetime = Field(sa_type=UtcDateTime)


CALL = KuralTable.metadata.tables["call"]
TICKET = KuralTable.metadata.tables["ticket"]
TELLING = KuralTable.metadata.tables["telling"]
EVENT = KuralTable.metadata.tables["event"]
CONSENT = KuralTable.metadata.tables["consent"]
CALLBACK = KuralTable.metadata.tables["callback"]
ATTACHMENT = KuralTable.metadata.tables["attachment"]
RATING = KuralTable.metadata.tables["rating"]
ACCESS = KuralTable.metadata.tables["access"]
OUTBOX = KuralTable.metadata.tables["outbox"]
CONSTITUENCY = KuralTable.metadata.tables["constituency"]
DIALLED_NUMBER = KuralTable.metadata.tables["dialled_number"]
NUMBER_BLOCK = KuralTable.metadata.tables["number_block"]
