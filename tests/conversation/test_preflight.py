"""preflight != final leaves no trace: a real LiveKit session, real rules, journal and rows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from livekit import rtc
from livekit.agents import AgentSession, LanguageCode, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions
from livekit.agents.voice.io import AudioInput

from agent.complaint import Call, Slot, UnderstoodTurn
from agent.conversation.dialogue import Dialogue
from agent.conversation.intake import Intake
from agent.conversation.script import Script
from agent.conversation.steps import Step
from agent.settings import CallSettings
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore
from agent.understanding.extract import Extractor
from agent.understanding.rules import Rules

PREFLIGHT = "எங்க தெருவுல குப்பை அள்ளல கும்பகோணம்"
FINAL = "எங்க தெருவுல அஞ்சு நாளா தண்ணி வரல"


class SilentLine(AudioInput):
    """An open line on which nobody makes a sound; the recogniser below ignores it anyway."""

    def __init__(self) -> None:
        super().__init__(label="silent line")

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(0.02)
        return rtc.AudioFrame(bytes(640), 16000, 1, 320)


class TwoMinds(stt.STT[None]):
    """A recogniser that first believes one thing and then settles on another, on command."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.say: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def _recognize_impl(self, *args: object, **kwargs: object) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(
        self,
        *,
        language: object = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return _TwoMindsStream(stt=self, conn_options=conn_options, sample_rate=16000)


class _TwoMindsStream(stt.RecognizeStream):
    async def _run(self) -> None:
        assert isinstance(self._stt, TwoMinds)
        while True:
            preflight, final = await self._stt.say.get()
            self._event_ch.send_nowait(stt.SpeechEvent(type=stt.SpeechEventType.START_OF_SPEECH))
            self._emit(stt.SpeechEventType.PREFLIGHT_TRANSCRIPT, preflight)
            await asyncio.sleep(0.2)
            self._emit(stt.SpeechEventType.FINAL_TRANSCRIPT, final)
            self._event_ch.send_nowait(stt.SpeechEvent(type=stt.SpeechEventType.END_OF_SPEECH))

    def _emit(self, kind: stt.SpeechEventType, text: str) -> None:
        heard = stt.SpeechData(language=LanguageCode("ta"), text=text, confidence=0.9)
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=[heard]))


class Watch:
    """Keeps what was asked and heard."""

    def __init__(self) -> None:
        self.asked_slots: asyncio.Queue[Slot | None] = asyncio.Queue()
        self.turns: list[UnderstoodTurn] = []

    def asked(self, step: Step, text: str) -> None:
        self.asked_slots.put_nowait(step.expect)

    def heard(self, turn: UnderstoodTurn) -> None:
        self.turns.append(turn)

    def filed(self, numbers: tuple[str, ...]) -> None:
        pass

    def closed(self, outcome: str) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path):
    return TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)


def new_call() -> Call:
    return Call(id="local-preflight", started_at=datetime.now(UTC), caller="+910000000001")


def build(store: TicketStore, watch: Watch) -> Intake:
    call = new_call()
    dialogue = Dialogue(
        Script.load(CallSettings().prompts_dir),
        Extractor(Rules.load()),
        CallLedger.open(store, call),
        look_up=lambda _: None,
        caller=call.caller,
        observer=watch,
    )
    return Intake(dialogue, CallSettings(min_endpointing_s=0.1, story_endpointing_s=0.1))


async def test_a_preflight_that_differs_from_the_final_leaves_no_trace(
    store: TicketStore, tmp_path: Path
) -> None:
    watch = Watch()
    intake = build(store, watch)
    ears = TwoMinds()
    session: AgentSession[None] = AgentSession(
        stt=ears,
        vad=None,
        turn_handling={"turn_detection": "stt", "interruption": {"mode": "vad"}},
        user_away_timeout=None,
    )
    session.input.audio = SilentLine()
    await session.start(intake, record=False)
    try:
        async with asyncio.timeout(20):
            assert await watch.asked_slots.get() is Slot.CONSENT
            ears.say.put_nowait(("ஆமா", "ஆமா"))
            assert await watch.asked_slots.get() is Slot.COMPLAINT
            ears.say.put_nowait((PREFLIGHT, FINAL))
            assert await watch.asked_slots.get() is Slot.PLACE
    finally:
        await session.aclose()
    assert [turn.text for turn in watch.turns] == ["ஆமா", FINAL]
    state = intake.dialogue.state
    assert [c.value for c in state.categories] == ["WATER"]
    assert state.place is None
    await intake.dialogue.close("hung_up")
    _no_trace(store, tmp_path)


async def test_a_turn_the_ears_lost_is_admitted_and_asked_again(store: TicketStore) -> None:
    watch = Watch()
    intake = build(store, watch)
    ears = TwoMinds()
    session: AgentSession[None] = AgentSession(
        stt=ears, vad=None, turn_handling={"turn_detection": "stt"}, user_away_timeout=None
    )
    session.input.audio = SilentLine()
    await session.start(intake, record=False)
    try:
        async with asyncio.timeout(20):
            assert await watch.asked_slots.get() is Slot.CONSENT
            lost = stt.STTError(
                timestamp=0.0, label="ears", error=ConnectionError(), recoverable=True
            )
            ears.emit("error", lost)
            assert await watch.asked_slots.get() is Slot.COMPLAINT
    finally:
        await session.aclose()
    assert intake.dialogue.state.unheard == 1
    assert [line.prompt for line in intake.dialogue.last.step.say] == [  # type: ignore[union-attr]
        "not_heard",
        "ask_complaint",
    ]


def _no_trace(store: TicketStore, folder: Path) -> None:
    """Nothing of the preflight is in any journal line or row, encrypted or not."""
    rows = list(store.repository.search(unmask=True))
    assert [row.description for row in rows] == [FINAL]
    assert [row.category for row in rows] == ["WATER"]
    for path in folder.rglob("*.jsonl"):
        assert "GARBAGE" not in path.read_text(encoding="utf-8")


async def test_considering_a_turn_changes_nothing(store: TicketStore) -> None:
    watch = Watch()
    dialogue = build(store, watch).dialogue
    dialogue.greet()
    await dialogue.commit("ஆமா")
    before = dialogue.state
    step = dialogue.consider(FINAL)
    assert step.expect is Slot.PLACE
    assert dialogue.state == before
    assert dialogue.commits == 1
    assert [turn.text for turn in watch.turns] == ["ஆமா"]
    await dialogue.close("hung_up")
