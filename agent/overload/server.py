"""The LiveKit side of the overload agent: a worker of its own, with places of its own.

Calls share one process (a thread each): they hold no model, play recordings, and end after two
minutes at most. A call process each would cost several times the memory, and memory is what the
machine is short of when this agent is needed (docs/decisions/0016-overload.md has the figures).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from livekit import rtc
from livekit.agents import (
    AgentServer,
    AutoSubscribe,
    JobContext,
    JobExecutorType,
    JobProcess,
    JobRequest,
)

from agent import settings as settings_module
from agent.complaint import Call
from agent.control.alerts import Alerter
from agent.control.one_agent import OneAgent
from agent.conversation.dialogue import Dialogue
from agent.conversation.flow import overload_opening
from agent.conversation.ports import Services
from agent.conversation.script import Script
from agent.conversation.steps import Terms
from agent.observability import logs
from agent.observability.metrics import Meters
from agent.overload.call import FIRST, SECOND, OverloadCall
from agent.overload.speaker import RoomSpeaker
from agent.recordings import build_voice
from agent.settings import OVERLOAD_AGENT
from agent.speech.voice import VoiceClient
from agent.tickets.ledger import CallLedger
from agent.tickets.records import warm_up
from agent.tickets.registry import with_seat
from agent.tickets.store import TicketStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.settings import Settings

logger = logging.getLogger(__name__)

LOAD_THRESHOLD = 0.7
"""LiveKit's server drops workers that report 0.7 or more (docs/decisions/0005-load.md)."""
CALL_WITHIN_S = 120.0
"""Longest call: all its sentences in both languages, twice, take about one minute."""
ARRIVES_WITHIN_S = 10.0
"""Who rang and is not in the room by then has hung up."""
SILENCE_S = 6.0
"""After the last word; the key has to be found on a phone that is held to the ear."""
DRAIN_WITHIN_S = 60
"""How long calls may go on when the worker ends."""
SETTLE_WITHIN_S = 20.0
"""A call that neither disk nor database took is tried again for so long after its end."""
_SEAT_WITHIN_S = 0.3
_CALLERS = [
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the calls of this process share; nothing that understands words is among it."""

    settings: Settings
    scripts: Mapping[str, Script]
    store: TicketStore
    alerter: Alerter
    meters: Meters

    @classmethod
    def load(cls, settings: Settings) -> Parts:
        """Load them.

        Raises:
            ConfigurationError: prompts, key or database cannot be used.
        """
        warm_up()
        store = TicketStore.from_settings(settings)
        alerter = Alerter(store, settings.alerts)
        folder = settings.call.prompts_dir
        scripts = {language: Script.load(folder, language) for language in (FIRST, SECOND)}
        return cls(settings, scripts, store, alerter, Meters())


_shared: Parts | None = None
_sharing = threading.Lock()


def prewarm(process: JobProcess) -> None:
    """Give a job what all calls of this process share; the first one loads it."""
    global _shared
    with _sharing:
        if _shared is None:
            settings = settings_module.load()
            logs.configure(settings.log.level, settings.log.format)
            logs.guard_root_handlers()
            _shared = Parts.load(settings)
        process.userdata["parts"] = _shared


@dataclass(slots=True)
class _End:
    """How the call ends; set by whoever notices first."""

    over: asyncio.Event
    gone: bool = False
    """The caller hung up."""
    second: bool = False
    """Another agent has the call: leave the room as it is."""

    def hung_up(self, who: rtc.RemoteParticipant, caller: str) -> None:
        """Somebody left the room."""
        if who.identity == caller:
            self.gone = True
            self.over.set()

    def yield_call(self) -> None:
        """Another agent was there first."""
        self.second = True
        self.over.set()


async def entrypoint(ctx: JobContext) -> None:
    """Take one call: at once, by recordings and keys."""
    parts: Parts = ctx.proc.userdata["parts"]
    end = _End(asyncio.Event())
    await ctx.connect(auto_subscribe=AutoSubscribe.SUBSCRIBE_NONE)
    if OneAgent(ctx.room, parts.settings.livekit.agents, end.yield_call).is_second:
        logger.info("another agent has the call")
        ctx.shutdown("another_agent")
        return
    link = VoiceClient(
        parts.settings.voice_url, token=parts.settings.speech.token.get_secret_value()
    )
    voices = {
        language: build_voice(parts.settings, parts.scripts[language], link, parts.meters)
        for language in (FIRST, SECOND)
    }
    speaker = await RoomSpeaker.publish(ctx.room, voices)
    try:
        outcome = await _held(ctx, parts, speaker, end)
    finally:
        await speaker.aclose()
        await link.aclose()
    if not (end.gone or end.second):
        await ctx.delete_room()  # hangs up
    ctx.shutdown(outcome)


async def _held(ctx: JobContext, parts: Parts, speaker: RoomSpeaker, end: _End) -> str:
    """Hold the call until it is over, and store it; how it ended."""
    person = await _caller(ctx)
    if person is None:
        return "nobody_there"
    ctx.room.on("participant_disconnected", lambda who: end.hung_up(who, person.identity))
    ctx.room.on("disconnected", lambda _: end.hung_up(person, person.identity))
    call = await asyncio.to_thread(
        with_seat, parts.store.database, _call_of(ctx, person), within_s=_SEAT_WITHIN_S
    )
    logs.set_call_id(call.id)
    logger.info("overloaded call answered", extra={"call_id": call.id})
    dialogue = ctx.proc.userdata["dialogue"] = _dialogue(parts, call)
    held = OverloadCall(dialogue, parts.scripts, speaker, silence_s=SILENCE_S)
    ctx.room.on("sip_dtmf_received", lambda tone: held.press(tone.digit))
    if person.identity not in ctx.room.remote_participants:
        end.hung_up(person, person.identity)
    outcome = await _until_over(held, end)
    await dialogue.close(outcome)
    return outcome


async def _until_over(held: OverloadCall, end: _End) -> str:
    talking = asyncio.create_task(held.run(), name="overloaded call")
    over = asyncio.create_task(end.over.wait())
    try:
        await asyncio.wait(
            {talking, over}, timeout=CALL_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for task in (talking, over):
            task.cancel()
        await asyncio.gather(talking, over, return_exceptions=True)
    if not talking.cancelled():
        return talking.result()
    return "hung_up" if end.over.is_set() else "too_long"


async def on_session_end(ctx: JobContext) -> None:
    """However the call ended, its row is stored."""
    dialogue: Dialogue | None = ctx.proc.userdata.get("dialogue")
    if dialogue is not None:
        await dialogue.close("hung_up")
        await dialogue.settle(SETTLE_WITHIN_S)


async def _caller(ctx: JobContext) -> rtc.RemoteParticipant | None:
    try:
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            return await ctx.wait_for_participant(kind=_CALLERS)
    except (TimeoutError, RuntimeError):  # RuntimeError: the room was closed meanwhile
        logger.info("nobody there")
        return None


def _call_of(ctx: JobContext, person: rtc.RemoteParticipant) -> Call:
    return Call(
        id=ctx.job.id,
        started_at=datetime.now(UTC),
        dialled=person.attributes.get("sip.trunkPhoneNumber", ""),
        caller=person.attributes.get("sip.phoneNumber", ""),
    )


def _dialogue(parts: Parts, call: Call) -> Dialogue:
    ledger = CallLedger.open(parts.store, call)
    terms = Terms(election=parts.settings.call.election, recorded=False)
    return Dialogue(
        parts.scripts,
        None,
        ledger,
        services=Services(act=ledger.act, alarm=parts.alerter.alert),
        terms=terms,
        caller=call.caller,
        seat=call.constituency,
        call=call.id,
        first=overload_opening(call.caller, call.constituency, terms),
    )


def build_server(
    settings: Settings, *, executor: JobExecutorType = JobExecutorType.THREAD
) -> AgentServer:
    """The worker of the overload agent.

    Args:
        settings: as loaded; ``livekit.overload_calls`` is at least 1.
        executor: how calls are kept apart; the other kind is for measuring.
    """
    places = settings.livekit.overload_calls

    async def on_request(request: JobRequest) -> None:
        if len(server.active_jobs) >= places:
            await request.reject(terminate=False)
            return
        await request.accept(name="Kural")

    server = AgentServer(
        job_executor_type=executor,
        setup_fnc=prewarm,
        load_fnc=partial(_load, places=places),
        load_threshold=LOAD_THRESHOLD,
        num_idle_processes=places if executor is JobExecutorType.THREAD else min(places, 2),
        preload_modules=["agent.overload.server"],
        initialize_process_timeout=60,
        drain_timeout=DRAIN_WITHIN_S,
        shutdown_process_timeout=20,
        session_end_timeout=30,
        host="127.0.0.1",
        port=0,
        ws_url=settings.livekit_url,
        api_key=settings.livekit_api_key.get_secret_value(),
        api_secret=settings.livekit_api_secret.get_secret_value(),
    )
    server.rtc_session(
        entrypoint, agent_name=OVERLOAD_AGENT, on_request=on_request, on_session_end=on_session_end
    )
    server.on(
        "worker_registered",
        lambda *_: logger.info("overload agent registered", extra={"calls": places}),
    )
    return server


def _load(server: AgentServer, *, places: int) -> float:
    return min(LOAD_THRESHOLD * len(server.active_jobs) / places, 1.0)
