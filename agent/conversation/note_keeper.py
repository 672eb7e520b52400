"""Keeps sound that somebody must listen to: spoken notes, and words that nobody decoded."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from agent.complaint import Slot
from agent.tickets.voice_notes import VoiceNotes

if TYPE_CHECKING:
    from pathlib import Path

    from agent.conversation.steps import FlowState
    from agent.tickets.cipher import Cipher


class VoiceNoteKeeper:
    """Stores the sounds of one call, numbered on from those an earlier process kept.

    Args:
        data_dir: where the notes lie.
        cipher: seals them.
        call_id: of the call.
    """

    def __init__(self, data_dir: Path, cipher: Cipher, call_id: str) -> None:
        self._notes = VoiceNotes(data_dir, cipher)
        self._call_id = call_id
        self._numbers: itertools.count[int] | None = None
        self._lock = asyncio.Lock()

    async def keep(self, pcm: bytes) -> bool:
        """Store a note (int16 mono at 16 kHz); whether it is kept."""
        async with self._lock:
            return await asyncio.to_thread(self._keep, pcm)

    async def keep_lost(self, pcm: bytes, state: FlowState) -> None:
        """Store an utterance that nobody could decode.

        Not where the caller refused to be recorded, nor while a spoken note is recorded anyway.
        """
        if state.consent is not False and state.expect is not Slot.VOICE_NOTE:
            await self.keep(pcm)

    def _keep(self, pcm: bytes) -> bool:
        if self._numbers is None:
            self._numbers = itertools.count(len(self._notes.of_call(self._call_id)) + 1)
        return self._notes.keep(self._call_id, next(self._numbers), pcm) is not None
