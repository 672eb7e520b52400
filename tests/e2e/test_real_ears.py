"""The bundled model behind the real detector: long talk, hang-ups, and lines nobody speaks on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import stt
from rapidfuzz.distance import Levenshtein

from agent.callers.caller_voice import OneShotVoice, render_all
from agent.callers.line_noise import hold_music, muted, traffic
from agent.settings import PROJECT_DIR
from agent.speech.audio import Samples
from agent.speech.decoding import Kind
from agent.speech.engine import Ears
from agent.speech.stt import WhisperSTT
from agent.speech.transcript import Transcript
from agent.speech.vad import load_vad

RATE = 16_000
SENTENCES = [
    "எங்க தெருவில மூணு நாளா தண்ணி வரல",
    "பக்கத்து தெருவிலயும் தண்ணி வரல",
    "கொரட்டூர் பக்கத்துல இருக்கோம்",
    "தெரு விளக்கு எரியல",
    "ராத்திரி இருட்டா இருக்கு",
    "ரோட்டுல குப்பை அள்ளல",
    "சாக்கடை அடைச்சு இருக்கு",
    "கரண்ட் அடிக்கடி போகுது",
    "ரேஷன் கடையில அரிசி தரல",
    "பஸ் சரியா வரல",
]


@dataclass
class InProcess:
    """The real ears, in this process, and what they were given."""

    ears: Ears
    heard: list[tuple[Kind, Samples]] = field(default_factory=list)

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final", call: str = "") -> Transcript:
        sound = np.frombuffer(pcm, np.int16)
        self.heard.append((kind, sound))
        return self.ears.transcribe(sound)

    async def aclose(self) -> None:
        """Nothing is held."""


@pytest.fixture(scope="session")
def demo_ears() -> Ears:
    return Ears(PROJECT_DIR / "models" / "demo-ta", device="cpu")


@pytest.fixture
def ears(demo_ears: Ears) -> InProcess:
    return InProcess(demo_ears)


async def say(text: str) -> Samples:
    return (await render_all(OneShotVoice(), [text], "ta"))[text]


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.int16)


async def listen(ears: InProcess, *sounds: Samples) -> list[stt.SpeechEvent]:
    whisper = WhisperSTT(ears, load_vad(min_silence_s=0.25))
    stream = whisper.stream()
    sound = np.concatenate(sounds)
    for i in range(0, len(sound), 320):
        chunk = sound[i : i + 320]
        stream.push_frame(rtc.AudioFrame(chunk.tobytes(), RATE, 1, len(chunk)))
    stream.end_input()
    events = [event async for event in stream]
    await stream.aclose()
    return events


def finals(events: list[stt.SpeechEvent]) -> list[str]:
    return [
        event.alternatives[0].text
        for event in events
        if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT and event.alternatives[0].text
    ]


def words_wrong(said: str, heard: str) -> float:
    return Levenshtein.distance(said.split(), heard.split()) / len(said.split())


@pytest.mark.slow
async def test_forty_seconds_of_talk_without_a_pause_are_transcribed_whole(
    ears: InProcess,
) -> None:
    """Commas are the only breaths in it; the bound is loose for the model, not for the cuts."""
    sentences = [*SENTENCES, *reversed(SENTENCES), *SENTENCES[::3]]
    talk = await say(", ".join(sentences))
    assert len(talk) > 38 * RATE
    heard = finals(await listen(ears, silence(0.5), talk, silence(1.0)))

    committed = [sound for kind, sound in ears.heard if kind == "clause"]
    assert len(committed) >= 4
    assert max(map(len, committed)) <= 13 * RATE
    wrong = words_wrong(" ".join(sentences), " ".join(heard))
    print(f"{len(talk) / RATE:.1f} s, {len(committed)} clauses, {wrong:.1%} of the words wrong")
    assert wrong <= 0.15
    assert abs(len(" ".join(heard).split()) / len(" ".join(sentences).split()) - 1) <= 0.1


@pytest.mark.slow
async def test_no_sample_of_a_monologue_is_lost_or_given_twice(ears: InProcess) -> None:
    talk = await say(" ".join(SENTENCES))  # no breath at all: cut where it must be
    before, after = silence(0.5), silence(1.0)
    events = await listen(ears, before, talk, after)
    given = np.concatenate([sound for kind, sound in ears.heard if kind == "clause"])
    whole = np.concatenate([before, talk, after])
    start = _where(whole, given[8000:12000]) - 8000
    assert np.array_equal(given, whole[start : start + len(given)])
    tail = ears.heard[-1][1]
    assert np.array_equal(tail, whole[start + len(given) : start + len(given) + len(tail)])
    assert start <= len(before)
    assert start + len(given) + len(tail) >= len(before) + len(talk)
    told = [e.alternatives[0] for e in events if e.type is stt.SpeechEventType.FINAL_TRANSCRIPT]
    ends = [data.end_time for data in told if data.text]
    assert len(ends) >= 2
    assert ends == sorted(ends)


def _where(whole: Samples, piece: Samples) -> int:
    """Index at which a piece that occurs once begins."""
    first = np.flatnonzero(whole[: len(whole) - len(piece)] == piece[0])
    (found,) = [i for i in first if np.array_equal(whole[i : i + len(piece)], piece)]
    return int(found)


async def test_a_word_cut_off_by_a_hang_up_after_two_seconds_is_kept(ears: InProcess) -> None:
    said = await say("எங்க தெருவில மூணு நாளா தண்ணி வரல")
    heard = finals(await listen(ears, silence(0.5), said[: 2 * RATE]))
    assert " ".join(heard).split()[:4] == "எங்க தெருவில மூணு நாளா".split()


@pytest.mark.slow
@pytest.mark.parametrize("sound", [hold_music, traffic, muted])
async def test_a_minute_on_which_nobody_speaks_gives_no_word(
    ears: InProcess, sound: Callable[[float, int], Samples]
) -> None:
    for seed in (1, 2):
        assert finals(await listen(ears, sound(60, seed))) == []


@pytest.mark.parametrize("sound", [hold_music, traffic, muted])
async def test_the_model_itself_finds_no_word_in_what_nobody_said(
    demo_ears: Ears, sound: Callable[[float, int], Samples]
) -> None:
    """The second guard, should the detector of the call ever let it through."""
    assert demo_ears.transcribe(sound(10, 3)).text == ""


@pytest.mark.parametrize("sound", [traffic, muted])
async def test_somebody_who_speaks_on_such_a_line_is_heard(
    ears: InProcess, sound: Callable[[float, int], Samples]
) -> None:
    said = await say("தெரு விளக்கு எரியல")
    line = (0.05 * sound(4, 4)).astype(np.int16)
    line[RATE : RATE + len(said)] += said
    assert finals(await listen(ears, line)) == ["தெரு விளக்கு எரியல"]
