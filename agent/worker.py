"""The worker: answers phone calls.

One call, from sound to ticket, in five files: this one answers it; ``speech/stt.py`` turns sound
into words; ``understanding/rules.py`` reads them; ``conversation/flow.py`` decides what to say;
``tickets/ledger.py`` makes it durable. ``wiring.py`` puts them together.

The worker process registers with LiveKit and supervises ears and voice; every call is a job in a
process of its own that holds no model.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from livekit import rtc
from livekit.agents import (
    AgentServer,
    AutoSubscribe,
    JobContext,
    JobProcess,
    JobRequest,
    cli,
)
from livekit.agents.voice import room_io
from livekit.agents.worker import ServerEnvOption

from agent import settings as settings_module
from agent.complaint import Call
from agent.control import startup
from agent.control.alerts import AlertSender
from agent.control.forwarding import Forwarder
from agent.control.supervisor import Supervisor
from agent.control.transfer import ColdTransfer, WarmTransfer
from agent.control.upkeep import Upkeep
from agent.conversation.flow import opening
from agent.conversation.script import Script
from agent.errors import AgentError
from agent.observability import logs
from agent.tickets.registry import with_seat
from agent.tickets.store import TicketStore
from agent.wiring import Parts, build_parts, build_session, load_scripts, render_fixed_prompts

if TYPE_CHECKING:
    from agent.conversation.dialogue import Dialogue
    from agent.conversation.intake import Intake
    from agent.settings import CallSettings, Settings

logger = logging.getLogger(__name__)

_SEAT_WITHIN_S = 0.3
"""How long the greeting waits for the seat of the dialled number."""
LOAD_THRESHOLD = 0.7
"""LiveKit's server drops workers that report 0.7 or more (docs/decisions/0005-load.md)."""

LAST_WORDS_S = 20.0
"""How long our good-bye may take once the longest time of a call is over."""
SETTLE_WITHIN_S = 40.0
"""A call that neither disk nor database took is tried again for so long after its end; less than
``session_end_timeout``."""


# -- one call -------------------------------------------------------------------------------------


def prewarm(process: JobProcess) -> None:
    """Load the parts of a job process before its call comes."""
    settings = settings_module.load()
    logs.configure(settings.log.level, settings.log.format)
    logs.guard_root_handlers()
    process.userdata["parts"] = build_parts(settings)


async def entrypoint(ctx: JobContext) -> None:
    """Take one call."""
    parts: Parts = ctx.proc.userdata["parts"]
    database = parts.store.database
    call, person = await _arrived(ctx)
    call = await asyncio.to_thread(with_seat, database, call, within_s=_SEAT_WITHIN_S)
    logs.set_call_id(call.id)
    transferrer = transfer_of(ctx, parts.settings.call, person)
    session, intake = build_session(parts, call, transferrer=transferrer)
    ctx.proc.userdata["dialogue"] = intake.dialogue
    over = asyncio.Event()
    session.on("close", lambda _: over.set())
    ctx.room.on("sip_dtmf_received", lambda tone: intake.press(tone.digit))
    logger.info("call answered", extra={"call_id": call.id})
    await session.start(
        intake,
        room=ctx.room,
        room_options=room_io.RoomOptions(
            audio_input=room_io.AudioInputOptions(sample_rate=16000, frame_size_ms=20),
            text_input=False,
            text_output=False,
            delete_room_on_close=True,
        ),
        record=False,
        session_host=False,
    )
    limit_s = parts.settings.call.max_call_s + LAST_WORDS_S
    outcome = await hold(intake, over, limit_s=limit_s)
    await intake.dialogue.close(outcome)
    if transferrer is not None and transferrer.bridged:
        ctx.room.on("participant_disconnected", lambda _: over.set())
        session.input.set_audio_enabled(False)  # caller and person talk; nobody else listens
        await over.wait()
    await session.aclose()
    ctx.shutdown(outcome)


def transfer_of(
    ctx: JobContext, settings: CallSettings, person: rtc.RemoteParticipant | None
) -> ColdTransfer | WarmTransfer | None:
    """How this caller can be handed to a person; None where he cannot."""
    sip = rtc.ParticipantKind.PARTICIPANT_KIND_SIP
    if not settings.transfer_to or person is None or person.kind != sip:
        return None
    if settings.transfer_kind == "warm":
        return WarmTransfer(ctx.api, ctx.room.name, settings.transfer_to, settings.transfer_trunk)
    return ColdTransfer(ctx.api, ctx.room.name, person.identity, settings.transfer_to)


