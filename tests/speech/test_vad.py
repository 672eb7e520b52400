"""The shared detector on real synthesised speech."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.vad import VADEvent, VADEventType

from agent.speech.audio import Samples
from agent.speech.vad import PREFIX_PADDING_S, WINDOW_S, load_vad
from tests.speech.conftest import Speak

Form = Literal["native", "silero"]


async def events(
    sound: Samples, *, min_silence_s: float = 0.35, form: Form = "native"
) -> list[VADEvent]:
    stream = load_vad(min_silence_s=min_silence_s, form=form).stream()
    for start in range(0, len(sound), 320):
        chunk = sound[start : start + 320]
        stream.push_frame(rtc.AudioFrame(chunk.tobytes(), 16_000, 1, len(chunk)))
    stream.end_input()
    heard = [event async for event in stream]
    await stream.aclose()
    return heard


def kinds(heard: list[VADEvent]) -> list[VADEventType]:
    return [e.type for e in heard if e.type is not VADEventType.INFERENCE_DONE]


@pytest.mark.parametrize("form", get_args(Form))
async def test_a_sentence_begins_and_ends_once(speak: Speak, form: Form) -> None:
    heard = await events(speak("எங்க தெருவில மூணு நாளா தண்ணி வரல", before=1, after=1), form=form)
    assert kinds(heard) == [VADEventType.START_OF_SPEECH, VADEventType.END_OF_SPEECH]


async def test_the_silence_that_ends_speech_is_the_one_asked_for(speak: Speak) -> None:
    for wanted in (0.2, 0.5):
        heard = await events(speak("தண்ணி வரல", after=1), min_silence_s=wanted)
        (end,) = [e for e in heard if e.type is VADEventType.END_OF_SPEECH]
        assert wanted <= end.silence_duration < wanted + 2 * WINDOW_S


async def test_a_short_answer_is_speech_and_its_onset_is_kept(speak: Speak) -> None:
    heard = await events(speak("ஆமா", before=1, after=1))
    (start,) = [e for e in heard if e.type is VADEventType.START_OF_SPEECH]
    assert start.frames[0].duration > PREFIX_PADDING_S


async def test_silence_and_noise_are_not_speech() -> None:
    rng = np.random.default_rng(2)
    for sound in (np.zeros(32_000), rng.normal(0, 300, 32_000)):
        assert kinds(await events(sound.astype(np.int16))) == []
