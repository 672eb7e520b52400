"""Wiring: the one place where the parts of a call are put together.

:class:`Parts` is what the calls of a process share, :func:`build_session` what one call gets: a
LiveKit session with ears, voice, turn detection and the flow in it. The worker uses it for phone
calls, ``kural call`` and the tests for simulated ones; nothing here needs a LiveKit server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Protocol

from livekit.agents import AgentSession, inference
from livekit.agents.voice.turn import (
    EndpointingOptions,
    InterruptionOptions,
    TurnDetectionMode,
    TurnHandlingOptions,
)

from agent import recordings
from agent.breaker import Breaker
from agent.check_digit import is_valid as is_valid_ticket
from agent.complaint import Call
from agent.control.alerts import Alerter
from agent.conversation.dialogue import TAMIL, Dialogue
from agent.conversation.intake import Intake
from agent.conversation.note_keeper import VoiceNoteKeeper
from agent.conversation.ports import CallObserver, Services, Transferrer
from agent.conversation.script import LANGUAGES, Script
from agent.conversation.steps import Terms, TicketFound
from agent.conversation.turn_end import AnswerTurnDetector
from agent.observability.metrics import Meters
from agent.speech.decoding import Recogniser
from agent.speech.ears_client import EarsClient
from agent.speech.fallback import DeepgramRecogniser, FallbackRecogniser
from agent.speech.stt import WhisperSTT
from agent.speech.tts_languages import LanguageTTS
from agent.speech.vad import load_vad
from agent.speech.voice import VoiceClient
from agent.tickets.ledger import CallLedger
from agent.tickets.office_hours import OfficeHours
from agent.tickets.recall import recall
from agent.tickets.records import warm_up
from agent.tickets.standing import standing
from agent.tickets.store import TicketStore
from agent.understanding.extract import Extractor
from agent.understanding.models import build_chain
from agent.understanding.rules import Rules

if TYPE_CHECKING:
    from livekit.agents import vad as lk_vad

    from agent.settings import Settings

_CALL_LETTERS = 64
"""Longest name of a call the ears take."""
_VOICE_WITHIN_S = 1.5
"""How long the voice process may take before a one-shot speaks: the caller waits in silence."""
_RESUME_AFTER_S = 1.0
"""Silence after a sound without words in which the agent goes on with what it was saying."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the calls of one process share. Loaded once; safe to use from several calls."""

    settings: Settings
    scripts: Mapping[str, Script]
    """Language -> its sentences."""
    hours: OfficeHours
    """When a person takes callers."""
    store: TicketStore
    vad: lk_vad.VAD | None
    """Voice activity detection; None where calls come as text."""
    extractor: Extractor
    """Reads turns: rules, and a language model where they are unsure."""
    alerter: Alerter
    """Tells whoever is on duty of emergencies."""
    ears_breaker: Breaker = field(default_factory=Breaker)
    """What the calls of this process know about the ears."""
    meters: Meters = field(default_factory=Meters)
    """What the calls of this process count."""

    @property
    def script(self) -> Script:
        """The Tamil sentences."""
        return self.scripts[TAMIL]

    @property
    def cloud_words(self) -> bool:
        """Whether a caller's words may leave this machine, which the notice must then say."""
        return self.settings.cloud_words


class _Link(Protocol):
    async def aclose(self) -> None: ...


class CallSession(AgentSession[Call]):
    """A session that hangs up on ears and voice when it is closed."""

    links: tuple[_Link, ...] = ()
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
    warm_up()
    scripts = load_scripts(settings)
    hours = OfficeHours.parse(settings.call.transfer_hours)
    extractor = build_extractor(settings)
    store = TicketStore.from_settings(settings)
    return Parts(
        settings=settings,
        scripts=scripts,
        hours=hours,
        extractor=extractor,
        store=store,
        vad=_detector(settings) if audio else None,
        alerter=Alerter(store, settings.alerts),
    )


def load_scripts(settings: Settings) -> dict[str, Script]:
    """Language -> its sentences.

    Raises:
        ConfigurationError: the prompts of a language cannot be used.
    """
    folder = settings.call.prompts_dir
    return {language: Script.load(folder, language) for language in LANGUAGES}


def build_extractor(settings: Settings) -> Extractor:
    """The rules, with the language models the settings name behind them."""
    return Extractor(load_rules(), build_chain(settings) if settings.llm.url else None)


@cache
def load_rules() -> Rules:
    """The rules with their tables, loaded once a process; all calls of it share them."""
    return Rules.load(valid_ticket=is_valid_ticket)


def _detector(settings: Settings) -> lk_vad.VAD:
    speech = settings.speech
    return load_vad(min_silence_s=speech.vad_min_silence_s, form=speech.vad)


