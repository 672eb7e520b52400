"""Do the joints of recorded and live speech click, and is it all equally loud?

Usage: ``python benchmarks/voice_joints.py [--sentences 200]``. Sentences of the script, their slots
filled, are put together from recorded and freshly spoken pieces, as a call does. A click is a step
from one sample to the next that speech itself does not make, so the largest step within 1 ms of a
joint stands beside the largest step inside the speech: *before* (cut edges as they are) and *now*
(edges faded), at the rate of the voice, at 24 kHz, and at 8 kHz through both laws of G.711. Below:
a voice that breaks off in mid-sentence and another that goes on, and the active level of two voices
before and after their gain.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from agent.conversation.script import Script
from agent.settings import Settings
from agent.speech.audio import level_dbfs, resample
from agent.speech.espeak import Espeak
from agent.speech.joins import (
    SAMPLE_RATE,
    SilenceTrimmer,
    Takeover,
    faded,
    pause_after_s,
    silence,
)
from agent.speech.level import TARGET_DBOV, active_level_dbov, gain_db, levelled
from agent.speech.pieces import cut
from agent.tamil.speller import spell_number, spell_phone, spell_ticket
from agent.understanding.place_names import place_phrases

Sound = NDArray[np.int16]
PHONE_RATE = 8_000
NEAR_S = 0.001
"""What lies within this of a joint belongs to it: resampling spreads a step."""
_CHUNK = 2 * round(0.06 * SAMPLE_RATE)
_ESPEAK = Espeak()


def spoken(text: str, voice: str) -> bytes:
    """PCM of a text by the embedded voice."""
    chunks: list[bytes] = []

    def take(chunk: bytes) -> bool:
        chunks.append(chunk)
        return True

    _ESPEAK.speak(text, take, voice=voice)
    return b"".join(chunks)


def sentences(script: Script, count: int) -> Iterator[str]:
    """Every sentence of the script in turn, slots filled from our tables."""
    rng = random.Random(8)
    places = sorted({p for p in place_phrases() if not p.isascii()})
    fill: dict[str, Callable[[], str]] = {
        "place": lambda: rng.choice(places),
        "landmark": lambda: f"{rng.choice(places)} ரோடு பக்கத்தில்",
        "days": lambda: spell_number(rng.randint(2, 99)),
        "digits": lambda: spell_phone(f"{rng.randint(0, 9999):04}"),
        "phone": lambda: spell_phone(f"9{rng.randint(0, 999_999_999):09}"),
        "ticket": lambda: spell_ticket(f"{rng.randint(0, 999_999_999):09}"),
    }
    with_slots = [p for p in script.prompts.values() if p.slots]
    without = [p for p in script.prompts.values() if not p.slots]
    pairs = zip(cycle(with_slots), cycle(without), strict=False)
    for at, (first, second) in enumerate(pairs):
        if at == count:
            return
        yield f"{first.text.format(**{s: fill[s]() for s in first.slots})} {second.text}"


def joined(parts: list[tuple[bytes, float]]) -> tuple[Sound, list[int]]:
    """A sentence of pieces and the seconds of breath after each, with the samples of its joints."""
    out, joints = [], [0]
    for pcm, breath_s in parts:
        out += [pcm, silence(breath_s)]
        joints += [joints[-1] + len(pcm) // 2, joints[-1] + len(pcm) // 2 + len(out[-1]) // 2]
    return np.frombuffer(b"".join(out), np.int16), joints[:-1]


def steps(sound: Sound, joints: list[float], rate: int) -> tuple[int, int]:
    """Largest step at a joint, and largest step elsewhere."""
    size = np.abs(np.diff(np.concatenate((np.zeros(1), sound.astype(np.int64)))))
    near = np.zeros(size.size, bool)
    reach = max(1, round(NEAR_S * rate))
    for joint in joints:
        at = round(joint * rate)
        near[max(0, at - reach) : at + reach + 1] = True
    return int(size[near].max(initial=0)), int(size[~near].max(initial=0))


def g711(sound: Sound, codec: str) -> Sound:
    """8 kHz speech through G.711 and back; ``codec`` is ``pcm_mulaw`` or ``pcm_alaw``."""
    frame = av.AudioFrame.from_ndarray(sound[np.newaxis, :], format="s16", layout="mono")
    frame.sample_rate = PHONE_RATE
    encoder: Any = av.CodecContext.create(codec, "w")
    decoder: Any = av.CodecContext.create(codec, "r")
    for one in (encoder, decoder):
        one.sample_rate, one.format, one.layout = PHONE_RATE, "s16", "mono"
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    frames = [out for packet in packets for out in decoder.decode(packet)]
    return np.concatenate([out.to_ndarray().reshape(-1) for out in frames]).astype(np.int16)


PATHS: dict[str, tuple[int, Callable[[Sound], Sound]]] = {
    "22,050 Hz": (SAMPLE_RATE, lambda x: x),
    "24,000 Hz": (24_000, lambda x: resample(x, SAMPLE_RATE, 24_000)),
    "8,000 Hz": (PHONE_RATE, lambda x: resample(x, SAMPLE_RATE, PHONE_RATE)),
    "8,000 Hz, mu-law": (
        PHONE_RATE,
        lambda x: g711(resample(x, SAMPLE_RATE, PHONE_RATE), "pcm_mulaw"),
    ),
    "8,000 Hz, A-law": (
        PHONE_RATE,
        lambda x: g711(resample(x, SAMPLE_RATE, PHONE_RATE), "pcm_alaw"),
    ),
}


def joints_table(texts: list[str], fixed: tuple[str, ...]) -> Iterator[str]:
    """The steps of all sentences, a line a path."""
    gain = gain_db(active_level_dbov(np.frombuffer(spoken(" ".join(texts[:9]), "ta"), np.int16),
                                     SAMPLE_RATE))  # fmt: skip
    found: dict[tuple[str, bool], list[tuple[int, int]]] = {}
    joint_count = 0
    for text in texts:
        pieces = cut(text, fixed)
        sounds = [SilenceTrimmer().push(spoken(piece.text, "ta")) for piece in pieces]
        breaths = [pause_after_s(piece.text) for piece in pieces]
        joint_count += 2 * len(pieces)
        for now in (False, True):
            played = [faded(levelled(pcm, gain)) if now else pcm for pcm in sounds]
            sound, at = joined(list(zip(played, breaths, strict=True)))
            for path, (rate, through) in PATHS.items():
                found.setdefault((path, now), []).append(
                    steps(through(sound), [one / SAMPLE_RATE for one in at], rate)
                )
    yield f"| {len(texts)} sentences, {joint_count} edges | at a joint, before: largest, p99 |"
    yield "| --- | --- |"
    for path in PATHS:
        cells = []
        for now in (False, True):
            at_joint, inside = zip(*found[path, now], strict=True)
            cells.append(f"{max(at_joint)}, {np.percentile(at_joint, 99):.0f}")
            cells.append(f"{max(inside)}")
        yield f"| {path} | {' | '.join(cells)} |"


def takeover_table(texts: list[str]) -> Iterator[str]:
    """Steps where one voice breaks off and another goes on, beyond those of the voices there."""
    rng = random.Random(9)
    hard, melted = [], []
    for text in texts:
        first, second = spoken(text, "ta"), spoken(text, "ta+f5")
        at = rng.randint(2_000, min(len(first), len(second)) // 2 - 4_000)
        hard.append(excess(first[: 2 * at] + second[2 * at :], first, second, at, at + 1))
        seam = Takeover()
        out = seam.push(first[: 2 * at])
        begin = len(out) // 2
        seam.begin_again()
        for chunk in range(0, len(second), _CHUNK):
            out += seam.push(second[chunk : chunk + _CHUNK])
        melted.append(excess(out + seam.finish(), first, second, begin, at + 1))
    yield "| a voice breaks off, another goes on: step beyond the voices' own | largest | median |"
    yield "| --- | --- | --- |"
    yield f"| cut hard | {max(hard)} | {np.median(hard):.0f} |"
    yield f"| melted in 4 ms (now) | {max(melted)} | {np.median(melted):.0f} |"


def excess(joined_pcm: bytes, first: bytes, second: bytes, begin: int, end: int) -> int:
    """Largest step from sample ``begin`` to ``end``, less what either voice does there itself."""
    largest = []
    for pcm in (joined_pcm, first, second):
        near = np.frombuffer(pcm, np.int16)[begin - 1 : end + 1].astype(np.int64)
        largest.append(int(np.abs(np.diff(near)).max()))
    return max(0, largest[0] - max(largest[1:]))


def level_table(texts: list[str]) -> Iterator[str]:
    """Active level of two voices, recorded and live, before and after their gain."""
    yield f"| voice | as it is, dBov | gain dB | played, dBov (target {TARGET_DBOV:.1f}) | peak |"
    yield "| --- | --- | --- | --- | --- |"
    half = len(texts) // 2
    voices = {"ta": 0.0, "ta+f5": 0.0, "ta, 9 dB quieter": -9.0, "ta, 6 dB louder": 6.0}
    for name, offset in voices.items():
        voice = name.partition(",")[0]
        recorded = levelled(spoken(" ".join(texts[:half])[:1900], voice), offset)
        live = levelled(spoken(" ".join(texts[half:])[:1900], voice), offset)
        level = active_level_dbov(np.frombuffer(recorded, np.int16), SAMPLE_RATE)
        gain = gain_db(level)
        played = [np.frombuffer(levelled(pcm, gain), np.int16) for pcm in (recorded, live)]
        levels = " and ".join(f"{active_level_dbov(one, SAMPLE_RATE):.1f}" for one in played)
        peak = max(int(np.abs(one.astype(int)).max()) for one in played)
        yield f"| {name} | {level:.1f} | {gain:+.1f} | {levels} | {peak} |"


def alias_line() -> str:
    """What a tone above the telephone's band leaves behind."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = (10_000 * np.sin(2 * np.pi * 5_000 * time)).astype(np.int16)
    left = level_dbfs(resample(tone, SAMPLE_RATE, PHONE_RATE)[800:-800])
    return (
        f"A tone of 5 kHz, which would come back as 3 kHz at 8 kHz: {level_dbfs(tone):.0f} dBov "
        f"before resampling, {left:.0f} after."
    )


def main() -> None:
    """Read the command line, measure, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=200)
    args = parser.parse_args()
    script = Script.load(Settings().call.prompts_dir)
    texts = list(sentences(script, args.sentences))
    head, rule, *rows = joints_table(texts, script.fixed_pieces())
    print(head + " inside, before | at a joint, now: largest, p99 | inside, now |")
    print(rule + " --- | --- | --- |")
    print("\n".join(rows), "", *takeover_table(texts), "", *level_table(texts), "", sep="\n")
    print(alias_line())


if __name__ == "__main__":
    main()
