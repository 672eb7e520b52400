"""The pool of voices: busy, broken, healed. Every instance is a process with the real espeak-ng.

Usage: ``python benchmarks/voice_pool.py [--seconds 30] [--picture FILE.png] [--only load|faults]``.

*Load*: 20 callers in a closed loop; ours (least outstanding, limit of four, queue) on three and on
five instances beside a random choice on three and on five, each arm twice in turns, for a crowded
line and for one with longer pauses. An instance takes 0.12 s to the first sound and 0.25 s for a
second of speech with up to four requests at once; more share. Nothing may fall back here. ``over``
is counted by the instances themselves; ``late`` is what a text took longer than on an idle one.

*Faults*: twelve callers, as calls ask (PooledTTS over the voice process), with three instances; one
is killed, stopped, fails, gives silence or pages, then all are killed, then all are well again.
Whether speech was heard is judged by its sound and its length. ``fell back`` is spoken by the
embedded voice in the end, ``one-shot`` that the voice process was not there in time.

Progress goes to standard error, the tables to standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from agent.errors import VoiceUnavailable
from agent.settings import PROJECT_DIR
from agent.speech.attempt import PoolFailed
from agent.speech.instances import Rules, quantile
from agent.speech.live_voice import OneShot
from agent.speech.pool_http import Asking, InstanceFailed, SpeechHttp
from agent.speech.pool_voice import PoolVoice, Told
from agent.speech.prompts_audio import PromptCache
from agent.speech.tts import PooledTTS
from agent.speech.voice import VoiceClient, one_shot
from agent.speech.voice_health import all_well

CALLERS, LIMIT = 20, 4
THINK_S = (1.2, 2.4)
"""Mean pause of a caller between two texts: about 8 and 5 texts are then spoken at any time."""
TEXTS = [
    "தெருவில் மூன்று நாளாக குடிநீர் வரவில்லை",
    "உங்கள் ஊர் ராஜபாளையம் என்று புரிந்தது சரியா",
    "உங்கள் புகார் எண் ஒன்று இரண்டு மூன்று நான்கு ஐந்து ஆறு ஏழு எட்டு ஒன்பது",
    "மேட்டுப்பாளையம் தொகுதி மின்சாரம்",
]
Say = Callable[[str], AsyncGenerator[bytes, None]]


@dataclass(slots=True)
class Arm:
    """One way to choose, with what it came to."""

    name: str
    think_s: float
    first_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    failed: int = 0
    over: int = 0
    most: int = 0


@dataclass(slots=True)
class Phase:
    """What callers heard while something was broken."""

    name: str
    spoken: dict[str, int] = field(default_factory=dict)
    first_s: list[float] = field(default_factory=list)
    silent: int = 0
    one_shots: int = 0
    """Times the voice process itself was not there in time and a one-shot spoke."""
    states: str = ""


class Machines:
    """The instances: processes on ports of this machine."""

    def __init__(self, count: int, first_s: float, pace: float) -> None:
        self._how = ["--first-s", str(first_s), "--pace", str(pace), "--limit", str(LIMIT)]
        self.ports = [_free_port() for _ in range(count)]
        self.urls = [f"http://127.0.0.1:{port}" for port in self.ports]
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * count
        for number in range(count):
            self.start(number)

    def start(self, number: int) -> None:
        """Start one, on its port."""
        command = [sys.executable, "-m", "tests.speech.tts_instance", *self._how]
        self._processes[number] = subprocess.Popen(
            [*command, "--port", str(self.ports[number])], cwd=PROJECT_DIR
        )

    def signal(self, number: int, what: signal.Signals) -> None:
        """Send one a signal."""
        process = self._processes[number]
        if process is not None:
            process.send_signal(what)
            if what is signal.SIGKILL:
                process.wait()

    def stop(self) -> None:
        """End all."""
        for process in self._processes:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    async def fault(self, number: int, kind: str) -> None:
        """Switch a fault on, or off with an empty name."""
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.urls[number]}/fault", json={"kind": kind}),
        ):
            pass

    async def stats(self) -> list[dict[str, int]]:
        """What they counted; the largest counts begin anew."""
        found = []
        async with aiohttp.ClientSession() as http:
            for url in self.urls:
                async with http.get(f"{url}/stats") as answer:
                    found.append(await answer.json())
        return found

    async def until_up(self) -> None:
        """Wait until all answer."""
        for url in self.urls:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with aiohttp.ClientSession() as http, http.get(f"{url}/stats"):
                        break
                await asyncio.sleep(0.05)


@contextlib.contextmanager
def _machines(count: int, first_s: float, pace: float) -> Iterator[Machines]:
    made = Machines(count, first_s, pace)
    try:
        yield made
    finally:
        made.stop()


@contextlib.asynccontextmanager
async def _ours(urls: list[str]) -> AsyncIterator[Say]:
    pool = PoolVoice()
    pool.configure([(u, False) for u in urls], Rules(limit=LIMIT, queue=64), Asking(), 20.0)
    running = asyncio.create_task(pool.run())
    await pool.check_all()

    def say(text: str) -> AsyncGenerator[bytes, None]:
        return pool.speak(text, voice="ta", rate=165, within_s=20.0, home=False, told=Told())

    try:
        yield say
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@contextlib.asynccontextmanager
async def _by_chance(urls: list[str]) -> AsyncIterator[Say]:
    http, chance = SpeechHttp(), random.Random(7)

    def say(text: str) -> AsyncGenerator[bytes, None]:
        return http.speak(chance.choice(urls), text, voice="ta", rate=165, asking=Asking())

    try:
        yield say
    finally:
        await http.aclose()


async def _call(
    say: Say, arm: Arm, alone_s: dict[str, float], until: float, chance: random.Random
) -> None:
    await asyncio.sleep(chance.uniform(0, arm.think_s))
    while time.monotonic() < until:
        text = chance.choice(TEXTS)
        began, first = time.monotonic(), None
        try:
            async with aclosing(say(text)) as chunks:
                async for _ in chunks:
                    first = first or time.monotonic() - began
        except (PoolFailed, InstanceFailed):
            arm.failed += 1
        else:
            took_s = time.monotonic() - began
            arm.first_s.append(first or 0.0)
            arm.whole_s.append(took_s)
            arm.late_s.append(took_s - alone_s[text])
        await asyncio.sleep(chance.expovariate(1 / arm.think_s))


async def load(seconds: float) -> list[Arm]:
    """Four arms for each pause, each in two turns."""
    names = ("ours, 3", "random, 5", "ours, 5", "random, 3")
    arms = [Arm(name, think_s) for think_s in THINK_S for name in names]
    with _machines(5, first_s=0.12, pace=0.25) as made:
        await made.until_up()
        async with _ours(made.urls) as say:
            alone_s = {text: await _alone_s(say, text) for text in TEXTS}
            before = await made.stats()
            await asyncio.gather(*(_whole(say(TEXTS[0])) for _ in range(10)))
            after = await made.stats()
        spread = [b["asked"] - a["asked"] for a, b in zip(before, after, strict=True)]
        print(f"ten at once on five instances: {spread}\n")
        for turn in range(2):
            for arm in arms:
                print(f"{arm.name} instances, turn {turn + 1} ...", file=sys.stderr)
                await _take_turn(arm, made, alone_s, seconds / 2, turn)
    return arms


async def _take_turn(
    arm: Arm, made: Machines, alone_s: dict[str, float], seconds: float, turn: int
) -> None:
    kind, count = arm.name.split(", ")
    await made.stats()
    async with {"ours": _ours, "random": _by_chance}[kind](made.urls[: int(count)]) as say:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for caller in range(CALLERS):
                chance = random.Random(1000 * turn + caller)
                group.create_task(_call(say, arm, alone_s, until, chance))
    for stat in await made.stats():
        arm.over += stat["over"]
        arm.most = max(arm.most, stat["most"])


async def _alone_s(say: Say, text: str) -> float:
    took_s = []
    for _ in range(3):
        began = time.monotonic()
        await _whole(say(text))
        took_s.append(time.monotonic() - began)
    return sorted(took_s)[1]


async def _whole(chunks: AsyncGenerator[bytes, None]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def show_load(arms: list[Arm]) -> None:
    """The table of the load."""
    print(f"{CALLERS} callers, limit {LIMIT}; seconds")
    print(
        "pause  choice, instances     n  over limit  most  failed  first p50   p99  late p50   p99"
    )
    for arm in arms:
        firsts = [quantile(arm.first_s, share) for share in (0.5, 0.99)]
        lates = [quantile(arm.late_s, share) for share in (0.5, 0.99)]
        count = len(arm.whole_s)
        print(
            f"{arm.think_s:5}  {arm.name:17} {count:5} {arm.over:4} {100 * arm.over / count:4.1f} %"
            f"  {arm.most:4}  {arm.failed:6}  {firsts[0]:9.2f} {firsts[1]:4.2f}"
            f"  {lates[0]:8.2f} {lates[1]:5.2f}"
        )
    print()


async def faults(seconds: float) -> list[Phase]:
    """One fault after the other, through the voice process, under load."""
    phases: list[Phase] = []
    with tempfile.TemporaryDirectory() as folder, _machines(3, 0.12, 0.25) as made:
        await made.until_up()
        where = Path(folder)
        (where / ".env").write_text(f"TTS_API_URLS={','.join(made.urls)}\n", encoding="utf-8")
        url = f"unix://{where / 'voice.sock'}"
        environment = os.environ | {"SPEECH__VOICE_URL": url, "PYTHONPATH": str(PROJECT_DIR)}
        command = [sys.executable, "-m", "agent", "voice", "serve"]
        process = await asyncio.to_thread(subprocess.Popen, command, cwd=where, env=environment)
        client = VoiceClient(url, deadline_s=1.5)
        try:
            await _until(client, well=True)
            lengths = {text: len(await _whole(_said(client, text))) for text in TEXTS}

            async def phase(name: str, for_s: float = seconds) -> None:
                phases.append(await _phase(name, client, lengths, for_s))

            await phase("all well")
            made.signal(0, signal.SIGKILL)
            await phase("one SIGKILLed")
            made.start(0)
            await _until(client, well=True)
            made.signal(1, signal.SIGSTOP)
            await phase("one SIGSTOPped")
            made.signal(1, signal.SIGCONT)
            await _until(client, well=True)
            for kind in ("status", "silence", "html", "html-as-pcm", "stall"):
                await made.fault(2, kind)
                await phase(f"one gives {kind}")
                await made.fault(2, "")
                await _until(client, well=True)
            for number in range(3):
                made.signal(number, signal.SIGSTOP)
            await phase("all SIGSTOPped")
            for number in range(3):
                made.signal(number, signal.SIGKILL)
            await phase("all SIGKILLed")
            for number in range(3):
                made.start(number)
            took_s = await _until(client, well=True)
            await phase("all back")
            print(f"all three back and well again {took_s:.1f} s after their start\n")
        finally:
            await client.aclose()
            process.terminate()
            process.wait()
    return phases


async def _phase(name: str, client: VoiceClient, lengths: dict[str, int], seconds: float) -> Phase:
    print(f"{name} ...", file=sys.stderr)
    phase = Phase(name)
    before = (await client.stat())["spoken"]
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for caller in range(12):
            group.create_task(_listen(client, phase, lengths, until, random.Random(caller)))
    after = await client.stat()
    phase.spoken = {who: after["spoken"][who] - count for who, count in before.items()}
    phase.states = " ".join(row["state"] for row in after["instances"])
    return phase


async def _listen(
    client: VoiceClient,
    phase: Phase,
    lengths: dict[str, int],
    until: float,
    chance: random.Random,
) -> None:
    speaking = PooledTTS(
        client,
        PromptCache(Path("none"), "ta", 165),
        (),
        voice="ta",
        rate=165,
        fallback=_counted(phase),
    )
    await asyncio.sleep(chance.uniform(0, THINK_S[0]))
    while time.monotonic() < until:
        text = chance.choice(TEXTS)
        began, first, heard = time.monotonic(), None, b""
        with contextlib.suppress(VoiceUnavailable):
            async with aclosing(speaking.live(text)) as sounds:
                async for sound in sounds:
                    first = first or time.monotonic() - began
                    heard += sound.pcm
        samples = np.abs(np.frombuffer(heard, np.int16).astype(int))
        if len(heard) < 0.8 * lengths[text] or samples.max(initial=0) < 3_000:
            phase.silent += 1
        else:
            phase.first_s.append(first or 0.0)
        await asyncio.sleep(chance.expovariate(1 / THINK_S[0]))


def _counted(phase: Phase) -> OneShot:
    async def speak(text: str, *, voice: str, rate: int, pitch: int) -> bytes:
        phase.one_shots += 1
        return await one_shot(text, voice=voice, rate=rate, pitch=pitch)

    return speak


def _said(client: VoiceClient, text: str) -> AsyncGenerator[bytes, None]:
    return client.synthesize(text, voice="ta", rate=165)


async def _until(client: VoiceClient, *, well: bool) -> float:
    began = time.monotonic()
    while True:
        with contextlib.suppress(VoiceUnavailable):
            found: dict[str, Any] = await client.stat()
            if all_well(found) is well:
                return time.monotonic() - began
        await asyncio.sleep(0.1)


def show_faults(phases: list[Phase]) -> None:
    """The table of the faults."""
    print("three instances, twelve callers, through the voice process; first sound in seconds")
    print("what is broken         n  no speech  fell back  one-shot   p50   p95   max  at the end")
    for phase in phases:
        total = sum(phase.spoken.values())
        back = 1 - phase.spoken["pool"] / total
        firsts = [quantile(phase.first_s, share) for share in (0.5, 0.95, 1.0)]
        print(
            f"{phase.name:19} {total:4}  {phase.silent:9}  {100 * back:7.1f} %"
            f"  {phase.one_shots:8}  "
            + " ".join(f"{value:5.2f}" for value in firsts)
            + f"  {phase.states}"
        )
    print()


def draw(arms: list[Arm], phases: list[Phase], file: Path) -> None:
    """Time to the end of a text by choice; time to the first sound by fault."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for arm in arms:
        values = np.maximum(0.0, np.sort(arm.late_s))
        style = "-" if arm.think_s == THINK_S[0] else "--"
        color = f"C{[each.name for each in arms].index(arm.name)}"
        label = f"{arm.name} (pause {arm.think_s} s)"
        shares = 1 - np.arange(len(values)) / len(values)
        left.step(values, shares, style, color=color, label=label)
    left.set(yscale="log", ylim=(0.002, 1), xlabel="seconds longer than on an idle instance")
    left.set(ylabel="share that was later", title="20 callers: choice, instances")
    left.axhline(0.01, color="grey", lw=0.6)
    left.legend()
    names = [phase.name for phase in phases]
    for share, mark in zip((0.5, 0.95, 1.0), "o|x", strict=True):
        first = [quantile(phase.first_s, share) for phase in phases]
        right.plot(first, names, mark, label={1.0: "longest"}.get(share, f"p{100 * share:.0f}"))
    right.axvline(1.5, color="grey", lw=0.6)
    silent = sum(phase.silent for phase in phases)
    texts = silent + sum(len(phase.first_s) for phase in phases)
    title = f"12 callers, 3 instances: {silent} of {texts} texts not heard"
    right.set(xlabel="seconds to the first sound", title=title)
    right.invert_yaxis()
    right.legend()
    figure.savefig(file, dpi=110)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


async def _run(given: argparse.Namespace) -> None:
    arms = await load(given.seconds) if given.only != "faults" else []
    if arms:
        show_load(arms)
    phases = await faults(given.fault_seconds) if given.only != "load" else []
    if phases:
        show_faults(phases)
    if given.picture and arms and phases:
        draw(arms, phases, given.picture)


def main() -> None:
    """Run both parts."""
    logging.disable()  # what is broken is broken on purpose
    parser = argparse.ArgumentParser(description="The pool of voices: busy, broken, healed.")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each arm of the load")
    parser.add_argument("--fault-seconds", type=float, default=8.0, help="of each fault")
    parser.add_argument("--only", choices=["load", "faults"])
    parser.add_argument("--picture", type=Path)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
