"""One agent a call: who finds that another was in the room before him leaves.

A call that waits is dispatched more than once (:mod:`agent.scaling.redispatch`), so two workers may
take it at the same moment. The room's own list decides: whoever joined first stays, on a tie the
one whose identity sorts first. Both sides come to the same answer without talking.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from livekit import rtc

if TYPE_CHECKING:
    from collections.abc import Collection

_AGENT_NAME = "lk.agent.name"
"""Attribute in which an agent names itself (livekit-agents 1.8.9, types.py)."""
_LATEST = datetime.max.replace(tzinfo=UTC)


class OneAgent:
    """Watches a room we are connected to for agents that came before us.

    Args:
        room: connected.
        names: our agents; somebody else's recorder is no rival. One without a name may be ours.
        on_rival: called at most once, from the room's events, when one shows that was not there
            when we looked first.
    """

    def __init__(
        self, room: rtc.Room, names: Collection[str], on_rival: Callable[[], None] | None = None
    ) -> None:
        self._room = room
        self._names = names
        self._on_rival = on_rival
        room.on("participant_connected", self._on_connected)

    @property
    def is_second(self) -> bool:
        """Whether another agent was in the room before us."""
        return any(self._was_before(one) for one in self._room.remote_participants.values())

    def _on_connected(self, other: rtc.RemoteParticipant) -> None:
        if self._was_before(other) and self._on_rival is not None:
            on_rival, self._on_rival = self._on_rival, None
            on_rival()

    def _was_before(self, other: rtc.RemoteParticipant) -> bool:
        if other.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            return False
        name = other.attributes.get(_AGENT_NAME, "")
        if name and name not in self._names:
            return False
        return _place(other) < _place(self._room.local_participant)


def _place(one: rtc.Participant) -> tuple[datetime, str]:
    """Where in the order of joining somebody stands; who has no time yet comes last."""
    return one.joined_at or _LATEST, one.identity
