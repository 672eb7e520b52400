"""Acts of a live call: journalled, then brought to the database (the blocking part of the ledger).

Not safe between threads: the ledger locks.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto

from agent.complaint import ActKind
from agent.tickets.acts import Act, do_acts, what_is_wrong
from agent.tickets.casework import NoSuchTicket
from agent.tickets.database import DatabaseAway, NumberTaken
from agent.tickets.journal import Kind
from agent.tickets.recorder import Recorder
from agent.tickets.resuming import adopt
from agent.tickets.store import WITHIN_S, TicketStore
from agent.tickets.story import CallStory, StoryLines

ADOPT_WITHIN_S = 0.5
"""Patience with the database, and with a replay, when a call goes on with another."""
_AWAY = (DatabaseAway, NoSuchTicket, NumberTaken)
"""The journal keeps the act, and whoever replays it has more luck."""

logger = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of an act."""

    STORED = auto()
    """It is in the database; of ``resume``: this call has taken the other's tickets over."""
    WAITS = auto()
    """It was given to the journal."""
    REFUSED = auto()
    """It makes no sense, is not allowed, or there is nothing to go on with."""


class Acting:
    """Takes in what one caller does to tickets."""

    def __init__(self, store: TicketStore, recorder: Recorder, lines: StoryLines) -> None:
        """Bind what one call writes with."""
        self._store = store
        self._recorder = recorder
        self._lines = lines

    def act(
        self, story: CallStory, kind: str, number: str | None, value: str, phone: str | None,
        free: Sequence[int],
    ) -> Outcome:  # fmt: skip
        """Do one act; see :meth:`CallLedger.act`. ``free`` are issue indexes without a filing."""
        act = self._made(story, kind, number, value, phone)
        if act is None:
            logger.warning("act makes no sense", extra={"call_id": story.call.id})
            return Outcome.REFUSED
        if act.kind is ActKind.RESUME:
            return self._go_on_with(story, act, free)
        old = story.acts.get(act.key)
        if old is None or old.value != act.value:
            self._recorder.append(Kind.ACT, self._lines.act(act))
            story.tell(act)
        return self._do(story, act)

    def finish(self, story: CallStory) -> bool:
        """Do what was done while the database was away; False when some of it waits still."""
        try:
            self._done(story, list(story.acts.values()))
        except _AWAY:
            return False
        return True

    def _made(
        self, story: CallStory, kind: str, number: str | None, value: str, phone: str | None
    ) -> Act | None:
        try:
            known = ActKind(kind)
        except ValueError:
            return None
        if what_is_wrong(known, number, value):
            return None
        owed = known in (ActKind.CALL_BACK, ActKind.REQUEST)
        whom = (phone or story.call.caller or None) if owed else None
        return Act(known, number, value, self._store.clock(), whom)

    def _do(self, story: CallStory, act: Act) -> Outcome:
        try:
            if act.reason is not None:
                self._store.save(*story.rows({}, self._store.cipher, with_call=False))
                return Outcome.STORED
            return Outcome.REFUSED if self._done(story, [act]) else Outcome.STORED
        except _AWAY:
            logger.warning("act waits in the journal", extra={"call_id": story.call.id})
            return Outcome.WAITS

    def _done(self, story: CallStory, acts: Sequence[Act]) -> bool:
        """Do acts in the database; whether one of them was not allowed."""
        refused = do_acts(self._store, story.call.id, acts, within_s=WITHIN_S)
        for act in refused:
            story.acts.pop(act.key, None)
            self._recorder.append(Kind.ACT, self._lines.act(act, refused=True))
        return bool(refused)

    def _go_on_with(self, story: CallStory, act: Act, free: Sequence[int]) -> Outcome:
        """From now on complaints are filed into the partial tickets of an earlier call."""
        if act.key in story.acts:
            return Outcome.STORED
        adopted = adopt(self._store, act.value, free, within_s=ADOPT_WITHIN_S)
        if not adopted:
            return Outcome.REFUSED
        act = replace(act, adopted=adopted)
        self._recorder.append(Kind.ACT, self._lines.act(act))
        story.tell(act)
        return Outcome.STORED
