import asyncio
from pathlib import Path

import numpy as np
import pytest

from agent.callers.isolation import Stores, with_database
from agent.callers.player import Player, Task
from agent.callers.scripted_caller import all_texts
from agent.callers.sources import CallSource
from agent.lab.made_calls import MADE, made_scripts, ready_callers, speak_beforehand
from agent.settings import Settings
from agent.wiring import build_parts


class Murmur:
    """A voice that takes no time: half a second of noise for any text."""

    def __init__(self):
        self.asked = []

    async def synthesize(self, text, *, voice, rate, pitch=50):
        self.asked.append((text, voice))
        yield np.random.default_rng(0).integers(-3000, 3000, 11_025, np.int16).tobytes()


def sources(count):
    return [CallSource(Path(script.id), script) for script in made_scripts(count)]


def test_callers_are_the_same_every_time_and_different_from_each_other():
    scripts = made_scripts()
    assert scripts == made_scripts()
    assert len({script.caller_turns_ta for script in scripts}) == MADE
    assert len({script.id for script in scripts}) == MADE


async def test_every_word_is_ready_before_the_first_call(tmp_path):
    voice = Murmur()
    await speak_beforehand(sources(3), voice, tmp_path)
    callers = ready_callers(tmp_path)
    assert len(callers) == 3
    for caller in callers:
        for text in all_texts(caller.script):
            assert caller.sounds[text].dtype == np.int16
            assert caller.seconds_of(text, None) == pytest.approx(0.5, abs=0.05)
    assert len(voice.asked) == len(set(voice.asked)), "nothing is spoken twice"


async def test_a_recorded_caller_keeps_the_sound_of_his_turns(tmp_path):
    clips = (np.full(1600, 5, np.int16), np.full(3200, 7, np.int16))
    source = CallSource(tmp_path, made_scripts(1)[0], clips)
    await speak_beforehand([source], Murmur(), tmp_path)
    caller = ready_callers(tmp_path)[0]
    assert caller.seconds_of("anything", 1) == pytest.approx(0.2)
    speaker = caller.speaker()
    said = speaker.respond(None)
    assert said is not None
    assert said.turn in (0, 1)
    sound = speaker.sound(said)
    assert sound is not None
    assert np.array_equal(sound, clips[said.turn])


def test_what_made_callers_say_makes_tickets(tmp_path):
    settings = with_database(Settings(data_dir=tmp_path), f"sqlite:///{tmp_path / 'calls.db'}")
    stores = Stores(build_parts(settings, audio=False))
    try:
        for source in sources(8):
            script = source.script.model_copy(update={"namesakes": 1 + int(source.script.id[-2:])})
            player = Player(stores, None)
            report = asyncio.run(player.play(Task(CallSource(source.path, script))))
            assert report.rows[0].ticket, script.id
            assert report.rows[0].constituency, script.id
            assert report.rows[0].category, script.id
            assert report.played.turns <= len(script.caller_turns_ta) + 1, script.id
    finally:
        stores.close()
