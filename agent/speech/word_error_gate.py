"""May a checkpoint be decoded in a short context? Measured on recordings with known words.

An encoder that is given only the sound is several times faster, but a model that was not trained
that way may lose words or go round in circles, so nothing but this gate switches it on.

Words are compared after NFC and without punctuation. Whisper's own normaliser is not used: it
deletes every mark of category M, and with it the vowel signs of Tamil.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from agent.errors import UnreadableInput, UsageError
from agent.speech.audio import read_audio
from agent.speech.checkpoint import Facts, load_checkpoint
from agent.speech.contexts import BUCKETS, FULL, bucket_of
from agent.speech.fetch_layout import FACTS_FILE, read_json
from agent.speech.transcript import DropReason, Transcript

INDEX = "index.jsonl"
LEAST_CLIPS = 50
MARGIN = 0.005
"""How much worse a short context may be, as a share of the words: 0.5 points."""
LEAST_HERE = 5
"""Clips that must really have been decoded in a context, else it was not tested."""
TAIL_FRAMES = 100
"""A second of padding after the sound, when the checkpoint does not say how much it wants."""
_SAMPLE_RATE = 16_000
_FRAMES_PER_S = 100
_ASTRAY = frozenset({DropReason.LOOP, DropReason.RUNAWAY, DropReason.TOO_FAST})
_FREE_WORDS = 5


class Recogniser(Protocol):
    """What is measured: :class:`agent.speech.engine.Ears`."""

    def transcribe(self, pcm: NDArray[np.int16], /) -> Transcript:
        """The words in ``pcm``, int16 mono at 16 kHz."""
        ...


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and what is said in it."""

    path: Path
    text: str
    """NFC; empty for sound without words."""


