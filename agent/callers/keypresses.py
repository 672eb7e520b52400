"""A caller's fingers: keys reach the agent one by one, as a telephone sends them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.conversation.intake import Intake

KEY_GAP_S = 0.2
"""Between two keys: people type a number at four to six digits a second."""


async def press_keys(intake: Intake, keys: str, *, speed: float = 1.0) -> None:
    """Press ``keys`` (``0``-``9``, ``*``, ``#``); returns when the last one is down."""
    for index, key in enumerate(keys):
        if index:
            await asyncio.sleep(KEY_GAP_S / speed)
        intake.press(key)
