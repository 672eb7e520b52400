"""Plays one caller against the real agent, in this process: answers, converses, hangs up.

The agent gets sound (or text), the caller's and the dialled number, and nothing else. Everything it
says and hears is watched from outside through its observer interface.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from agent.callers.isolation import parts_for
from agent.callers.measures import Trace, measure
from agent.callers.overlap import Manners
from agent.callers.play_spoken import SpokenConversation
from agent.callers.play_typed import converse_typed
from agent.callers.played import Exchange, Listener, PlayedCall
from agent.callers.seeding import CHANNEL, seed
from agent.callers.watch import CallWatch
from agent.complaint import Call
from agent.wiring import build_session

if TYPE_CHECKING:
    from livekit.agents import AgentSession

    from agent.callers.script_file import ScriptedCall
    from agent.callers.speakers import Speaker
    from agent.conversation.intake import Intake
    from agent.wiring import Parts

logger = logging.getLogger(__name__)

CLOSE_WITHIN_S = 20.0
"""How long the agent may take to put a call away after the caller has hung up."""


@dataclass(frozen=True, slots=True)
class Playing:
    """How calls are played."""

    audio: bool = True
    """Sound both ways; else typed turns and no sound at all."""
    speed: float = 1.0
    """The line's pace against real time."""
    max_call_s: float = 600.0
    """Wall seconds after which the caller gives up."""
    manners: Manners = field(default_factory=Manners)
    """What this caller does besides answering, and his line; without sound they change nothing."""


async def play_call(
    parts: Parts,
    script: ScriptedCall,
    speaker: Speaker,
    playing: Playing,
    listener: Listener | None = None,
) -> PlayedCall:
    """Play one call to its end.

    Args:
        parts: the agent's parts, loaded once a process.
        script: who calls; only his number and the dialled seat reach the agent.
        speaker: what he says.
        playing: with sound or typed, and how fast.
        listener: follows the call while it is played.

    Returns:
        The dialogue with its timings; the rows are in the database when this returns.

    Raises:
        TicketError: the tickets the script presumes could not be stored.
    """
    seeded = await asyncio.to_thread(seed, parts.store, script)
    call = _call(script)
    watch = CallWatch(time.monotonic)
    exchanges: list[Exchange] = []
    began_at = time.monotonic()
    own = parts_for(parts, script.settings)
    session, intake = build_session(own, call, audio=playing.audio, observer=watch)
    outcome, greeting_s = "error", None
    trace: Trace | None = None
    try:
        with suppress(TimeoutError):
            outcome = "too_long"
            async with asyncio.timeout(playing.max_call_s):
                if playing.audio:
                    spoken = SpokenConversation(
                        session, intake, watch, speaker, listener, playing.manners
                    )
                    try:
                        outcome = await spoken.run(exchanges, seed=script.id, speed=playing.speed)
                    finally:
                        greeting_s, trace = spoken.greeting_s, spoken.trace()
                else:
                    outcome = await converse_typed(
                        session, intake, watch, speaker, listener, exchanges
                    )
    finally:
        seconds = time.monotonic() - began_at
        await _put_away(session, intake, outcome)
    ended = watch.outcome or outcome
    if listener is not None:
        listener.call_ended(ended)
    agent_turns = sum(bool(ask.text) for ask in watch.asks)
    return PlayedCall(
        call.id,
        tuple(exchanges),
        ended,
        round(seconds, 3),
        greeting_s,
        measure(exchanges, script, agent_turns=agent_turns, trace=trace),
        call.started_at,
        seeded,
    )


async def _put_away(session: AgentSession[Call], intake: Intake, outcome: str) -> None:
    """Store the row of the call and close the session; one that hangs must not stop the run."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await intake.dialogue.close(outcome)
            await session.aclose()
    except TimeoutError:
        logger.warning("call did not close in time", extra={"call_id": session.userdata.id})


def _call(script: ScriptedCall) -> Call:
    return Call(
        id=f"sim-{script.id}-{uuid4().hex[:8]}",
        started_at=datetime.now(UTC),
        caller=script.caller,
        constituency=script.dialled_constituency_no,
        channel=CHANNEL,
    )
