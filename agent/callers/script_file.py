"""A scripted call as a file: what the caller says, what each turn answers, what must come of it.

The form is that of the example calls (one JSON object a file). The file belongs to the caller's
side: the agent never sees it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from agent.complaint import Category, Intent, Priority, Slot
from agent.errors import UnreadableInput

CALLER_ID = "CALLER_ID"
"""In a script: the number this call came from."""
TURN_WORDS = frozenset(slot.value for slot in Slot) | frozenset(
    ("status", "human", "info", "abuse", "wrong", "silence", "unclear")
)
"""What a turn may answer: a question of the flow, or what a caller does unasked."""
_TOLD_PLAINLY = {
    "tuple_type": "Input should be a list",
    "model_type": "Input should be an object in braces",
    "string_unicode": "Input holds half a character (a lone \\ud800 to \\udfff)",
}
"""Kinds of trouble that the validator tells in Python's words."""
_MAX_FILE_BYTES = 1_000_000
"""A script is a page of text; anything larger is not one."""


def _composed(value: object) -> object:
    """NFC: files typed on other systems hold Tamil vowel signs in two parts."""
    return unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else value


TamilText = Annotated[str, Field(max_length=2000), BeforeValidator(_composed)]
SeatNumber = Annotated[int, Field(ge=1, le=234)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Expected(_Part):
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
    """Digits, or :data:`CALLER_ID`."""
    days_since: int | None = Field(default=None, ge=0)
    priority: Priority | None = None
    intent: Intent | None = None
    ticket: TamilText | None = None
    """The ticket a status call asks about."""

    def says(self, field: str) -> bool:
        """Whether the file names this field at all (null is an answer, absence is not)."""
        return field in self.model_fields_set


class SeedTicket(_Part):
    """A ticket that exists before the call."""

    ticket: Annotated[str, Field(pattern=r"^\d{9}$")]
    constituency_no: SeatNumber | None = None
    category: Category | None = None
    status: str = "OPEN"
    phone: TamilText | None = None


class ScriptedCall(_Part):
    """One caller: identity, words, and the outcome that counts as right."""

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")]
    persona: str = ""
    dialect: str = ""
    channel: str = ""
    caller_turns_ta: tuple[TamilText, ...] = ()
    """The caller's turns as spoken; an empty one is silence."""
    turn_slots: tuple[str, ...] = ()
    """What each turn answers, one of :data:`TURN_WORDS`."""
    seed_tickets: tuple[SeedTicket, ...] = ()
    dialled_constituency_no: SeatNumber | None = None
    expected: Expected | None = None
    """None: the call is played and shown, but not graded."""
    notes: str = ""

    @model_validator(mode="after")
    def _one_word_a_turn(self) -> Self:
        if len(self.caller_turns_ta) != len(self.turn_slots):
            raise ValueError(
                f"turn_slots has {len(self.turn_slots)} words for "
                f"{len(self.caller_turns_ta)} turns in caller_turns_ta"
            )
        for word in self.turn_slots:
            if word not in TURN_WORDS:
                raise ValueError(f"turn_slots holds the unknown word {word!r}")
        return self

    @property
    def caller(self) -> str:
        """The number this call comes from, E.164: +91 00000 000NN, NN from the digits of the id."""
        return caller_number(self.id)


def caller_number(call_id: str) -> str:
    """The simulated number of a call: no such subscriber exists, so nothing can ever ring."""
    digits = "".join(re.findall(r"\d", call_id))[-2:]
    return f"+91{int(digits or 0):010d}"


def load_script(path: Path) -> ScriptedCall:
    """Read one script.

    Raises:
        UnreadableInput: one sentence naming the file and the field that is wrong.
    """
    data = read_object(path)
    if not data.get("caller_turns_ta"):
        raise UnreadableInput(
            f"{path} is not a scripted call: caller_turns_ta, the caller's turns, is missing."
        )
    return parse_call(path, data)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        UnreadableInput: missing, a folder, empty, too large, not UTF-8, not a JSON object.
    """
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise UnreadableInput(f"{path} cannot be read: {exc.strerror}.") from None
    if len(raw) > _MAX_FILE_BYTES:
        raise UnreadableInput(f"{path} is too large to be a scripted call ({len(raw)} bytes).")
    if not raw.strip():
        raise UnreadableInput(f"{path} is empty.")
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UnreadableInput(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    except (ValueError, RecursionError) as exc:  # ValueError: a number of thousands of digits
        where = f" (line {exc.lineno})" if isinstance(exc, json.JSONDecodeError) else ""
        raise UnreadableInput(f"{path} is not valid JSON{where}.") from None
    if not isinstance(data, dict):
        raise UnreadableInput(f"{path} must hold one JSON object, a scripted call.")
    return data


def parse_call(path: Path, data: Mapping[str, Any]) -> ScriptedCall:
    """Validate the fields of one call; ``path`` only names the file in the error.

    Raises:
        UnreadableInput: one sentence naming the file and the first field that is wrong.
    """
    try:
        return ScriptedCall.model_validate(data)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        reason = _TOLD_PLAINLY.get(first["type"], first["msg"]).removeprefix("Value error, ")
        told = f"field {field}: {reason}" if field else reason
        raise UnreadableInput(f"{path}: {told[:200].rstrip('.')}.") from None
