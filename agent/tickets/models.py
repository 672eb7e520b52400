"""SQLModel tables ``call``, ``ticket`` and ``number_block``, for SQLite and PostgreSQL.

``CALL`` is a keyword in SQL, but reserved in neither SQLite nor PostgreSQL, so the table keeps the
word of the field. Times are UTC and timezone-aware. What a person could be known by (name, phone,
the words said) is in encrypted columns; a keyed hash beside a phone number finds it again.

Tickets carry no foreign key to their call: a ticket is stored the moment it is filed, the row of
the call only when the call is over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Index, Integer, LargeBinary, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class TicketStatus(StrEnum):
    """How far the office is with a ticket."""

    NEW = "NEW"
    IN_PROGRESS = "IN_PROGRESS"
    CLOSED = "CLOSED"


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
    consent: bool | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    revision: int = 0
    """Journal line this row was made from; an older one never overwrites a newer."""


class NumberBlock(KuralTable, table=True):
    """Serials given to one machine; the primary key keeps two machines apart (numbering.py)."""

    __tablename__ = "number_block"

    first: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last: int = Field(index=True)
    machine: str
    leased_at: datetime = Field(sa_type=UtcDateTime)


CALL = KuralTable.metadata.tables["call"]
TICKET = KuralTable.metadata.tables["ticket"]
NUMBER_BLOCK = KuralTable.metadata.tables["number_block"]
