"""Wiring: the one place where the parts of a call are put together.

:class:`Parts` is what the calls of a process share, :func:`build_session` what one call gets: a
LiveKit session with ears, voice, turn detection and the flow in it. The worker uses it for phone
calls, ``kural call`` and the tests for simulated ones; nothing here needs a LiveKit server.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from livekit.agents import AgentSession, inference
from livekit.agents.voice.turn import (
    EndpointingOptions,
    InterruptionOptions,
    TurnDetectionMode,
    TurnHandlingOptions,
)

from agent.breaker import Breaker
from agent.check_digit import is_valid as is_valid_ticket
from agent.complaint import Call
from agent.conversation.dialogue import CallObserver, Dialogue
from agent.conversation.intake import Intake
from agent.conversation.script import Script
from agent.conversation.turn_end import AnswerTurnDetector
from agent.errors import TicketError
from agent.speech.decoding import OnLost, Recogniser
from agent.speech.ears_client import EarsClient
from agent.speech.fallback import DeepgramRecogniser, FallbackRecogniser
from agent.speech.prompts_audio import Progress, PromptCache, RenderReport, render_prompts
from agent.speech.stt import WhisperSTT
from agent.speech.tts import PooledTTS
from agent.speech.vad import load_vad
from agent.speech.voice import VoiceClient
from agent.tickets.ledger import CallLedger
from agent.tickets.records import warm_up
from agent.tickets.store import WITHIN_S, TicketStore
from agent.tickets.voice_notes import VoiceNotes
from agent.understanding.extract import Extractor
from agent.understanding.models import build_chain
from agent.understanding.rules import Rules

if TYPE_CHECKING:
    from livekit.agents import vad as lk_vad

    from agent.settings import Settings

_CALL_LETTERS = 64
"""Longest name of a call the ears take."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the calls of one process share. Loaded once; safe to use from several calls."""

    settings: Settings
    script: Script
    store: TicketStore
    vad: lk_vad.VAD | None
    """Voice activity detection; None where calls come as text."""
    extractor: Extractor
    """Reads turns: rules, and a language model where they are unsure."""
    ears_breaker: Breaker = field(default_factory=Breaker)
    """What the calls of this process know about the ears."""

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
    return Parts(
        settings=settings,
        script=Script.load(settings.call.prompts_dir),
        extractor=build_extractor(settings),
        store=TicketStore.from_settings(settings),
        vad=_detector(settings) if audio else None,
    )


def build_extractor(settings: Settings) -> Extractor:
    """The rules, with the language models the settings name behind them."""
    rules = Rules.load(valid_ticket=is_valid_ticket)
    return Extractor(rules, build_chain(settings) if settings.llm.url else None)


def _detector(settings: Settings) -> lk_vad.VAD:
    speech = settings.speech
    return load_vad(min_silence_s=speech.vad_min_silence_s, form=speech.vad)


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
        parts.extractor,
        ledger,
        look_up=lambda number: ticket_state(parts.store, number),
        caller=call.caller,
        seat=call.constituency,
        observer=observer,
        call=call.id,
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
    ears = build_recogniser(parts)
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
            call=call.id[:_CALL_LETTERS],
            on_lost=keep_voice_notes(parts, call.id),
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


def build_recogniser(parts: Parts) -> Recogniser:
    """The ears, and behind them who takes over when they fail."""
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
    return FallbackRecogniser(ears, second, patience_s=cloud.after_s, breaker=parts.ears_breaker)


def keep_voice_notes(parts: Parts, call_id: str) -> OnLost:
    """What becomes of an utterance that nobody could decode: its sound is kept, encrypted."""
    notes = VoiceNotes(parts.settings.data_dir, parts.store.cipher)
    numbers = itertools.count(len(notes.of_call(call_id)) + 1)

    async def keep(pcm: bytes, _end_s: float) -> None:
        await asyncio.to_thread(notes.keep, call_id, next(numbers), pcm)

    return keep


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
