"""How soon a caller hears something: recorded, through the voice process, and without it.

Usage: ``python benchmarks/voice_first_audio.py [--calls 8] [--rounds 20]``. Every call is a process
of its own with its own connection, as in production, and all of them begin to speak at the same
moment. Measured at PooledTTS: from the text pushed to the first frame that comes out. The arms take
turns in every round, so all of them meet the same machine. ``barge-in`` is the time from closing
the streams of all calls in mid-sentence until the voice process holds no request any more.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import os
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent import recordings
from agent.control.supervisor import Supervisor
from agent.conversation.script import Script
from agent.settings import Settings
from agent.speech.tts import PooledTTS
from agent.speech.voice import VoiceClient

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

BUDGETS_MS = {"recorded": 20, "voice process": 150, "one-shot": 500, "barge-in": 50}
"""Issue "a session", acceptance 2 and 3."""
LONG = "மாரியம்மன் கோயிலுக்குப் பின்னால் இருக்கும் பெரிய புளியமரத்துக்கு அருகில், " * 20
LANDMARKS = ("ரேஷன் கடை எதிரில்", "பள்ளிக்கூடம் பின்னால்", "பெரிய ஆலமரம் பக்கத்தில்")


async def first_frame_ms(voice: PooledTTS, text: str) -> float:
    """Milliseconds from a pushed text to its first frame."""
    async with voice.stream() as stream:
        began = time.perf_counter()
        stream.push_text(text)
        stream.end_input()
        await anext(aiter(stream))
        return 1000 * (time.perf_counter() - began)


async def barge_in_ms(voice: PooledTTS, client: VoiceClient, together: Barrier) -> float:
    """Milliseconds from closing a stream in mid-sentence until the voice is free."""
    async with voice.stream() as stream:
        stream.push_text(LONG)
        stream.end_input()
        await anext(aiter(stream))
        await asyncio.to_thread(together.wait)
        began = time.perf_counter()
    while (await client.stat())["open"]:  # noqa: ASYNC110 - another process's count
        await asyncio.sleep(0.001)
    return 1000 * (time.perf_counter() - began)


async def call(settings: Settings, number: int, rounds: int, together: Barrier) -> dict[str, Any]:
    """One call: its milliseconds by arm."""
    script = Script.load(settings.call.prompts_dir)
    book = recordings.book_of(settings)
    cache = recordings.prompt_cache(settings, book, "ta")
    pieces = script.fixed_pieces()
    client = VoiceClient(settings.voice_url)
    nobody = VoiceClient(f"unix://{settings.data_dir / 'nobody.sock'}")
    voice = PooledTTS(client, cache, pieces, voice=cache.voice, rate=cache.rate, book=book)
    alone = PooledTTS(nobody, cache, pieces, voice=cache.voice, rate=cache.rate, book=book)
    found: dict[str, list[float]] = {name: [] for name in BUDGETS_MS}
    for at in range(rounds + 1):  # the first round warms everything up and does not count
        said = f"{LANDMARKS[(at + number) % len(LANDMARKS)]}, {number} {at}"
        fixed = pieces[(7 * at + number) % len(pieces)]
        for name, who, text in (
            ("recorded", voice, fixed),
            ("voice process", voice, said),
            ("one-shot", alone, said),
        ):
            await asyncio.to_thread(together.wait)
            found[name].append(await first_frame_ms(who, text))
        found["barge-in"].append(await barge_in_ms(voice, client, together))
    await client.aclose()
    await nobody.aclose()
    return {name: values[1:] for name, values in found.items()}


def in_own_process(
    settings: Settings, number: int, rounds: int, together: Barrier, results: Any
) -> None:
    """Entry of a call's process."""
    logging.basicConfig(level=logging.CRITICAL)
    results.put(asyncio.run(call(settings, number, rounds, together)))


async def render(settings: Settings) -> None:
    """Have the Tamil prompts on disk."""
    report = await recordings.render_fixed_prompts(settings, Script.load(settings.call.prompts_dir))
    if not report.complete:
        raise SystemExit("The prompts could not be rendered.")


async def warm(settings: Settings) -> None:
    """The voice process loads espeak-ng's Tamil with its first word."""
    client = VoiceClient(settings.voice_url)
    async with aclosing(client.synthesize("வணக்கம்", voice="ta", rate=165)) as chunks:
        async for _ in chunks:
            pass
    await client.aclose()


def table(found: dict[str, list[float]], calls: int) -> str:
    """The arms side by side, Markdown."""
    lines = [
        f"| {calls} calls at once | n | p50 ms | p95 ms | largest ms | budget ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, values in found.items():
        p50, p95 = np.percentile(values, [50, 95])
        cells = f"{len(values)} | {p50:.1f} | {p95:.1f} | {max(values):.1f} | {BUDGETS_MS[name]}"
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, let all calls speak, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before\n")
    with tempfile.TemporaryDirectory(prefix="kural-first-") as name:
        settings = Settings(data_dir=Path(name))
        supervisor = Supervisor(settings, ears=False)
        supervisor.start()
        try:
            asyncio.run(render(settings))
            asyncio.run(warm(settings))
            together, results = spawn.Barrier(args.calls), spawn.Queue()
            processes = [
                spawn.Process(
                    target=in_own_process, args=(settings, number, args.rounds, together, results)
                )
                for number in range(args.calls)
            ]
            for process in processes:
                process.start()
            each = [results.get(timeout=600) for _ in processes]
            for process in processes:
                process.join()
        finally:
            supervisor.stop()
    print(table({arm: [v for one in each for v in one[arm]] for arm in BUDGETS_MS}, args.calls))


if __name__ == "__main__":
    main()
