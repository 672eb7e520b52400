"""A typed call through the real agent that kills its own process at a chosen moment.

``python call_until.py DATA_DIR MOMENT`` where MOMENT is ``number`` (the ticket number has just been
handed to the caller) or a slot name (that question has just been asked). The number, if there is
one, is on stdout before the process dies: what a caller heard is what counts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from agent.complaint import Call, Slot, UnderstoodTurn
from agent.conversation.steps import Step
from agent.settings import Settings
from agent.wiring import build_parts, build_session

ANSWERS = {
    Slot.CONSENT: "சரி",
    Slot.COMPLAINT: "எங்க தெருவுல அஞ்சு நாளா குடிதண்ணி வரல சார்",
    Slot.PLACE: "பல்லடம்",
    Slot.LANDMARK: "மாரியம்மன் கோயில் பக்கத்துல",
    Slot.NAME: "முருகன்",
    Slot.SAME_NUMBER: "ஆமா",
    Slot.CONFIRM: "ஆமா",
}


class Killer:
    """Watches the call and ends the process as a power cut would."""

    def __init__(self, moment: str) -> None:
        self.moment = moment
        self.slot: Slot | None = None

    def asked(self, step: Step, text: str) -> None:
        self.slot = step.expect
        spoken = self.moment == "number" and bool(step.state.filed)
        if spoken or self.moment == step.expect:
            os.kill(os.getpid(), signal.SIGKILL)

    def heard(self, turn: UnderstoodTurn) -> None:
        pass

    def filed(self, numbers: tuple[str, ...]) -> None:
        sys.stdout.write(" ".join(numbers) + "\n")
        sys.stdout.flush()

    def closed(self, outcome: str) -> None:
        pass


async def main(data_dir: Path, moment: str) -> None:
    """Answer every question until the moment comes."""
    parts = build_parts(Settings(data_dir=data_dir), audio=False)
    call = Call(id="local-killed", started_at=datetime.now(UTC), caller="+910000000001")
    killer = Killer(moment)
    session, intake = build_session(parts, call, audio=False, observer=killer)
    await session.start(intake, record=False)
    for _ in range(12):
        await session.run(user_input=ANSWERS[killer.slot or Slot.CONSENT])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
