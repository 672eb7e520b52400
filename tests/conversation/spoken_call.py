"""A spoken call for tests: real session, agent, flow, rows and recorded voice; the ears on command.

The recorded prompts are tones of a chosen length, so that a test has time to speak over them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from livekit import rtc
from livekit.agents import AgentSession, LanguageCode, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions
from livekit.agents.voice.io import AudioInput

from agent.callers.audio_io import AgentLine
from agent.callers.clock import WallClock
from agent.complaint import Call, Slot, UnderstoodTurn
from agent.conversation.dialogue import Dialogue
from agent.conversation.intake import Intake
from agent.conversation.ports import Services
from agent.conversation.script import Script
from agent.conversation.steps import Step
from agent.conversation.vigil import Limits
from agent.settings import CallSettings
from agent.speech.prompts_audio import PromptCache
from agent.speech.tts import PooledTTS
from agent.speech.voice import VOICE_SAMPLE_RATE, VoiceClient
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore
from agent.understanding.extract import Extractor
from agent.understanding.rules import Rules

SETTINGS = CallSettings(
    min_endpointing_s=0.05,
    max_endpointing_s=0.1,
    story_endpointing_s=0.05,
    digits_endpointing_s=0.1,
)
RULES = Rules.load()
_Type = stt.SpeechEventType


class Line(AudioInput):
    """An open line, 50 frames a second."""

    def __init__(self) -> None:
        super().__init__(label="line")
        self.level = 0

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(0.02)
        return rtc.AudioFrame(np.full(320, self.level, np.int16).tobytes(), 16_000, 1, 320)


class Ears(stt.STT[None]):
    """Hears what the test says."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.events: asyncio.Queue[stt.SpeechEvent] = asyncio.Queue()

    async def _recognize_impl(self, *args: object, **kwargs: object) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(
        self,
        *,
        language: object = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return _EarsStream(stt=self, conn_options=conn_options, sample_rate=16_000)

    def begin(self) -> None:
        """The caller begins to speak."""
        self.events.put_nowait(stt.SpeechEvent(type=_Type.START_OF_SPEECH))

    def end(self, text: str) -> None:
        """He has stopped, and this is what he said."""
        heard = stt.SpeechData(language=LanguageCode("ta"), text=text, confidence=0.9)
        self.events.put_nowait(stt.SpeechEvent(type=_Type.FINAL_TRANSCRIPT, alternatives=[heard]))
        self.events.put_nowait(stt.SpeechEvent(type=_Type.END_OF_SPEECH))

    def clause(self, text: str) -> None:
        """A part of what he says is known; the line sounds on."""
        heard = stt.SpeechData(language=LanguageCode("ta"), text=text, confidence=0.9)
        self.events.put_nowait(stt.SpeechEvent(type=_Type.FINAL_TRANSCRIPT, alternatives=[heard]))

    def unread(self, reason: str) -> None:
        """A voice, or a sound like one, of which no words are left."""
        nothing = stt.SpeechData(language=LanguageCode("ta"), text="")
        nothing.metadata = {"dropped": [reason]}
        self.begin()
        self.events.put_nowait(stt.SpeechEvent(type=_Type.FINAL_TRANSCRIPT, alternatives=[nothing]))
        self.events.put_nowait(stt.SpeechEvent(type=_Type.END_OF_SPEECH))

    def say(self, text: str) -> None:
        """He says something short."""
        self.begin()
        self.end(text)


class _EarsStream(stt.RecognizeStream):
    async def _run(self) -> None:
        assert isinstance(self._stt, Ears)
        while True:
            self._event_ch.send_nowait(await self._stt.events.get())


class Watch:
    """Keeps what was asked and heard."""

    def __init__(self) -> None:
        self.asked_steps: asyncio.Queue[Step] = asyncio.Queue()
        self.texts: list[str] = []
        self.turns: list[UnderstoodTurn] = []
        self.outcome = ""

    def asked(self, step: Step, text: str) -> None:
        self.texts.append(text)
        self.asked_steps.put_nowait(step)

    def heard(self, turn: UnderstoodTurn) -> None:
        self.turns.append(turn)

    def filed(self, numbers: tuple[str, ...]) -> None:
        pass

    def closed(self, outcome: str) -> None:
        self.outcome = outcome

    async def next_slot(self) -> Slot | None:
        """The question of the next step."""
        return (await self.asked_steps.get()).expect

    def prompts(self) -> list[str]:
        """Every prompt of the steps not yet looked at."""
        found: list[str] = []
        while not self.asked_steps.empty():
            found.extend(line.prompt for line in self.asked_steps.get_nowait().say)
        return found


@dataclass
class SpokenCall:
    """What a test holds in its hands."""

    session: AgentSession[None]
    intake: Intake
    watch: Watch
    ears: Ears
    line: Line
    agent: AgentLine
    store: TicketStore

    async def agent_is(self, state: str) -> None:
        """Wait until the agent speaks, or listens."""
        there = asyncio.Event()

        def look(_: object = None) -> None:
            if self.session.agent_state == state:
                there.set()

        self.session.on("agent_state_changed", look)
        look()
        await there.wait()
        self.session.off("agent_state_changed", look)


def recorded(folder: Path, script: Script, seconds: float) -> PromptCache:
    """Every fixed piece of the script as a tone."""
    tone = (3000 * np.sin(np.arange(round(seconds * VOICE_SAMPLE_RATE)) / 20)).astype(np.int16)
    cache = PromptCache(folder / "prompts", "ta", 165)
    for piece in script.fixed_pieces():
        cache.put(piece, tone.tobytes())
    return cache


@asynccontextmanager
async def spoken_call(
    folder: Path,
    *,
    seconds: float = 0.05,
    limits: Limits | None = None,
    services: Services | None = None,
    settings: CallSettings = SETTINGS,
    script: Script | None = None,
) -> AsyncIterator[SpokenCall]:
    """Answer a call whose prompts each take ``seconds``; hang up at the end."""
    script = script or Script.load(settings.prompts_dir)
    store = TicketStore.open(f"sqlite:///{folder / 'kural.db'}", data_dir=folder)
    call = Call(id="local-spoken", started_at=datetime.now(UTC), caller="+919500123456")
    watch, ears, line = Watch(), Ears(), Line()
    voice = VoiceClient(f"unix://{folder / 'nobody.sock'}")
    dialogue = Dialogue(
        script,
        Extractor(RULES),
        CallLedger.open(store, call),
        services=services,
        caller=call.caller,
        observer=watch,
        call=call.id,
    )
    intake = Intake(dialogue, settings, limits=limits)
    session: AgentSession[None] = AgentSession(
        stt=ears,
        vad=None,
        tts=PooledTTS(
            voice, recorded(folder, script, seconds), script.fixed_pieces(), voice="ta", rate=165
        ),
        turn_handling={
            "turn_detection": "stt",
            "interruption": {
                "mode": "vad",
                "discard_audio_if_uninterruptible": False,
                "false_interruption_timeout": 0.2,
            },
        },
        user_away_timeout=None,
        tts_text_transforms=None,
        aec_warmup_duration=None,
        session_close_transcript_timeout=0.1,
    )
    async with AgentLine(WallClock()) as agent, asyncio.timeout(40):
        session.input.audio, session.output.audio = line, agent
        await session.start(intake, record=False)
        try:
            yield SpokenCall(session, intake, watch, ears, line, agent, store)
        finally:
            await dialogue.close("hung_up")
            await session.aclose()
            await voice.aclose()
            store.close()
