"""Questions known by their sound, through a telephone line."""

from __future__ import annotations

import numpy as np
import pytest

from agent.callers.audio_io import LINE_RATE
from agent.callers.line_noise import hiss
from agent.callers.telephone import PHONE_RATE, over_telephone, resample
from agent.complaint import Slot
from agent.conversation.questions import PUTS
from agent.conversation.script import LANGUAGES, Script
from agent.errors import UsageError
from agent.lab.question_ear import Question, QuestionEar, spectrum
from agent.settings import PROJECT_DIR, Settings
from agent.speech.voice import VOICE_SAMPLE_RATE, one_shot

SENTENCES = {
    "ask_place": "எந்த ஊர், எந்தப் பகுதி?",
    "ask_area": "எந்தப் பகுதி?",
    "ask_name": "உங்க பேரு என்ன? சொல்ல விருப்பம் இல்லன்னா பரவாயில்ல.",
    "ask_same_number": "இதே நம்பருக்குக் கூப்பிடலாமா? கடைசி எண்கள்",
    "readback_end": "எல்லாம் சரியா?",
    "listening": "சொல்லுங்க, கேட்டுட்டுதான் இருக்கேன்.",
}


async def _spoken(text: str) -> np.ndarray:
    pcm = np.frombuffer(await one_shot(text, voice="ta", rate=165, pitch=50), np.int16)
    return resample(pcm, VOICE_SAMPLE_RATE, LINE_RATE)


def _over_a_line(*parts: np.ndarray) -> np.ndarray:
    narrow = over_telephone(np.concatenate(parts), LINE_RATE)
    return resample(narrow, PHONE_RATE, LINE_RATE) // 2


async def _ear() -> tuple[QuestionEar, dict[str, np.ndarray]]:
    sounds = {prompt: await _spoken(text) for prompt, text in SENTENCES.items()}
    known = {
        Question(prompt, PUTS.get(prompt), prompt == "ask_same_number"): pcm
        for prompt, pcm in sounds.items()
    }
    return QuestionEar(known), sounds


async def test_every_question_is_known_by_its_sound_and_the_longest_wins():
    ear, sounds = await _ear()
    pause = np.zeros(LINE_RATE // 4, np.int16)
    before = await _spoken("சரிங்க, இது வேற ஒரு வாக்கியம்.")
    for prompt, pcm in sounds.items():
        heard = ear.heard_in(_over_a_line(before, pause, pcm, pause))
        assert heard is not None, prompt
        assert heard.prompt == prompt


async def test_the_last_question_counts_and_digits_after_it_change_nothing():
    ear, sounds = await _ear()
    digits = await _spoken("நாலு, ரெண்டு, ஏழு, ஒண்ணு")
    heard = ear.heard_in(_over_a_line(sounds["ask_name"], sounds["ask_same_number"], digits))
    assert heard == Question("ask_same_number", Slot.SAME_NUMBER, goes_on=True)


async def test_other_words_noise_and_nothing_are_no_question():
    ear, _ = await _ear()
    other = await _spoken("உங்க புகாரைப் பதிவு பண்ணியாச்சு. நன்றி, வணக்கம்.")
    assert ear.heard_in(_over_a_line(other)) is None
    assert ear.heard_in(hiss(2.0, 1)) is None
    assert ear.heard_in(np.zeros(LINE_RATE, np.int16)) is None
    silence = np.zeros(6 * LINE_RATE, np.int16)
    assert ear.heard_in(np.concatenate([silence, other[: LINE_RATE // 2]])) is None
    assert ear.heard_in(np.concatenate([silence, other[: LINE_RATE // 2], silence])) is None
    assert ear.heard_in(np.zeros(0, np.int16)) is None
    assert spectrum(np.zeros(10, np.int16)).shape == (0, 16)


def test_every_sentence_that_puts_a_question_is_in_the_scripts():
    for language in LANGUAGES:
        script = Script.load(PROJECT_DIR / "prompts", language)
        assert set(PUTS) - set(script.prompts) == set()


def test_an_agent_without_recordings_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="kural prompts render"):
        QuestionEar.load(Settings(data_dir=tmp_path))
