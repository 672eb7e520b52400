"""Two forms of the voice activity detector, side by side: LiveKit's native one, the Silero plugin.

Usage: ``python benchmarks/vad_compare.py [--seed N] [--repeat N]``. Both hear the same sounds, made
here from the seed: espeak-ng callers over a telephone, clean and in street noise at three levels,
and minutes on which nobody speaks (digital silence, a muted line, hold music, a street). Each form
runs in a process of its own, with the thresholds of agent/speech/vad.py; the table goes to
standard output.

Where speech begins and ends is read off the clean synthesis: the first and last 10 ms within 40 dB
of its loudest. ``onset`` and ``end`` are times of the detector's events after that; the end holds
the 250 ms of silence that make an end. What is caught by the padding before an onset counts as
heard.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from livekit import rtc
from livekit.agents.vad import VAD, VADEventType

from agent.callers.line_noise import hold_music, muted, traffic
from agent.callers.telephone import PHONE_RATE, SPEECH_RMS, over_telephone, resample
from agent.speech.audio import Samples
from agent.speech.espeak import SAMPLE_RATE as ESPEAK_RATE
from agent.speech.espeak import Espeak
from agent.speech.vad import PREFIX_PADDING_S, load_vad

Form = Literal["native", "silero"]
RATE = 16_000
MIN_SILENCE_S = 0.25
NOBODY_S = 60.0
SENTENCES = [
    "ஆமா",
    "இல்ல",
    "எங்க தெருவில மூணு நாளா தண்ணி வரல",
    "கொரட்டூர் பக்கத்துல இருக்கோம்",
    "குளித்தலை",
    "தெரு விளக்கு எரியல",
    "ஒன்பது ஐந்து பூஜ்யம் பூஜ்யம் ஒன்று இரண்டு",
    "சாக்கடை அடைச்சு ரோட்டுல வழிஞ்சு ஓடுது",
    "ஸ்ரீரங்கம்",
    "ஹலோ யாராவது இருக்கீங்களா",
]
VOICES = [("ta", 165), ("ta+f3", 150), ("ta+m7", 190)]
SNRS_DB: dict[str, float | None] = {"clean": None, "20 dB": 20.0, "10 dB": 10.0, "5 dB": 5.0}
PERCENTILES = (50, 95)


@dataclass(frozen=True, slots=True)
class Clip:
    """One sound and where somebody speaks in it."""

    condition: str
    samples: Samples
    speech: tuple[float, float] | None
    """Seconds; None where nobody speaks."""


@dataclass(slots=True)
class Score:
    """What one form made of the clips of one condition."""

    onset_s: list[float] = field(default_factory=list)
    end_s: list[float] = field(default_factory=list)
    utterances: int = 0
    unheard: int = 0
    split: int = 0
    """Utterances that ended in the middle."""
    speech_s: float = 0.0
    missed_s: float = 0.0
    other_s: float = 0.0
    """Sound in which nobody speaks, half a second after an utterance left out."""
    false_s: float = 0.0


def clips(seed: int) -> Iterator[Clip]:
    """All clips, in a fixed order."""
    rng = np.random.default_rng(seed)
    voice = Espeak()
    for name, rate in VOICES:
        for sentence in SENTENCES:
            clean, speech = _spoken(voice, sentence, name, rate, rng)
            for condition, snr_db in SNRS_DB.items():
                yield Clip(condition, _line(clean, snr_db, rng), speech)
    nothing = np.zeros(int(NOBODY_S * RATE), np.int16)
    yield Clip("digital silence", nothing, None)
    for condition, sound in (("muted", muted), ("hold music", hold_music), ("street", traffic)):
        yield Clip(condition, sound(NOBODY_S, int(rng.integers(1 << 30))), None)
        yield Clip(condition, sound(NOBODY_S, int(rng.integers(1 << 30))), None)


def _spoken(
    voice: Espeak, text: str, name: str, rate: int, rng: np.random.Generator
) -> tuple[Samples, tuple[float, float]]:
    chunks: list[bytes] = []

    def keep(chunk: bytes) -> bool:
        chunks.append(chunk)
        return True

    voice.speak(text, keep, voice=name, rate=rate)
    said = np.frombuffer(b"".join(chunks), np.int16)
    frame = ESPEAK_RATE // 100
    level = np.abs(said[: len(said) // frame * frame].astype(float)).reshape(-1, frame).max(axis=1)
    loud = np.flatnonzero(level >= level.max() / 100)
    before = 1.0 + float(rng.uniform(0, 0.1))  # every offset to the detector's windows
    begins, ends = before + loud[0] / 100, before + (loud[-1] + 1) / 100
    phone = resample(over_telephone(said, ESPEAK_RATE), PHONE_RATE, RATE)
    silence = np.zeros(int(before * RATE), np.int16), np.zeros(int(1.5 * RATE), np.int16)
    return np.concatenate([silence[0], phone, silence[1]]), (begins, ends)


def _line(clean: Samples, snr_db: float | None, rng: np.random.Generator) -> Samples:
    seconds, seed = len(clean) / RATE, int(rng.integers(1 << 30))
    noise = (muted if snr_db is None else traffic)(seconds + 1, seed)[: len(clean)].astype(float)
    if snr_db is not None:
        noise *= SPEECH_RMS / 10 ** (snr_db / 20) / np.sqrt(np.mean(noise**2))
    line: Samples = np.clip(np.rint(clean + noise), -32768, 32767).astype(np.int16)
    return line


async def spans(vad: VAD, clip: Clip) -> list[tuple[float, float]]:
    """Begin and end of each utterance the detector tells of, as the times of its events."""
    stream = vad.stream()
    for start in range(0, len(clip.samples), 320):
        chunk = clip.samples[start : start + 320]
        stream.push_frame(rtc.AudioFrame(chunk.tobytes(), RATE, 1, len(chunk)))
    stream.end_input()
    found: list[tuple[float, float]] = []
    began = None
    async for event in stream:
        if event.type is VADEventType.START_OF_SPEECH:
            began = event.samples_index / RATE
        elif event.type is VADEventType.END_OF_SPEECH and began is not None:
            found.append((began, event.samples_index / RATE))
            began = None
    await stream.aclose()
    return found if began is None else [*found, (began, len(clip.samples) / RATE)]


def judge(score: Score, clip: Clip, found: list[tuple[float, float]]) -> None:
    """Add one clip to a score."""
    time_s = np.arange(len(clip.samples) // 160) / 100
    heard, padded = np.zeros(len(time_s), bool), np.zeros(len(time_s), bool)
    for begins, ends in found:
        heard |= (time_s >= begins) & (time_s < ends - MIN_SILENCE_S)
        padded |= (time_s >= begins - PREFIX_PADDING_S) & (time_s < ends)
    if clip.speech is None:
        score.other_s += len(time_s) / 100
        score.false_s += heard.sum() / 100
        return
    begins, ends = clip.speech
    truth = (time_s >= begins) & (time_s < ends)
    other = (time_s < begins) | (time_s >= ends + 0.5)
    score.speech_s += truth.sum() / 100
    score.missed_s += (truth & ~padded).sum() / 100
    score.other_s += other.sum() / 100
    score.false_s += (other & heard).sum() / 100
    score.utterances += 1
    mine = [span for span in found if span[0] < ends + 0.2 and span[1] > begins]
    if not mine:
        score.unheard += 1
        return
    score.split += len(mine) > 1
    score.onset_s.append(mine[0][0] - begins)
    score.end_s.append(mine[-1][1] - ends)


def _pss_mb() -> float:
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return float("nan")


async def run_form(form: Form, seed: int) -> dict[str, object]:
    """Score one form in this process."""
    every = list(clips(seed))
    before_mb = _pss_mb()
    vad = load_vad(min_silence_s=MIN_SILENCE_S, form=form)
    await spans(vad, every[0])  # loads the network
    memory_mb = _pss_mb() - before_mb
    scores: dict[str, Score] = {}
    cpu_s = 0.0
    for clip in every:
        began = time.process_time()
        found = await spans(vad, clip)
        cpu_s += time.process_time() - began
        judge(scores.setdefault(clip.condition, Score()), clip, found)
    seconds = sum(len(clip.samples) for clip in every) / RATE
    return {
        "cpu_ms_per_s": 1000 * cpu_s / seconds,
        "memory_mb": memory_mb,
        "seconds": seconds,
        "scores": {name: asdict(score) for name, score in scores.items()},
    }


def main() -> None:
    """Print one row a condition and form."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3, help="runs, each with the next seed")
    parser.add_argument("--form", choices=get_args(Form), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.form:
        json.dump(asyncio.run(run_form(options.form, options.seed)), sys.stdout)
        return
    runs: dict[str, list[dict[str, Any]]] = {form: [] for form in get_args(Form)}
    for seed in range(options.seed, options.seed + options.repeat):
        for form, results in runs.items():  # interleaved: a busy machine slows both
            command = [sys.executable, __file__, "--form", form, "--seed", str(seed)]
            results.append(json.loads(subprocess.run(command, check=True, stdout=-1).stdout))
    _print(runs)


def _print(runs: dict[str, list[dict[str, Any]]]) -> None:
    print("| sound | form | onset ms p50 / p95 | end ms p50 / p95 | utterances unheard % | "
          "split % | speech missed % | false speech % |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    forms = list(runs)
    for condition in runs[forms[0]][0]["scores"]:
        for form in forms:
            scores = [result["scores"][condition] for result in runs[form]]
            print(f"| {condition} | {form} | {_row(_merged(scores))} |")
    print()
    print("| form | CPU ms for a second of sound | memory MB |")
    print("|---|---|---|")
    for form, results in runs.items():
        cpu = np.median([result["cpu_ms_per_s"] for result in results])
        memory = np.median([result["memory_mb"] for result in results])
        print(f"| {form} | {cpu:.1f} | {memory:.0f} |")


def _merged(scores: list[dict[str, Any]]) -> Score:
    total = Score()
    for score in scores:
        for name, value in score.items():
            setattr(total, name, getattr(total, name) + value)
    return total


def _row(score: Score) -> str:
    def times(values: list[float]) -> str:
        if not values:
            return "-"
        return " / ".join(f"{1000 * np.percentile(values, p):.0f}" for p in PERCENTILES)

    def percent(part: float, whole: float) -> str:
        return f"{100 * part / whole:.1f}" if whole else "-"

    return " | ".join(
        [
            times(score.onset_s),
            times(score.end_s),
            percent(score.unheard, score.utterances),
            percent(score.split, score.utterances),
            percent(score.missed_s, score.speech_s),
            percent(score.false_s, score.other_s),
        ]
    )


if __name__ == "__main__":
    main()
