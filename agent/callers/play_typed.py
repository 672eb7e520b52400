"""One conversation in text: the same agent and flow, no sound, no pacing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent.callers.keypresses import press_keys
from agent.callers.watch import exchange_of

if TYPE_CHECKING:
    from livekit.agents import AgentSession

    from agent.callers.played import Exchange, Listener
    from agent.callers.scripted_caller import Utterance
    from agent.callers.speakers import Speaker
    from agent.callers.watch import Ask, CallWatch
    from agent.complaint import Call
    from agent.conversation.intake import Intake

MAX_TURNS = 30
"""Turns after which a caller gives up: the longest example call needs twelve."""
ANSWER_WITHIN_S = 30.0
"""How long the agent may take to answer a typed turn."""
KEYS_WITHIN_S = 1.0
"""Keys that mean something are taken within this time; others are a caller who says nothing."""


async def converse_typed(
    session: AgentSession[Call],
    intake: Intake,
    watch: CallWatch,
    speaker: Speaker,
    listener: Listener | None,
    exchanges: list[Exchange],
) -> str:
    """Talk in text until somebody hangs up.

    Args:
        session: a session without sound, not yet started.
        intake: its agent.
        watch: the observer the session was built with.
        speaker: the caller.
        listener: follows the call.
        exchanges: filled with the dialogue as it goes, so that a call that breaks off is kept.

    Returns:
        How the call ended, as far as the caller can tell.
    """
    began_at = watch.now()
    await session.start(intake, record=False)
    answered = 0
    for _ in range(MAX_TURNS):
        ask = await _next_ask(watch, answered)
        if ask is None:
            return "stuck"
        answered = len(watch.asks)
        if listener is not None:
            listener.agent_speaks(exchange_of(ask, began_at), None)
        said = None if ask.end else speaker.respond(ask.slot)
        if said is None:
            exchanges.append(exchange_of(ask, began_at))
            return intake.dialogue.state.outcome if ask.end else "hung_up"
        if listener is not None and (said.text or not said.hangs_up):
            listener.caller_speaks(watch.now() - began_at, said)
        if said.hangs_up:
            _break_off(intake, said)
            exchanges.append(exchange_of(ask, began_at, said if said.text else None))
            return "hung_up"
        heard = await _take_turn(session, intake, watch, said)
        exchanges.append(exchange_of(ask, began_at, said, heard=heard))
        if listener is not None and (numbers := watch.take_numbers()):
            listener.tickets_filed(numbers)
    return "too_long"


async def _take_turn(
    session: AgentSession[Call], intake: Intake, watch: CallWatch, said: Utterance
) -> str | None:
    before = len(watch.turns)
    async with asyncio.timeout(ANSWER_WITHIN_S):
        if said.keys:
            await _press(intake, watch, said.keys)
        elif said.text:
            await session.run(user_input=said.text)
        else:
            await intake.silence()
    return " ".join(watch.turns[before:]) or None


async def _press(intake: Intake, watch: CallWatch, keys: str) -> None:
    """Press keys; where the agent makes nothing of them, the caller has said nothing."""
    asks, turns = len(watch.asks), len(watch.turns)
    await press_keys(intake, keys)
    try:
        async with asyncio.timeout(KEYS_WITHIN_S):
            while len(watch.turns) == turns and len(watch.asks) == asks:
                watch.news.clear()
                await watch.news.wait()
    except TimeoutError:
        await intake.silence()
    while len(watch.asks) == asks:
        watch.news.clear()
        await watch.news.wait()


def _break_off(intake: Intake, said: Utterance) -> None:
    """Half a turn: the agent had begun to think about it when the line went dead."""
    words = said.text.split()
    if words:
        intake.dialogue.consider(" ".join(words[: (len(words) + 1) // 2]))


async def _next_ask(watch: CallWatch, answered: int) -> Ask | None:
    """The agent's latest words, once there are new ones; None when it stays dumb."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while len(watch.asks) <= answered:
                watch.news.clear()
                await watch.news.wait()
    except TimeoutError:
        return None
    return watch.asks[-1]
