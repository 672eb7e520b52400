"""What is said while the agent speaks: a nod, an interruption, or an emergency. Pure.

People on the telephone say ஆமா, ம்ம், சரி all the time to show that they are there. LiveKit takes
every transcript for an interruption (1.8.9: ``AgentActivity.on_final_transcript`` ends what is
playing), and its own detector of back-channels is a cloud service. So such words are held back
before the session sees them; a voice without words only pauses the agent, who then goes on
(``resume_false_interruption``).
"""

from __future__ import annotations

import unicodedata
from enum import Enum

from agent.complaint import Slot

YES_NO = frozenset(
    {
        Slot.CONSENT,
        Slot.CONFIRM,
        Slot.SAME_NUMBER,
        Slot.REPEAT,
        Slot.DANGER,
        Slot.RESUME,
        Slot.SAME_ISSUE,
        Slot.FIXED,
        Slot.ADULT,
        Slot.CALL_BACK,
    }
)
"""Questions that a nod answers."""

_NODS = frozenset(
    unicodedata.normalize("NFC", word)
    for word in (
        "ஆமா ஆமாம் ஆமாங்க ஆம் ம்ம் ம்ம்ம் ம் உம் ஹ்ம் ஹ்ம்ம் ம்ஹ்ம் ம்ஹும் ஹும் சரி சரிங்க செரி செரிங்க ஓ ஓஹோ ஆ ஆங் ஹா "
        "ஓகே ஓக்கே ok okay hmm mm mhm oh yes yeah"
    ).split()
)
"""Words that say "I am listening": from the calls of data/calls and general knowledge of Tamil."""


class Overlap(Enum):
    """What becomes of words."""

    HEAR = "hear"
    """They are a turn, or a part of one."""
    IGNORE = "ignore"
    """They are none, and stop nobody."""
    BREAK_IN = "break_in"
    """They are a turn and stop even what is heard to its end otherwise."""


def is_nod(text: str) -> bool:
    """Whether the words only show that the speaker listens."""
    words = [w.strip(".,!?…") for w in unicodedata.normalize("NFC", text).casefold().split()]
    words = [w for w in words if w]
    return bool(words) and all(word in _NODS for word in words)


def judge(
    text: str,
    *,
    over_agent: bool,
    agent_done: bool,
    protected: bool,
    emergency: bool,
    expect: Slot | None,
) -> Overlap:
    """What becomes of some words.

    Args:
        text: the words.
        over_agent: they began while the agent spoke.
        agent_done: by now the agent has said its sentence to the end.
        protected: the agent says something that is heard to its end (a ticket number).
        emergency: the words tell of a danger that the call does not know yet.
        expect: the question that is open, which the agent may be putting just now.
    """
    if protected:
        return Overlap.BREAK_IN if emergency else Overlap.IGNORE
    if over_agent and not emergency and is_nod(text):
        return Overlap.HEAR if agent_done and expect in YES_NO else Overlap.IGNORE
    return Overlap.HEAR