async def hold(intake: Intake, over: asyncio.Event, *, limit_s: float) -> str:
    """Wait until the call ends and say how: by our last word, a hang-up, or the time limit.

    The agent itself warns the caller before its longest time and says good-bye at it; the limit
    here is for an agent that does not.
    """
    said_all = asyncio.ensure_future(intake.done.wait())
    hung_up = asyncio.ensure_future(over.wait())
    try:
        done, _ = await asyncio.wait(
            {said_all, hung_up}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        said_all.cancel()
        hung_up.cancel()
    if said_all in done:
        outcome = intake.dialogue.state.outcome
        return outcome if outcome != "open" else "too_long"
    return "hung_up" if hung_up in done else "too_long"


async def on_session_end(ctx: JobContext) -> None:
    """Hang-up, drain or a crash of the entrypoint: the call's row is stored in every case."""
    dialogue: Dialogue | None = ctx.proc.userdata.get("dialogue")
    if dialogue is not None:
        await dialogue.close("hung_up")
        await dialogue.settle(SETTLE_WITHIN_S)


async def _arrived(ctx: JobContext) -> tuple[Call, rtc.RemoteParticipant | None]:
    dialled, caller, channel, person = "", "", "console", None
    if not ctx.is_fake_job():
        await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
        person = await ctx.wait_for_participant(
            kind=[
                rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
                rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
            ]
        )
        dialled = person.attributes.get("sip.trunkPhoneNumber", "")
        caller = person.attributes.get("sip.phoneNumber", "")
        channel = "phone"
    call = Call(
        id=ctx.job.id,
        started_at=datetime.now(UTC),
        dialled=dialled,
        caller=caller,
        channel=channel,
    )
    return call, person


# -- the worker -----------------------------------------------------------------------------------


def build_server(settings: Settings) -> AgentServer:
    """The LiveKit worker of these settings."""
    slots = settings.livekit.max_calls

    def load(server: AgentServer) -> float:
        return min(LOAD_THRESHOLD * len(server.active_jobs) / slots, 1.0)

    async def on_request(request: JobRequest) -> None:
        if len(server.active_jobs) >= slots:
            # terminate=True (the default) would end the job for good: no other worker is tried.
            await request.reject(terminate=False)
            return
        await request.accept(name="Kural")

    server = AgentServer(
        setup_fnc=prewarm,
        load_fnc=load,
        load_threshold=LOAD_THRESHOLD,
        num_idle_processes=ServerEnvOption(dev_default=0, prod_default=slots),
        preload_modules=["agent.worker"],
        initialize_process_timeout=30,
        drain_timeout=round(settings.livekit.drain_timeout_s),
        shutdown_process_timeout=20,
        session_end_timeout=60,
        job_memory_warn_mb=400,
        host=settings.control.host,
        port=settings.control.worker_port,
        ws_url=settings.livekit_url or None,
        api_key=settings.livekit_api_key.get_secret_value() or None,
        api_secret=settings.livekit_api_secret.get_secret_value() or None,
    )
    server.rtc_session(
        entrypoint,
        agent_name=settings.livekit.agent_name,
        on_request=on_request,
        on_session_end=on_session_end,
    )
    return server


def main(argv: list[str] | None = None) -> None:
    """Run LiveKit's own commands (console, start, dev) with ears and voice beside them."""
    arguments = sys.argv[1:] if argv is None else argv
    command = next((a for a in arguments if not a.startswith("-")), "")
    try:
        settings = settings_module.load()
        if "--help" not in arguments:
            startup.check(settings, command)
        _run(settings, command, helping="--help" in arguments, typed="--text" in arguments)
    except AgentError as exc:
        sys.stderr.write(f"{exc}\n")
        raise SystemExit(2) from None


def _run(settings: Settings, command: str, *, helping: bool, typed: bool) -> None:
    server = build_server(settings)
    with ExitStack() as stack:
        if command in ("start", "dev", "console", "connect") and not helping:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            _configure_logs(settings, command)
            stack.enter_context(_supervised(settings))
            if command == "console" and typed:
                # LiveKit's text console shows replies only, and the notice is no reply.
                notice = Script.load(settings.call.prompts_dir).text(opening().say)
                sys.stdout.write(f"\n  Agent: {notice}\n")
        cli.run_app(server)


def _configure_logs(settings: Settings, command: str) -> None:
    """The console draws on the terminal, so there the log keeps to what is worth a look."""
    if command == "console" and "level" not in settings.log.model_fields_set:
        logs.configure("WARNING", "text")
        os.environ.setdefault("LIVEKIT_LOG_LEVEL", "warn")  # else the framework draws DEBUG lines
        os.environ.setdefault("LOG__LEVEL", "WARNING")  # of the process that holds the call
    else:
        logs.configure(settings.log.level, settings.log.format)
    logs.guard_root_handlers()


def _supervised(settings: Settings) -> Any:
    """Ears, voice, forwarder and upkeep, and the prompts rendered, for as long as we run."""
    stack = ExitStack()
    supervisor = Supervisor(settings)
    supervisor.start()
    stack.callback(supervisor.stop)
    for script in load_scripts(settings).values():
        asyncio.run(render_fixed_prompts(settings, script))
    store = TicketStore.from_settings(settings)
    stack.callback(store.close)
    forwarder = Forwarder(store)
    forwarder.start()
    stack.callback(forwarder.stop)
    upkeep = Upkeep(store, settings.retention)
    upkeep.start()
    stack.callback(upkeep.stop)
    alerts = AlertSender(store, settings.alerts)
    alerts.start()
    stack.callback(alerts.stop)
    return stack


if __name__ == "__main__":
    main()