def build_session(
    parts: Parts,
    call: Call,
    *,
    audio: bool = True,
    observer: CallObserver | None = None,
    transferrer: Transferrer | None = None,
) -> tuple[CallSession, Intake]:
    """Wire one call.

    Args:
        parts: what the calls of this process share.
        call: the call.
        audio: with sound; else typed.
        observer: may watch.
        transferrer: hands the caller to a person; None where that cannot be done.

    The caller of this function starts the session with the returned agent, and must call
    ``intake.dialogue.close(...)`` when the call is over.
    """
    ledger = CallLedger.open(parts.store, call)
    notes = VoiceNoteKeeper(parts.settings.data_dir, parts.store.cipher, call.id)
    dialogue = Dialogue(
        parts.scripts,
        parts.extractor,
        ledger,
        services=Services(
            look_up=lambda number: ticket_found(parts.store, number, call.caller),
            act=ledger.act,
            recall=lambda: recall(
                parts.store,
                call.caller,
                resume_within_s=parts.settings.call.resume_within_s,
                call_id=call.id,
            ),
            alarm=parts.alerter.alert,
            transferrer=transferrer,
            keep_note=notes.keep,
        ),
        terms=Terms(
            can_transfer=transferrer is not None and parts.hours.is_open(call.started_at),
            election=parts.settings.call.election,
            abroad=parts.cloud_words,
        ),
        caller=call.caller,
        seat=call.constituency,
        observer=observer,
        call=call.id,
    )
    session = (
        _spoken_session(parts, call, dialogue, notes) if audio else _typed_session(parts, call)
    )
    return session, Intake(dialogue, parts.settings.call)


def ticket_found(store: TicketStore, number: str, caller: str) -> TicketFound | None:
    """What the store knows of a ticket; None when there is none or the database is away."""
    found = standing(store, number, caller)
    return TicketFound(number, found.status, mine=found.mine) if found else None


def _typed_session(parts: Parts, call: Call) -> CallSession:
    return CallSession(
        userdata=call,
        vad=None,
        user_away_timeout=None,
        turn_handling=TurnHandlingOptions(turn_detection=None),
    )


def _spoken_session(
    parts: Parts, call: Call, dialogue: Dialogue, notes: VoiceNoteKeeper
) -> CallSession:
    speech, calls = parts.settings.speech, parts.settings.call
    token = speech.token.get_secret_value()
    ears = build_recogniser(parts, may_leave=lambda: not dialogue.local_only)
    voice = VoiceClient(
        parts.settings.voice_url,
        token=token,
        deadline_s=_VOICE_WITHIN_S,
        may_leave=lambda: not dialogue.local_only,
    )
    session = CallSession(
        userdata=call,
        vad=parts.vad,
        stt=WhisperSTT(
            ears,
            parts.vad,
            language=speech.language,
            min_silence_s=speech.vad_min_silence_s,
            speculate_after_s=speech.speculate_after_s,
            call=call.id[:_CALL_LETTERS],
            on_lost=lambda pcm, _: notes.keep_lost(pcm, dialogue.state),
        ),
        tts=LanguageTTS(
            {
                language: recordings.build_voice(parts.settings, script, voice, parts.meters)
                for language, script in parts.scripts.items()
            },
            first=TAMIL,
            language=lambda: dialogue.state.language,
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
            interruption=InterruptionOptions(
                mode="vad",
                min_duration=0.5,
                # A voice without words pauses the agent; this long after it he goes on.
                resume_false_interruption=True,
                false_interruption_timeout=_RESUME_AFTER_S,
                # The ears go on hearing while a ticket number is said: an emergency must get in.
                discard_audio_if_uninterruptible=False,
            ),
        ),
    )
    session.links = (ears, voice)
    return session


def build_recogniser(parts: Parts, *, may_leave: Callable[[], bool] = lambda: True) -> Recogniser:
    """The ears, and behind them who takes over when they fail.

    Args:
        parts: what the calls of this process share.
        may_leave: whether the caller's words may leave the machine now, where settings allow it.
    """
    settings = parts.settings
    speech, cloud, deepgram = settings.speech, settings.cloud, settings.deepgram
    ears = EarsClient(
        settings.ears_url,
        speech.token.get_secret_value(),
        speech.recognition_deadline_s,
        tls_ca=speech.tls_ca,
    )
    second: Recogniser | None = None
    if settings.cloud_recogniser:
        second = DeepgramRecogniser(
            deepgram.api_key.get_secret_value(),
            language=speech.language,
            model=deepgram.model,
            url=deepgram.url,
            deadline_s=speech.recognition_deadline_s,
        )
    return FallbackRecogniser(
        ears,
        second,
        patience_s=cloud.after_s,
        breaker=parts.ears_breaker,
        may_leave=may_leave,
    )


def _turn_detector(kind: str, dialogue: Dialogue) -> TurnDetectionMode:
    match kind:
        case "answer":
            return AnswerTurnDetector(dialogue)
        case "local":
            # Pinned: unset, a development run would send audio to a cloud service.
            return inference.TurnDetector(version="v1-mini")
        case _:
            return "vad"
