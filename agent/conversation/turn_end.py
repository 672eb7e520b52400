"""Has the caller finished? Decided by whether what he said answers the question that is open.

LiveKit's acoustic end-of-turn model knows no Tamil: on our synthetic callers it gave whole answers
and answers cut in the middle the same score (docs/decisions/0006-end-of-turn.md). A complaint line
knows better what to expect: after "your phone number?" ten digits are the end and six are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.complaint import Slot
from agent.conversation.keypad import NUMBERS

if TYPE_CHECKING:
    from livekit.agents import LanguageCode, llm

    from agent.conversation.dialogue import Dialogue
    from agent.settings import CallSettings

THRESHOLD = 0.5
OPEN = frozenset({Slot.COMPLAINT, Slot.LANDMARK, Slot.CORRECTION})
"""Questions that are answered by a story."""


def waits(
    expect: Slot | None, settings: CallSettings, *, number_begun: bool = False
) -> tuple[float, float]:
    """Shortest and longest wait, in seconds, after the caller stops.

    The shortest is for words that answer the question, the longest for words that do not yet.

    Args:
        expect: the question that is open.
        settings: the waits.
        number_begun: a number is asked for and some of its digits were said.
    """
    shortest, longest = settings.min_endpointing_s, settings.max_endpointing_s
    if expect in OPEN:
        shortest = settings.story_endpointing_s
    elif expect in NUMBERS and number_begun:
        longest = settings.digits_endpointing_s
    return shortest, max(shortest, longest)


class AnswerTurnDetector:
    """A text-based end-of-turn detector in the shape LiveKit asks for. One per call."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue

    @property
    def model(self) -> str:
        """Name for metrics."""
        return "answer"

    @property
    def provider(self) -> str:
        """Name for metrics."""
        return "kural"

    async def unlikely_threshold(self, language: LanguageCode | None) -> float | None:
        """Below this the session waits its longest, at or above it its shortest delay."""
        return THRESHOLD

    async def supports_language(self, language: LanguageCode | None) -> bool:
        """Every language the rules read; recognition is locked to one anyway."""
        return True

    async def predict_end_of_turn(
        self,
        chat_ctx: llm.ChatContext,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 -- the framework's signature
    ) -> float:
        """1.0 when the words so far answer the open question, else 0.0. Changes nothing."""
        for message in reversed(chat_ctx.messages()):
            if message.role == "user":
                text = message.raw_text_content or ""
                return 1.0 if self._dialogue.is_answered_by(text) else 0.0
        return 0.0
