"""The simulated caller's voice, through the real synthesiser."""

import re

import numpy as np
import pytest

from agent.callers.audio_io import LINE_RATE, audible_span
from agent.callers.caller_voice import (
    HELD_OUT_VOICES,
    Manner,
    OneShotVoice,
    manner_of,
    render,
    render_all,
    render_babble,
    voice_for,
)
from agent.callers.line_kind import LineKind
from agent.callers.script_file import ScriptedCall
from agent.callers.telephone import PHONE_RATE
from agent.errors import UsageError
from agent.settings import PROJECT_DIR


def test_a_call_always_has_the_same_voice_and_all_voices_are_used() -> None:
    voices = [voice_for(f"S{n:02}") for n in range(1, 21)]
    assert voices == [voice_for(f"S{n:02}") for n in range(1, 21)]
    assert set(voices) == set(HELD_OUT_VOICES)


@pytest.mark.parametrize("voice", HELD_OUT_VOICES)
async def test_every_held_out_voice_speaks_tamil_over_the_telephone(voice: str) -> None:
    sound = await render(OneShotVoice(), "பல்லடம்", voice)
    assert 0.3 < len(sound) / PHONE_RATE < 2
    assert audible_span(sound)[1] > 0
    # espeak-ng draws the breath of some variants (f5) anew each time; the words stay the same.
    again = await render(OneShotVoice(), "பல்லடம்", voice)
    assert len(again) == len(sound)
    assert np.corrcoef(sound, again)[0, 1] > 0.8


def test_no_caller_has_a_voice_the_demo_model_was_trained_on() -> None:
    source = (PROJECT_DIR / "training" / "synth.py").read_text(encoding="utf-8")
    held = re.search(r"^HELD_VOICES = \((.*)\)$", source, re.MULTILINE)
    assert held is not None
    assert {voice.strip(' "') for voice in held[1].split(",")} == set(HELD_OUT_VOICES)


async def test_words_in_brackets_are_a_noise_and_are_not_spoken() -> None:
    plain = await render(OneShotVoice(), "ஹலோ", "ta+f5")
    noisy = await render(OneShotVoice(), "ஹலோ (சத்தம்)", "ta+f5")
    assert len(noisy) - len(plain) == round(0.6 * PHONE_RATE)
    only_noise = await render(OneShotVoice(), "(சத்தம்)", "ta+f5")
    assert audible_span(only_noise)[1] > 0


async def test_all_texts_are_ready_at_the_rate_of_the_line() -> None:
    clips = await render_all(OneShotVoice(), ["ஆமா", "இல்ல"], "ta+m7")
    assert set(clips) == {"ஆமா", "இல்ல"}
    assert all(0.2 < len(clip) / LINE_RATE < 2 for clip in clips.values())


async def test_an_unknown_voice_is_said() -> None:
    with pytest.raises(UsageError, match="unknown"):
        await render(OneShotVoice(), "ஆமா", "ta+nobody")


def caller(**fields: object) -> ScriptedCall:
    return ScriptedCall.model_validate({"id": "S01"} | fields)


def test_without_a_line_a_caller_speaks_plainly() -> None:
    assert manner_of(caller()) == Manner(voice_for("S01"))
    assert manner_of(caller(), "ta+f2") == Manner("ta+f2")


@pytest.mark.parametrize("kind", ["old", "young", "child", "deep"])
def test_every_kind_of_voice_is_one_never_trained_on(kind: str) -> None:
    manner = manner_of(caller(line={"voice": kind}))
    assert manner.voice in HELD_OUT_VOICES
    assert 0 <= manner.pitch <= 99


def test_kinds_of_voices_differ() -> None:
    manners = {manner_of(caller(line={"voice": k})) for k in ("old", "young", "child", "deep")}
    assert len(manners) == 4


async def test_a_faster_caller_needs_less_time() -> None:
    fast, slow = (manner_of(caller(line={"rate": rate})) for rate in (1.4, 0.7))
    text = "எங்க தெருவுல தண்ணி வரல"
    assert len(await render(OneShotVoice(), text, fast)) < 0.7 * len(
        await render(OneShotVoice(), text, slow)
    )


@pytest.mark.parametrize(
    ("text", "pauses"),
    [
        ("ஒம்பது எட்டு, நாலு ரெண்டு, ஒண்ணு ஒண்ணு.", 2),
        ("சார், எங்க தெருவுல தண்ணி வரல.", 0),
        ("தண்ணி வரல. பல்லடம் சார்.", 1),
        ("ஆமா", 0),
    ],
)
async def test_pauses_stand_between_groups_of_digits_and_sentences(text: str, pauses: int) -> None:
    short, long = (Manner("ta+m7", pause_s=seconds) for seconds in (0.0, 1.0))
    longer = len(await render(OneShotVoice(), text, long)) - len(
        await render(OneShotVoice(), text, short)
    )
    assert longer == pauses * PHONE_RATE


async def test_people_in_the_background_are_only_made_where_they_are_wanted() -> None:
    assert (await render_babble(OneShotVoice(), None)).size == 0
    assert (await render_babble(OneShotVoice(), LineKind(noise="hiss"))).size == 0
    assert (await render_babble(OneShotVoice(), LineKind(noise="babble"))).any()
