"""A scripted call as a file: what the caller says, what each turn answers, what must come of it.

The form is that of the example calls (one JSON object a file). The file belongs to the caller's
side: the agent never sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from agent.callers.beforehand import ChangedSettings, SeedBrokenCall, SeedTicket
from agent.callers.expected import Expected, Part, SeatNumber, TamilText
from agent.callers.line_kind import LineKind
from agent.complaint import Slot
from agent.errors import UnreadableInput

CALLER_ID = "CALLER_ID"
"""In a script: the number this call came from."""
TURN_WORDS = frozenset(slot.value for slot in Slot) | frozenset(
    ("status", "human", "info", "abuse", "wrong", "silence", "unclear")
)
"""What a turn may answer: a question of the flow, or what a caller does unasked."""
_KEYS = re.compile(r"\[([0-9*#]{1,40})\]")
_IN_BRACKETS = re.compile(r"\[.*\]")
_TOLD_PLAINLY = {
    "tuple_type": "Input should be a list",
    "model_type": "Input should be an object in braces",
    "string_unicode": "Input holds half a character (a lone \\ud800 to \\udfff)",
}
"""Kinds of trouble that the validator tells in Python's words."""
_MAX_FILE_BYTES = 1_000_000
"""A script is a page of text; anything larger is not one."""


def keys_of(turn: str) -> str:
    """What a turn presses on the keypad ("[1]" -> "1"); empty for a turn that is spoken."""
    found = _KEYS.fullmatch(turn)
    return found.group(1) if found else ""


class ScriptedCall(Part):
    """One caller: identity, words, manners, and the outcome that counts as right."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True)

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")]
    persona: str = ""
    dialect: str = ""
    channel: str = ""
    flow: str = ""
    """Which flow the call is about; the report counts by its first word."""
    caller_turns_ta: tuple[TamilText, ...] = ()
    """The caller's turns as spoken; an empty one is silence, one in brackets is pressed on the
    keypad (:func:`keys_of`)."""
    turn_slots: tuple[str, ...] = ()
    """What each turn answers, one of :data:`TURN_WORDS`."""
    hangs_up_at: Slot | None = None
    """The caller hangs up when this question is put for the first time, ..."""
    hangs_up_while_speaking: bool = False
    """... or, when this is set, in the middle of the answer to it."""
    interrupts: tuple[Slot, ...] = ()
    """At these questions the caller begins to answer while the agent still speaks."""
    backchannels: bool = False
    """The caller murmurs while the agent speaks."""
    number_shown: Literal["hidden"] | None = Field(default=None, alias="caller")
    """``hidden``: the call comes without a number."""
    line: LineKind | None = None
    """None: a clean mobile line."""
    natural: bool = False
    """Only played at natural speed: pauses, interruptions or silences matter."""
    pauses_s: float | None = Field(default=None, ge=0.0, le=3.0)
    """Pause between groups of spoken digits and between sentences, seconds."""
    seed_tickets: tuple[SeedTicket, ...] = ()
    seed_broken_call: SeedBrokenCall | None = None
    settings: ChangedSettings | None = None
    dialled_constituency_no: SeatNumber | None = None
    expected: Expected | None = None
    """None: the call is played and shown, but not graded."""
    notes: str = ""
    namesakes: int = Field(default=0, ge=0, exclude=True)
    """How many calls of the run before this one have the same last two digits. Set by the run,
    so that no caller finds the tickets of another under his number."""

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
        for turn in self.caller_turns_ta:
            if _IN_BRACKETS.fullmatch(turn) and not keys_of(turn):
                raise ValueError("a turn in brackets holds keys only: 0 to 9, * and #")
        if self.hangs_up_while_speaking and self.hangs_up_at is None:
            raise ValueError("hangs_up_while_speaking needs hangs_up_at, the question")
        return self

    @property
    def caller(self) -> str:
        """The number this call comes from, E.164; empty when it is hidden."""
        return "" if self.number_shown == "hidden" else caller_number(self.id, self.namesakes)

    @property
    def at_natural_speed(self) -> bool:
        """Whether a faster line would change what happens: its timers run on the wall clock."""
        return self.natural or self.backchannels or bool(self.interrupts)


def caller_number(call_id: str, namesakes: int = 0) -> str:
    """The simulated number of a call: no such subscriber exists, so nothing can ever ring.

    Args:
        call_id: its last two digits are those of the number.
        namesakes: calls before it with the same two digits; makes the number another one.
    """
    digits = "".join(re.findall(r"\d", call_id))[-2:]
    return f"+91{namesakes * 100 + int(digits or 0):010d}"


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
