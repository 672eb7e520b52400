"""The worker: the only place where the parts are wired.

One call, from sound to ticket, in five files: this one answers it; ``conversation/flow.py`` decides
what to say; ``understanding/rules.py`` reads what was said; ``tickets/ledger.py`` makes it durable;
``speech/stt.py`` turns sound into words.

The worker process registers with LiveKit and supervises ears and voice; every call is a job in a
process of its own that holds no model. ``kural call`` and the tests use :func:`build_parts` and
:func:`build_session` directly, without a LiveKit server.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from livekit import rtc
from livekit.agents import (
    AgentServer,
    AgentSession,
    AutoSubscribe,
    JobContext,
    JobProcess,
    JobRequest,
    cli,
    inference,
)
from livekit.agents.voice import room_io
from livekit.agents.voice.turn import (
    EndpointingOptions,
    InterruptionOptions,
    TurnDetectionMode,
    TurnHandlingOptions,
)
from livekit.agents.worker import ServerEnvOption

from agent import settings as settings_module
from agent.complaint import Call
from agent.control import startup
from agent.control.supervisor import Supervisor
from agent.conversation.dialogue import CallObserver, Dialogue
from agent.conversation.intake import Intake
from agent.conversation.script import Script
from agent.conversation.turn_end import AnswerTurnDetector
from agent.errors import AgentError, TicketError
from agent.observability import logs
from agent.speech.ears_client import EarsClient
from agent.speech.prompts_audio import Progress, PromptCache, RenderReport, render_prompts
from agent.speech.stt import WhisperSTT
from agent.speech.tts import PooledTTS
from agent.speech.vad import load_vad
from agent.speech.voice import VoiceClient
from agent.tickets.ledger import CallLedger
from agent.tickets.numbering import is_valid as is_valid_ticket
from agent.tickets.store import WITHIN_S, TicketStore
from agent.understanding.rules import Rules

if TYPE_CHECKING:
    from livekit.agents import vad as lk_vad

    from agent.settings import Settings

logger = logging.getLogger(__name__)

LOAD_THRESHOLD = 0.7
"""LiveKit's server drops workers that report 0.7 or more (docs/decisions/0005-load.md)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the calls of one process share. Loaded once; safe to use from several calls."""

    settings: Settings
    script: Script
    rules: Rules
    store: TicketStore
    vad: lk_vad.VAD | None
    """Voice activity detection; None where calls come as text."""


class CallSession(AgentSession[Call]):
    """A session that hangs up on ears and voice when it is closed."""

    links: tuple[EarsClient | VoiceClient, ...] = ()
    """Connections of this call; the framework closes only what it made itself."""

    async def aclose(self) -> None:
        """Close the session, then its connections."""
        await super().aclose()
        for link in self.links:
            await link.aclose()


def build_parts(settings: Settings, *, audio: bool = True) -> Parts:
    """Load everything a call needs but ears and voice, which are processes of their own.

    Raises:
        ConfigurationError: prompts, tables, key or database cannot be used.
    """
    return Parts(
        settings=settings,
        script=Script.load(settings.call.prompts_dir),
        rules=Rules.load(valid_ticket=is_valid_ticket),
        store=TicketStore.from_settings(settings),
        vad=load_vad(min_silence_s=settings.speech.vad_min_silence_s) if audio else None,
    )


def build_session(
    parts: Parts, call: Call, *, audio: bool = True, observer: CallObserver | None = None
) -> tuple[CallSession, Intake]:
    """Wire one call.

    The caller of this function starts the session with the returned agent, and must call
    ``intake.dialogue.close(...)`` when the call is over.
    """
    ledger = CallLedger.open(parts.store, call)
    dialogue = Dialogue(
        parts.script,
        parts.rules,
        ledger,
        look_up=lambda number: ticket_state(parts.store, number),
        caller=call.caller,
        seat=call.constituency,
        observer=observer,
    )
    session = _spoken_session(parts, call, dialogue) if audio else _typed_session(parts, call)
    return session, Intake(dialogue, parts.settings.call)


def ticket_state(store: TicketStore, number: str) -> str | None:
    """Life-cycle state of a ticket; None when there is none or the database is away."""
    try:
        found = store.database.visit(lambda _: store.repository.get(number), within_s=WITHIN_S)
    except TicketError:
        return None
    return found.status if found else None


def _typed_session(parts: Parts, call: Call) -> CallSession:
    return CallSession(
        userdata=call,
        vad=None,
        user_away_timeout=None,
        turn_handling=TurnHandlingOptions(turn_detection=None),
    )


