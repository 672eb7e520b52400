"""The worker: answers phone calls.

One call, from sound to ticket, in five files: this one answers it; ``speech/stt.py`` turns sound
into words; ``understanding/rules.py`` reads them; ``conversation/flow.py`` decides what to say;
``tickets/ledger.py`` makes it durable. ``wiring.py`` puts them together.

The worker process registers with LiveKit and supervises ears and voice; every call is a job in a
process of its own that holds no model.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import logging
import os
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from livekit import rtc
from livekit.agents import (
    AutoSubscribe,
    JobContext,
    JobProcess,
    cli,
)
from livekit.agents.voice import room_io
from livekit.agents.worker import ServerEnvOption

from agent import settings as settings_module
from agent.capacity.load import LOAD_THRESHOLD
from agent.complaint import Call
from agent.control import startup
from agent.control.call_server import CallServer
from agent.control.companions import Companions
from agent.control.one_agent import OneAgent
from agent.control.transfer import ColdTransfer, WarmTransfer
from agent.conversation.flow import opening
from agent.conversation.script import Script
from agent.errors import AgentError
from agent.observability import logs, metrics, telemetry
from agent.observability.meter_files import MeterFile
from agent.services import controlled, supervised
from agent.speech.numerals import warm_up_words
from agent.tickets.registry import with_seat
from agent.tickets.store import TicketStore
from agent.wiring import CallSession, Parts, build_parts, build_session

if TYPE_CHECKING:
    from agent.control.panel import Panel
    from agent.conversation.dialogue import Dialogue
    from agent.conversation.intake import Intake
    from agent.settings import CallSettings, Settings

logger = logging.getLogger(__name__)

_SEAT_WITHIN_S = 0.3
"""How long the greeting waits for the seat of the dialled number."""
ARRIVES_WITHIN_S = 10.0
"""Who rang and is not in the room by then has hung up."""
LAST_WORDS_S = 20.0
"""How long our good-bye may take once the longest time of a call is over."""
SETTLE_WITHIN_S = 40.0
"""A call that neither disk nor database took is tried again for so long after its end; less than
``session_end_timeout``."""
CONDUCTED_WITHIN_S = 10.0
"""How long the end of a call may take once its session is closed: two writes of its rows."""


# -- one call -------------------------------------------------------------------------------------


def prewarm(meters_dir: Path | None, process: JobProcess) -> None:
    """Load the parts of a job process before its call comes; its counts go to ``meters_dir``."""
    settings = settings_module.load()
    logs.configure(settings.log.level, settings.log.format)
    logs.guard_root_handlers()
    warm_up_words()
    parts = process.userdata["parts"] = build_parts(settings)
    if meters_dir is not None:
        meter_file = process.userdata["meter_file"] = MeterFile(meters_dir, parts.meters)
        meter_file.start()


async def entrypoint(ctx: JobContext) -> None:
    """Take one call.

    Returns once the caller can be heard: LiveKit waits up to 15 s for it when it ends a job, while
    the rest of the call (:func:`conduct`) ends by itself as soon as the session is closed.
    """
    parts: Parts = ctx.proc.userdata["parts"]
    over = asyncio.Event()
    ctx.room.on("participant_disconnected", lambda gone: _left(ctx, gone, over))
    arrived = await _arrived(ctx)
    if isinstance(arrived, str):
        logger.info("call not taken", extra={"reason": arrived})
        ctx.shutdown(arrived)
        return
    call, person = arrived
    ctx.proc.userdata["caller"] = person.identity if person else ""
    database = parts.store.database
    call = await asyncio.to_thread(with_seat, database, call, within_s=_SEAT_WITHIN_S)
    logs.set_call_id(call.id)
    transferrer = transfer_of(ctx, parts.settings.call, person)
    session, intake = build_session(parts, call, transferrer=transferrer)
    ctx.proc.userdata["dialogue"] = intake.dialogue
    room_options = room_io.RoomOptions(
        audio_input=room_io.AudioInputOptions(sample_rate=16000, frame_size_ms=20),
        text_input=False,
        text_output=False,
        delete_room_on_close=True,
    )

    def yield_call() -> None:
        """Another agent joined at the same moment and was first: the caller stays with him."""
        room_options.delete_room_on_close = False
        over.set()

    if person is not None:
        OneAgent(ctx.room, parts.settings.livekit.agents, yield_call)
    session.on("close", lambda _: over.set())
    ctx.room.on("sip_dtmf_received", lambda tone: intake.press(tone.digit))
    logger.info("call answered", extra={"call_id": call.id})
    await session.start(
        intake,
        room=ctx.room,
        room_options=room_options,
        record=False,
        session_host=False,
    )
    ctx.proc.userdata["conducted"] = asyncio.create_task(
        conduct(ctx, session, intake, over, transferrer), name="call"
    )


async def conduct(
    ctx: JobContext,
    session: CallSession,
    intake: Intake,
    over: asyncio.Event,
    transferrer: ColdTransfer | WarmTransfer | None,
) -> None:
    """Be there until the call ends, store how it ended, and give its place back at once.

    LiveKit would keep the place until the empty room closes, 20 s later. Owned by
    :func:`on_session_end`.
    """
    outcome = "failed"
    try:
        parts: Parts = ctx.proc.userdata["parts"]
        limit_s = parts.settings.call.max_call_s + LAST_WORDS_S
        outcome = await hold(intake, over, limit_s=limit_s)
        await intake.dialogue.close(outcome)
        if transferrer is not None and transferrer.bridged:
            ctx.room.on("participant_disconnected", lambda _: over.set())
            session.input.set_audio_enabled(False)  # caller and person talk; nobody else listens
            await over.wait()
        await session.aclose()
    finally:
        ctx.proc.userdata["outcome"] = outcome
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
    kept = ctx.proc.userdata
    conducted: asyncio.Task[None] | None = kept.get("conducted")
    if conducted is not None:  # the session is closed, so it has ended or is about to
        await asyncio.wait({conducted}, timeout=CONDUCTED_WITHIN_S)
        if conducted.done() and not conducted.cancelled() and (error := conducted.exception()):
            logger.error("call failed", extra={"error": type(error).__name__})
    dialogue: Dialogue | None = kept.get("dialogue")
    if dialogue is not None:
        await dialogue.close("hung_up")
        ended = dialogue.state.outcome
        outcome = kept.get("outcome", "failed") if ended == "open" else ended
        kept["parts"].meters.add(metrics.CALLS, outcome=outcome)
        await dialogue.settle(SETTLE_WITHIN_S)
    if (meter_file := kept.get("meter_file")) is not None:
        meter_file.write()


def _left(ctx: JobContext, gone: rtc.RemoteParticipant, over: asyncio.Event) -> None:
    """The caller is gone, whatever the reason: the framework waits for some of them to return."""
    agent = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    if gone.kind != agent and gone.identity == ctx.proc.userdata.get("caller", gone.identity):
        over.set()


async def _arrived(ctx: JobContext) -> tuple[Call, rtc.RemoteParticipant | None] | str:
    """The call and who makes it, or why there is none for us."""
    person = None
    if not ctx.is_fake_job():
        await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
        if OneAgent(ctx.room, ctx.proc.userdata["parts"].settings.livekit.agents).is_second:
            return "another_agent"
        person = await _caller(ctx)
        if person is None:
            return "nobody_there"
    said = person.attributes if person is not None else {}
    call = Call(
        id=ctx.job.id,
        started_at=datetime.now(UTC),
        dialled=said.get("sip.trunkPhoneNumber", ""),
        caller=_shown(said.get("sip.phoneNumber", "")),
        channel="phone" if person is not None else "console",
    )
    return call, person


def _shown(number: str) -> str:
    """The number a network shows; none where it says "anonymous" or the like instead."""
    return number if any(char.isdecimal() for char in number) else ""


async def _caller(ctx: JobContext) -> rtc.RemoteParticipant | None:
    kinds = [
        rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
        rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
    ]
    try:
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            return await ctx.wait_for_participant(kind=kinds)
    except (TimeoutError, RuntimeError):  # RuntimeError: the room was closed meanwhile
        return None


# -- the worker -----------------------------------------------------------------------------------


def build_server(settings: Settings, panel: Panel | None = None) -> CallServer:
    """The LiveKit worker of these settings.

    Args:
        settings: as loaded.
        panel: knows load and free places; None for the console, which LiveKit sends no calls.
    """
    calls = panel.capacity.calls if panel is not None else 1

    server = CallServer(
        setup_fnc=partial(prewarm, panel.meters_dir if panel is not None else None),
        load_fnc=panel.load if panel is not None else lambda: 0.0,
        load_threshold=LOAD_THRESHOLD,
        num_idle_processes=ServerEnvOption(dev_default=0, prod_default=calls),
        preload_modules=["agent.preload"],
        # A busy machine only gets busier when processes are killed and begun anew.
        initialize_process_timeout=120,
        drain_timeout=round(settings.livekit.drain_timeout_s),
        shutdown_process_timeout=20,
        session_end_timeout=60,
        job_memory_warn_mb=400,
        host=settings.control.host,
        # A console or `dev` beside a worker takes any free port: nobody asks it there.
        port=ServerEnvOption(dev_default=0, prod_default=settings.control.worker_port),
        ws_url=settings.livekit_url or None,
        api_key=settings.livekit_api_key.get_secret_value() or None,
        api_secret=settings.livekit_api_secret.get_secret_value() or None,
    )
    server.rtc_session(
        entrypoint,
        agent_name=settings.livekit.agent_name,
        on_request=panel.on_request if panel is not None else None,
        on_session_end=on_session_end,
    )
    return server


def main(argv: list[str] | None = None) -> None:
    """Run LiveKit's own commands (console, start, dev) with ears and voice beside them."""
    telemetry.refuse()
    arguments = sys.argv[1:] if argv is None else argv
    command = next((a for a in arguments if not a.startswith("-")), "")
    # The rules are a graph of millions of objects: to look it through for garbage when all is done
    # held the end of a console up for 10 s.
    atexit.register(gc.freeze)
    try:
        settings = settings_module.load()
        if "--help" not in arguments:
            startup.check(settings, command)
        _run(settings, command, helping="--help" in arguments, typed="--text" in arguments)
    except AgentError as exc:
        sys.stderr.write(f"{exc}\n")
        raise SystemExit(2) from None


def _run(settings: Settings, command: str, *, helping: bool, typed: bool) -> None:
    with ExitStack() as stack:
        panel = None
        if command in ("start", "dev", "console", "connect") and not helping:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            if settings.speech.turn_detector != "local":
                # 244 MB of weights that judge the end of a turn: loaded for every worker, unless
                # LiveKit is told that nobody asks them.
                os.environ.setdefault("LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE", "0")
            _configure_logs(settings, command)
            store = TicketStore.from_settings(settings)
            stack.callback(store.close)
            if command in ("start", "dev"):
                panel = stack.enter_context(controlled(settings, store))
            stack.enter_context(supervised(settings, store))
            if command == "start":
                stack.enter_context(Companions(settings))
            if command == "console" and typed:
                # LiveKit's text console shows replies only, and the notice is no reply.
                notice = Script.load(settings.call.prompts_dir).text(opening().say)
                sys.stdout.write(f"\n  Agent: {notice}\n")
        server = build_server(settings, panel)
        if panel is not None:
            panel.attach(server)
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


if __name__ == "__main__":
    main()
