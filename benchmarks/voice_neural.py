"""A neural voice and espeak-ng side by side: first sound, real-time factor, batches against turns.

Usage: ``python benchmarks/voice_neural.py [--model DIR] [--callers N] [--repeat N] [--device D]``.
Without ``--model`` a VITS of the size of MMS-TTS (36 million parameters) with random weights is
made: its words are noise, but it costs what a trained one costs for each second of sound. Needs
the extra ``voice``. Everything runs in one process through the engine of ``kural voice serve``;
callers are threads that ask at the same moment. The table goes to standard output.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

from agent.speech.espeak import Espeak
from agent.speech.joins import SAMPLE_RATE
from agent.speech.neural.folder import VoiceFolder, open_folder
from agent.speech.neural.vits import Place, Vits, check_packages, find_place
from agent.speech.neural.voice import Limits, NeuralVoice
from agent.speech.voice_engine import VoiceEngine

SENTENCES = [
    "உங்கள் புகாரைச் சொல்லுங்கள்",
    "மூன்று நாளாக குடிநீர் வரவில்லை",
    "தெரு விளக்கு எரியவில்லை",
    "ஓய்வூதியம் இரண்டு மாதமாக வரவில்லை",
]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One text."""

    first_s: float
    last_s: float
    sound_s: float


@dataclass(frozen=True, slots=True)
class Round:
    """Texts asked for at the same moment."""

    spoken: list[Spoken]
    cpu_s: float
    """Of this process, all threads: what the machine's other work does not change."""


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as scratch:
        folder = open_folder(options.model or _random_voice(Path(scratch)))
        check_packages(folder)
        place = find_place(options.device, 0, options.threads)
        print(
            f"{folder.name} on {place.device}, {place.threads} threads, {options.callers} callers"
        )
        print(
            f"{'':34}{'first sound ms':>16}{'all ms':>9}{'real-time factor':>18}{'CPU s per s':>13}"
        )
        _show("espeak-ng, one caller", Espeak(), 1, options.repeat)
        _show(f"espeak-ng, {options.callers} callers", Espeak(), options.callers, options.repeat)
        for title, callers, batch in (
            ("neural, one caller", 1, 1),
            (f"neural, {options.callers} callers, in turn", options.callers, 1),
            (f"neural, {options.callers} callers, one batch", options.callers, options.callers),
        ):
            engine = _loaded(folder, place, batch)
            try:
                _show(title, engine, callers, options.repeat)
            finally:
                engine.close()


def _loaded(folder: VoiceFolder, place: Place, batch: int) -> NeuralVoice:
    engine = NeuralVoice(
        folder, lambda: Vits(folder, place), Espeak(), Limits(batch=batch, within_s=300.0)
    )
    engine.prepare()
    return engine


def _show(title: str, engine: VoiceEngine, callers: int, repeat: int) -> None:
    _together(engine, callers)  # the first one of each shape allocates
    rounds = [_together(engine, callers) for _ in range(repeat)]
    said = [one for turn in rounds for one in turn.spoken]
    first_ms = 1000 * statistics.median(one.first_s for one in said)
    all_s = statistics.median(max(one.last_s for one in turn.spoken) for turn in rounds)
    sound_s = sum(one.sound_s for one in said)
    factor, cpu = len(rounds) * all_s / sound_s, sum(turn.cpu_s for turn in rounds) / sound_s
    print(f"{title:34}{first_ms:16.0f}{1000 * all_s:9.0f}{factor:18.3f}{cpu:13.3f}")
    stood_in = engine.describe().get("stood_in", 0)
    if stood_in:
        print(f"  of which espeak-ng said {stood_in}")


def _together(engine: VoiceEngine, callers: int) -> Round:
    start = Barrier(callers)

    def speak(number: int) -> Spoken:
        start.wait()
        began = time.perf_counter()
        arrived: list[float] = []
        size = 0

        def take(chunk: bytes, _: str = "") -> bool:
            nonlocal size
            if chunk:
                arrived.append(time.perf_counter() - began)
                size += len(chunk)
            return True

        text = SENTENCES[number % len(SENTENCES)]
        engine.speak(text, take, voice="ta", rate=165, pitch=50)
        return Spoken(arrived[0], time.perf_counter() - began, size / 2 / SAMPLE_RATE)

    with ThreadPoolExecutor(callers) as threads:
        began = time.process_time()
        spoken = list(threads.map(speak, range(callers)))
        return Round(spoken, time.process_time() - began)


def _random_voice(folder: Path) -> Path:
    import torch
    from transformers import VitsConfig, VitsModel

    torch.manual_seed(1)
    tamil = (chr(code) for code in range(0x0B82, 0x0BCE))
    letters = ["|", " ", *(char for char in tamil if unicodedata.category(char)[0] in "LM")]
    path = folder / "random-weights-of-mms-size"
    VitsModel(VitsConfig(vocab_size=len(letters))).save_pretrained(path)
    vocabulary = {char: at for at, char in enumerate(letters)}
    tokenizer = {"language": "tam", "phonemize": False, "pad_token": "|"}
    for name, data in (("vocab.json", vocabulary), ("tokenizer_config.json", tokenizer)):
        (path / name).write_text(json.dumps(data), encoding="utf-8")
    return path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a VITS checkpoint")
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