def _spoken_session(parts: Parts, call: Call, dialogue: Dialogue) -> CallSession:
    speech, calls = parts.settings.speech, parts.settings.call
    token = speech.token.get_secret_value()
    ears = EarsClient(parts.settings.ears_url, token, speech.recognition_deadline_s)
    voice = VoiceClient(parts.settings.voice_url, token=token)
    cache = PromptCache(parts.settings.prompt_cache_dir, speech.voice, speech.voice_rate)
    session = CallSession(
        userdata=call,
        vad=parts.vad,
        stt=WhisperSTT(
            ears,
            parts.vad,
            language=speech.language,
            min_silence_s=speech.vad_min_silence_s,
            speculate_after_s=speech.speculate_after_s,
        ),
        tts=PooledTTS(
            voice,
            cache,
            parts.script.fixed_pieces(),
            voice=speech.voice,
            rate=speech.voice_rate,
        ),
        # None: with the default of 3 s the first words over a fresh phone line would be lost.
        aec_warmup_duration=None,
        user_away_timeout=calls.silence_s,
        # None: our sentences hold neither markdown nor emoji, and filters would re-cut prompts.
        tts_text_transforms=None,
        turn_handling=TurnHandlingOptions(
            turn_detection=_turn_detector(speech.turn_detector, dialogue),
            endpointing=EndpointingOptions(
                min_delay=calls.min_endpointing_s, max_delay=calls.max_endpointing_s
            ),
            interruption=InterruptionOptions(mode="vad", min_duration=0.6),
        ),
    )
    session.links = (ears, voice)
    return session


def _turn_detector(kind: str, dialogue: Dialogue) -> TurnDetectionMode:
    match kind:
        case "answer":
            return AnswerTurnDetector(dialogue)
        case "local":
            # Pinned: unset, a development run would send audio to a cloud service.
            return inference.TurnDetector(version="v1-mini")
        case _:
            return "vad"


async def render_fixed_prompts(
    settings: Settings, script: Script, progress: Progress | None = None
) -> RenderReport:
    """Bring the cache of fixed prompts up to date with the script and the voice."""
    speech = settings.speech
    client = VoiceClient(settings.voice_url, token=speech.token.get_secret_value())
    cache = PromptCache(settings.prompt_cache_dir, speech.voice, speech.voice_rate)
    try:
        return await render_prompts(cache, client, script.fixed_pieces(), progress)
    finally:
        await client.aclose()


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
    call = await _arrived(ctx)
    logs.set_call_id(call.id)
    session, intake = build_session(parts, call)
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
    outcome = await hold(intake, over, limit_s=parts.settings.call.max_call_s)
    await intake.dialogue.close(outcome)
    await session.aclose()
    ctx.shutdown(outcome)


async def hold(intake: Intake, over: asyncio.Event, *, limit_s: float) -> str:
    """Wait until the call ends and say how: by our last word, a hang-up, or the time limit."""
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
        return intake.dialogue.state.outcome
    return "hung_up" if hung_up in done else "too_long"


async def on_session_end(ctx: JobContext) -> None:
    """Hang-up, drain or a crash of the entrypoint: the call's row is stored in every case."""
    dialogue: Dialogue | None = ctx.proc.userdata.get("dialogue")
    if dialogue is not None:
        await dialogue.close("hung_up")


async def _arrived(ctx: JobContext) -> Call:
    dialled, caller, channel = "", "", "console"
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
    return Call(
        id=ctx.job.id,
        started_at=datetime.now(UTC),
        dialled=dialled,
        caller=caller,
        channel=channel,
    )


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
        _run(settings, command, helping="--help" in arguments)
    except AgentError as exc:
        sys.stderr.write(f"{exc}\n")
        raise SystemExit(2) from None


def _run(settings: Settings, command: str, *, helping: bool) -> None:
    server = build_server(settings)
    with ExitStack() as stack:
        if command in ("start", "dev", "console", "connect") and not helping:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            _configure_logs(settings, command)
            stack.enter_context(_supervised(settings))
        cli.run_app(server)


def _configure_logs(settings: Settings, command: str) -> None:
    """The console draws on the terminal, so there the log keeps to what is worth a look."""
    if command == "console" and "level" not in settings.log.model_fields_set:
        logs.configure("WARNING", "text")
    else:
        logs.configure(settings.log.level, settings.log.format)
    logs.guard_root_handlers()


def _supervised(settings: Settings) -> Any:
    """Ears and voice as child processes, and the prompts rendered, for as long as we run."""
    stack = ExitStack()
    supervisor = Supervisor(settings)
    supervisor.start()
    stack.callback(supervisor.stop)
    asyncio.run(render_fixed_prompts(settings, Script.load(settings.call.prompts_dir)))
    return stack


if __name__ == "__main__":
    main()
