"""In a whole call every fixed prompt comes from disk. Real prompts, voice, flow and rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from livekit.agents import AgentSession

from agent.complaint import Call, UnderstoodTurn
from agent.conversation.intake import Intake
from agent.conversation.steps import Step
from agent.observability.metrics import TTS_PIECES
from agent.recordings import render_fixed_prompts
from agent.settings import Settings, SpeechSettings
from agent.speech.tts import PooledTTS
from agent.speech.tts_languages import LanguageTTS
from agent.wiring import build_parts, build_session
from tests.speech.test_voice import serving

CALLER = ("1", "எங்க தெருவுல அஞ்சு நாளா தண்ணி வரல", "பல்லடம்", "நூறடி ரோடு", "முருகன்", "1", "1", "2")


class Watch:
    """Keeps what the agent said."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.numbers: tuple[str, ...] = ()

    def asked(self, step: Step, text: str) -> None:
        self.texts.append(text)

    def heard(self, turn: UnderstoodTurn) -> None:
        pass

    def filed(self, numbers: tuple[str, ...]) -> None:
        self.numbers = numbers

    def closed(self, outcome: str) -> None:
        pass


async def whole_call(session: AgentSession[Call], intake: Intake) -> None:
    await session.start(intake, record=False)
    for line in CALLER:
        if intake.done.is_set():
            break
        await session.run(user_input=line)


async def spoken(voice: PooledTTS, text: str) -> float:
    """Speak a text as the session streams it, word by word; its seconds."""
    seconds = 0.0
    async with voice.stream() as stream:
        for word in text.split(" "):
            stream.push_text(f"{word} ")
        stream.end_input()
        async for event in stream:
            seconds += event.frame.duration
    return seconds


async def test_every_fixed_prompt_of_a_whole_call_comes_from_disk(tmp_path: Path):
    speech = SpeechSettings(voice_url=f"unix://{tmp_path / 'voice.sock'}")
    settings = Settings(data_dir=tmp_path / "var", speech=speech)
    parts = build_parts(settings)
    call = Call(id="local-hits", started_at=datetime.now(UTC), caller="+919500123456")
    async with serving(settings.voice_url):
        assert (await render_fixed_prompts(settings, parts.script)).complete
        watch = Watch()
        typed, intake = build_session(parts, call, audio=False, observer=watch)
        await whole_call(typed, intake)
        heard, listening = build_session(parts, call)
        assert isinstance(heard.tts, LanguageTTS)
        voice = heard.tts.spoken_by("ta")
        seconds = [await spoken(voice, text) for text in watch.texts]
        await intake.dialogue.close("hung_up")
        await listening.dialogue.close("hung_up")
        await typed.aclose()
        await heard.aclose()
    parts.store.close()
    assert watch.numbers, "the call must reach its ticket number"
    assert all(second > 0.3 for second in seconds)
    assert voice.spoken["missed"] == 0
    assert voice.spoken["prompt"] >= 12
    assert voice.spoken["live"] >= 3  # place, landmark, ticket number
    counted = parts.meters.expose().decode()
    assert f'{TTS_PIECES.name}{{origin="prompt"}} {voice.spoken["prompt"]}.0' in counted
    assert f'{TTS_PIECES.name}{{origin="missed"}}' not in counted
