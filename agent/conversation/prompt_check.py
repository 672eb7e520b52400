"""Is every prompt the flow can say there, used, short, and free of digits? Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.complaint import Category

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.conversation.script import Prompt

MAX_WORDS = 12
"""Longer sentences are not remembered on a bad line (peers.md, section 4)."""
STATUSES = (
    "NEW",
    "ACKNOWLEDGED",
    "ASSIGNED",
    "IN_PROGRESS",
    "WAITING_CITIZEN",
    "RESOLVED",
    "VERIFIED_CLOSED",
    "REJECTED",
    "TRANSFERRED",
    "REOPENED",
    "DUPLICATE_OF",
)
"""Those of tickets/models.py, which this package does not know; a test compares the two."""
FILLED = {
    "ask_district": "place",
    "ask_area": "place",
    "ask_same_number": "digits",
    "readback_place": "place",
    "readback_landmark": "landmark",
    "readback_days": "days",
    "readback_phone": "phone",
    "ticket_filed": "ticket",
    "ticket_second": "ticket",
    "ticket_again": "ticket",
    "emergency_filed": "ticket",
    "note_filed": "ticket",
    "noted_again": "ticket",
    "promise": "days",
}
"""The slot the flow fills, by prompt; any other would end a call in the middle of a sentence."""
_DIGIT = re.compile(r"[0-9௦-௲]")


def families() -> frozenset[str]:
    """Prompt ids that are built from a code: one for each category and ticket state."""
    return frozenset(
        {f"issue_{category}" for category in Category} | {f"status_{state}" for state in STATUSES}
    )


def problems(prompts: dict[str, Prompt], named: Iterable[str]) -> list[str]:
    """One sentence for each thing wrong.

    Args:
        prompts: the script's prompts by id.
        named: ids that appear in the code.
    """
    wanted = families() | set(named)
    found = [
        f"{name}: named by the flow, but no such prompt" for name in sorted(wanted - set(prompts))
    ]
    found += [f"{name}: no part of the flow says it" for name in sorted(set(prompts) - wanted)]
    for name, prompt in prompts.items():
        if _DIGIT.search(prompt.text):
            found.append(f"{name}: digits must be spelled in words")
        found += [
            f"{name}: the slot {slot} is not filled; {_fillable(name)}"
            for slot in prompt.slots
            if slot != FILLED.get(name)
        ]
        if set("{}") & set("".join(prompt.pieces)):
            found.append(f"{name}: a brace stands alone; a slot is {{name}} in small letters")
        words = len(prompt.text.split())
        if words > MAX_WORDS and not prompt.long:
            found.append(f"{name}: {words} words, {MAX_WORDS} at most unless long = true")
    return found


def differences(first: dict[str, Prompt], second: dict[str, Prompt], language: str) -> list[str]:
    """One sentence for each prompt that is missing in a second language, or fills other slots."""
    found = [f"{name}: missing in {language}" for name in first if name not in second]
    found += [f"{name}: only in {language}" for name in second if name not in first]
    found += [
        f"{name}: {language} fills other slots"
        for name, prompt in first.items()
        if name in second and sorted(prompt.slots) != sorted(second[name].slots)
    ]
    return found


def _fillable(name: str) -> str:
    slot = FILLED.get(name)
    return f"only {{{slot}}} is" if slot else "this sentence takes none"
