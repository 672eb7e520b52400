"""With model, voice or ears away, and with all of them away, a caller with a keypad gets a number.

Real lines and a real call process; what is away is an address where nobody answers. The fixed
sentences lie on disk, as they do on every machine that ever started.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.callers.caller_voice import render_all, voice_for
from agent.callers.outcome import rows_of
from agent.callers.play import Playing, play_call
from agent.callers.script_file import ScriptedCall
from agent.callers.scripted_caller import all_texts
from agent.callers.speakers import ScriptedSpeaker
from agent.control.supervisor import Supervisor
from agent.recordings import render_fixed_prompts
from agent.settings import LlmSettings, Settings
from agent.speech.voice import VoiceClient
from agent.wiring import build_parts

pytestmark = pytest.mark.slow

TURNS = {
    "consent": "[1]",
    "complaint": "எங்க ஊர்ல தெரு விளக்கு எரியல",
    "choice": "[1]",
    "voice_note": "எங்க ஊர்ல தெரு விளக்கு எரியல",
    "place": "பல்லடம்",
    "landmark": "கோயில் பக்கத்துல",
    "days": "மூணு நாளா",
    "name": "முருகன்",
    "same_number": "[1]",
    "confirm": "[1]",
    "repeat": "[2]",
}
AWAY = {
    "model": {"llm"},
    "voice": {"voice"},
    "ears": {"ears"},
    "everything": {"llm", "voice", "ears"},
}


def without(settings: Settings, away: set[str]) -> Settings:
    nobody = f"unix://{settings.data_dir / 'nobody.sock'}"
    speech = settings.speech
    if "ears" in away:
        speech = speech.model_copy(update={"ears_url": nobody})
    if "voice" in away:
        speech = speech.model_copy(update={"voice_url": nobody})
    llm = settings.llm
    if "llm" in away:
        llm = LlmSettings(url="http://127.0.0.1:9/v1", model="nobody")
    return settings.model_copy(update={"speech": speech, "llm": llm})


@pytest.mark.parametrize("what", AWAY)
async def test_a_caller_with_a_keypad_still_gets_a_usable_number(what: str, tmp_path: Path):
    settings = Settings(data_dir=tmp_path, _env_file=None)
    script = ScriptedCall(
        id="DOWN01", caller_turns_ta=tuple(TURNS.values()), turn_slots=tuple(TURNS)
    )
    async with Supervisor(settings):
        parts = build_parts(settings)
        client = VoiceClient(settings.voice_url)
        try:
            assert (await render_fixed_prompts(settings, parts.script)).complete
            clips = await render_all(client, all_texts(script), voice_for(script.id))
        finally:
            await client.aclose()
            parts.store.close()
        poor = build_parts(without(settings, AWAY[what]))
        speaker = ScriptedSpeaker(script, by_text=clips)
        played = await play_call(poor, script, speaker, Playing(max_call_s=240.0))
        rows = rows_of(poor.store.repository, played.call_id, script.caller)
        poor.store.close()
    deaf = "ears" in AWAY[what]
    assert played.outcome == ("listening" if deaf else "filed")
    (row,) = rows
    assert row.ticket is not None
    assert row.phone == script.caller[-10:] or row.phone == script.caller
    assert row.category == ("OTHER" if deaf else "STREETLIGHT")
    assert replace(row).needs_listening is deaf
