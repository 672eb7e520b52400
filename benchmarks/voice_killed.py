"""What a caller hears when the voice process is killed, and when it is back.

Usage: ``python benchmarks/voice_killed.py [--kills 10]``. A real voice process under the supervisor
is killed (SIGKILL) in the middle of a sentence. Printed: how long the sentence under way stood
still, the first frame of a recorded prompt and of a live sentence asked for at once, when a new
process answered, and when a call spoke through it again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

import numpy as np

from agent import recordings
from agent.control.keeper import Patience
from agent.control.supervisor import Supervisor
from agent.conversation.script import Script
from agent.errors import VoiceUnavailable
from agent.settings import Settings
from agent.speech.live_voice import LiveVoice
from agent.speech.tts import PooledTTS
from agent.speech.voice import VoiceClient

LONG = "மாரியம்மன் கோயிலுக்குப் பின்னால் இருக்கும் பெரிய புளியமரத்துக்கு அருகில், " * 6
NEXT = "ரேஷன் கடை எதிரில் இருக்கும் தெரு"
ROWS = {
    "sentence under way: longest wait for a frame": 500,
    "recorded prompt asked for at the kill": 20,
    "live sentence asked for at the kill": 500,
    "a new process answers": 2000,
    "a call speaks through it": 2000,
}
"""With the budget of each in milliseconds (issue "a session", acceptance 2)."""


def since(began: float) -> float:
    """Milliseconds since then."""
    return 1000 * (time.perf_counter() - began)


async def first_frame(voice: PooledTTS, text: str, began: float) -> float:
    """Milliseconds from ``began`` to the first frame of ``text``."""
    async with voice.stream() as stream:
        stream.push_text(text)
        stream.end_input()
        await anext(aiter(stream))
        return since(began)


async def pid_of(client: VoiceClient) -> int | None:
    """Process id of the voice; None while nobody answers."""
    try:
        return int((await client.stat())["pid"])
    except VoiceUnavailable:
        return None


async def new_process(client: VoiceClient, old: int, began: float) -> float:
    """Milliseconds until another process answers."""
    while (await pid_of(client)) in (None, old):  # noqa: ASYNC110 - another process's
        await asyncio.sleep(0.005)
    return since(began)


async def through_voice(live: LiveVoice, began: float) -> float:
    """Milliseconds until a live word comes from the voice process again."""
    while True:
        async with aclosing(live.speak("ஊர்")) as sounds:
            async for sound in sounds:
                if sound.source == "voice":
                    return since(began)
                break
        await asyncio.sleep(0.1)


async def kill_once(settings: Settings, pieces: tuple[str, ...]) -> list[float]:
    """Kill the voice in mid-sentence; the milliseconds of each row."""
    book = recordings.book_of(settings)
    cache = recordings.prompt_cache(settings, book, "ta")
    client, watching = VoiceClient(settings.voice_url), VoiceClient(settings.voice_url)
    voice = PooledTTS(client, cache, pieces, voice=cache.voice, rate=cache.rate, book=book)
    live = LiveVoice(client, recordings.speaker_of(settings, "ta"), book=book, engine=cache.engine)
    old = await pid_of(watching)
    if old is None:
        raise SystemExit("The voice process did not come back.")
    async with voice.stream() as stream:
        stream.push_text(LONG)
        stream.end_input()
        frames = aiter(stream)
        await anext(frames)
        os.kill(old, signal.SIGKILL)
        began = time.perf_counter()
        waiting = asyncio.gather(
            first_frame(voice, pieces[0], began),
            first_frame(voice, NEXT, began),
            new_process(watching, old, began),
            through_voice(live, began),
        )
        longest, last = 0.0, began
        async for _ in frames:
            longest, last = max(longest, since(last)), time.perf_counter()
    rest = await waiting
    await client.aclose()
    await watching.aclose()
    return [longest, *rest]


async def measure(settings: Settings, kills: int) -> list[list[float]]:
    """The rows of all kills."""
    script = Script.load(settings.call.prompts_dir)
    found = []
    # Kills in a row would make the supervisor wait longer each time, as it should.
    patience = Patience(healthy_after_s=0.0)
    async with Supervisor(settings, ears=False, patience=patience):
        report = await recordings.render_fixed_prompts(settings, script)
        if not report.complete:
            raise SystemExit("The prompts could not be rendered.")
        for _ in range(kills):
            found.append(await kill_once(settings, script.fixed_pieces()))
            await asyncio.sleep(0.5)
    return found


def main() -> None:
    """Read the command line, kill, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    args = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before\n")
    with tempfile.TemporaryDirectory(prefix="kural-killed-") as name:
        found = asyncio.run(measure(Settings(data_dir=Path(name)), args.kills))
    print(f"| voice killed in mid-sentence, {args.kills} times | median ms | largest ms | budget |")
    print("| --- | --- | --- | --- |")
    for (row, budget), values in zip(ROWS.items(), zip(*found, strict=True), strict=True):
        print(f"| {row} | {np.median(values):.0f} | {max(values):.0f} | {budget} |")


if __name__ == "__main__":
    main()