@dataclass(frozen=True, slots=True)
class Clips:
    """Recordings with their words."""

    items: tuple[Clip, ...]
    index_sha256: str
    """Of the bytes of the index."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One context, over all clips."""

    frames: int
    """Shortest context allowed, frames of 10 ms; longer sound got the next longer one."""
    errors: int
    """Words inserted, deleted or replaced."""
    words: int
    """Words that were said."""
    clips_here: int
    """Clips with a piece that was decoded in exactly this context."""
    astray: frozenset[str]
    """Files whose decoding went in a circle, did not end, or gave far too many words."""

    @property
    def word_error(self) -> float:
        """Errors over words; may exceed 1."""
        return self.errors / self.words


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured and what follows."""

    full: Figures
    """In the 30 s window."""
    short: tuple[Figures, ...]
    """Longest context first."""
    chosen: int | None
    """Frames of the shortest context that passed."""
    tail_frames: int


def read_clips(folder: Path) -> Clips:
    """The recordings that ``index.jsonl`` in ``folder`` names.

    Raises:
        UnreadableInput: one sentence: no index, a wrong line, a recording that is missing.
        UsageError: too few recordings, or no words at all.
    """
    path = folder / INDEX
    try:
        raw = path.read_bytes()
        lines = raw.decode("utf-8-sig").splitlines()
    except OSError as exc:
        raise UnreadableInput(
            f"{path} cannot be read ({exc.strerror}); --clips names a folder with WAV files and "
            f'{INDEX}, a line {{"file": ..., "text": ...}} for each.'
        ) from None
    except UnicodeDecodeError:
        raise UnreadableInput(f"{path} is not UTF-8 text.") from None
    items = tuple(_clip(line, f"{path}:{n}", folder) for n, line in _numbered(lines))
    if len(items) < LEAST_CLIPS:
        raise UsageError(
            f"{path} names {len(items)} recordings; the gate needs at least {LEAST_CLIPS} to say "
            "anything."
        )
    if len({clip.path for clip in items}) < len(items):
        raise UnreadableInput(f"{path} names a recording twice.")
    if not any(words_of(clip.text) for clip in items):
        raise UsageError(f"{path} holds no words to compare with.")
    return Clips(items, hashlib.sha256(raw).hexdigest())


def words_of(text: str) -> list[str]:
    """The words of ``text`` that are compared: NFC, without punctuation and joiners."""
    kept = []
    for char in unicodedata.normalize("NFC", text):
        category = unicodedata.category(char)
        if category != "Cf":
            kept.append(" " if category[0] in "PS" else char)
    return "".join(kept).split()


def word_errors(said: str, heard: str) -> int:
    """Words to insert, delete or replace to make ``said`` of ``heard``."""
    return int(Levenshtein.distance(words_of(said), words_of(heard)))


def shortest_safe(full: Figures, short: Sequence[Figures]) -> int | None:
    """Frames of the shortest context that may be used, or None.

    It must have been tested, be at most ``MARGIN`` worse than the 30 s window, and lead no clip
    astray that the window does not.
    """
    safe = [
        one.frames
        for one in short
        if one.clips_here >= LEAST_HERE
        and one.word_error <= full.word_error + MARGIN
        and one.astray <= full.astray
    ]
    return min(safe, default=None)


def measure(
    folder: Path,
    clips: Clips,
    load: Callable[[Path], Recogniser],
    progress: Callable[[int, int], None],
) -> Verdict:
    """Decode all clips in the 30 s window and in each short context.

    Args:
        folder: the checkpoint, complete.
        clips: from :func:`read_clips`.
        load: makes the recogniser of a folder; called once for each context.
        progress: told the context in frames and how many clips of it are done.
    """
    own = read_json(folder / FACTS_FILE) if (folder / FACTS_FILE).exists() else {}
    tail = own.get("tail_frames")
    changes = {"tail_frames": tail if isinstance(tail, int) else TAIL_FRAMES}
    found = {}
    for frames in sorted(BUCKETS, reverse=True):
        wanted = {**changes, "short_context": frames < FULL, "min_frames": frames}
        with tempfile.TemporaryDirectory(prefix="kural-gate-") as place:
            ears = load(_altered(folder, Path(place), {**own, **wanted}))
            facts = load_checkpoint(Path(place)).facts
            found[frames] = _run(ears, clips, facts, functools.partial(progress, frames))
            del ears  # the next one needs its memory
    full = found.pop(FULL)
    short = tuple(found.values())
    return Verdict(full, short, shortest_safe(full, short), changes["tail_frames"])


def facts_of(
    verdict: Verdict, clips: Clips, *, language: str, device: str, compute_type: str
) -> dict[str, Any]:
    """What the gate changes in ``kural.json``, with the record of what it saw.

    Args:
        verdict: what was measured.
        clips: what with.
        language: ISO 639-1 code the decoding was locked to.
        device: where it computed.
        compute_type: of CTranslate2; figures of another may differ.
    """
    switched: dict[str, Any] = {"short_context": verdict.chosen is not None}
    if verdict.chosen is not None:
        switched |= {"min_frames": verdict.chosen, "tail_frames": verdict.tail_frames}
    rows = [_row(one) for one in (verdict.full, *verdict.short)]
    record = {
        "clips": len(clips.items),
        "words": verdict.full.words,
        "index_sha256": clips.index_sha256,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "language": language,
        "device": device,
        "compute_type": compute_type,
        "tail_frames": verdict.tail_frames,
        "margin_points": 100 * MARGIN,
        "contexts": rows,
        "shortest_s": verdict.chosen / _FRAMES_PER_S if verdict.chosen else None,
    }
    return {**switched, "gates": {"short_context": record}}


def _row(one: Figures) -> dict[str, Any]:
    row = asdict(one)
    return {
        "context_s": row["frames"] / _FRAMES_PER_S,
        "word_error_percent": round(100 * one.word_error, 2),
        "errors": row["errors"],
        "clips_here": row["clips_here"],
        "astray": len(one.astray),
    }


def _run(ears: Recogniser, clips: Clips, facts: Facts, progress: Callable[[int], None]) -> Figures:
    shortest = facts.min_frames
    errors = words = here = 0
    astray = set()
    for number, clip in enumerate(clips.items, 1):
        transcript = ears.transcribe(read_audio(clip.path, sample_rate=_SAMPLE_RATE).samples)
        errors += word_errors(clip.text, transcript.text)
        words += len(words_of(clip.text))
        here += shortest in {
            bucket_of(math.ceil(_FRAMES_PER_S * (one.end_s - one.start_s)), facts)
            for one in transcript.segments
        }
        if _went_astray(clip.text, transcript):
            astray.add(clip.path.name)
        progress(number)
    return Figures(shortest, errors, words, here, frozenset(astray))


def _went_astray(said: str, transcript: Transcript) -> bool:
    """Whether decoding ran away, mended by a second try or not."""
    if any(one.retried or one.dropped in _ASTRAY for one in transcript.segments):
        return True
    return len(words_of(transcript.text)) > 2 * len(words_of(said)) + _FREE_WORDS


def _altered(folder: Path, place: Path, facts: dict[str, Any]) -> Path:
    """The same model with other facts: links beside one new file."""
    for path in folder.iterdir():
        if path.name != FACTS_FILE:
            (place / path.name).symlink_to(path.resolve())
    (place / FACTS_FILE).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    return place


def _numbered(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    return ((n, line) for n, line in enumerate(lines, 1) if line.strip())


def _clip(line: str, where: str, folder: Path) -> Clip:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise UnreadableInput(f"{where} is not valid JSON.") from None
    name, text = (row.get("file"), row.get("text")) if isinstance(row, dict) else (None, None)
    if not (isinstance(name, str) and name and isinstance(text, str)):
        raise UnreadableInput(f'{where} is not {{"file": "...", "text": "..."}}.')
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UnreadableInput(f"{where} names a recording outside the folder.")
    if not path.is_file():
        raise UnreadableInput(f"{where} names {name}, which is not there.")
    return Clip(path, unicodedata.normalize("NFC", text))
