"""What switches a short context on, and what does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main
from agent.errors import AgentError, UsageError
from agent.settings import PROJECT_DIR
from agent.speech.audio import Samples, write_wav
from agent.speech.checkpoint import load_checkpoint
from agent.speech.contexts import BUCKETS
from agent.speech.engine import Ears
from agent.speech.transcript import DropReason, Segment, Transcript
from agent.speech.word_error_gate import (
    LEAST_CLIPS,
    LEAST_HERE,
    Clips,
    Figures,
    measure,
    read_clips,
    shortest_safe,
    word_errors,
    words_of,
)
from tests.speech.conftest import SAID, Speak

DEMO = PROJECT_DIR / "models" / "demo-ta"


def figures(frames: int, errors: int = 0, here: int = 50, astray: str = "") -> Figures:
    return Figures(frames, errors, 1000, here, frozenset(astray.split()))


def clips_in(folder: Path, rows: list[tuple[Samples, str]]) -> Path:
    """A folder as ``--clips`` wants it."""
    folder.mkdir()
    lines = []
    for number, (samples, text) in enumerate(rows):
        write_wav(folder / f"{number}.wav", samples, 16_000)
        lines.append(json.dumps({"file": f"{number}.wav", "text": text}, ensure_ascii=False))
    (folder / "index.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def said_clips(tmp_path_factory: pytest.TempPathFactory, speak: Speak) -> Path:
    """Fifty clips whose words are what the saying model makes of any sound."""
    sound = speak(SAID, after=0.3)
    return clips_in(tmp_path_factory.mktemp("gate") / "said", [(sound, SAID)] * LEAST_CLIPS)


def test_words_are_compared_without_punctuation_and_with_vowel_signs() -> None:
    assert words_of(" தண்ணி, வரல... (ஆமா!) ") == ["தண்ணி", "வரல", "ஆமா"]
    assert word_errors("தண்ணி வரல", "தண்ணி, வரல.") == 0
    assert word_errors("தண்ணி வரல", "தண்ணீ வரல") == 1
    assert word_errors("கோ", "கோ") == 0  # ஓ in one piece and in two
    assert word_errors("க்\u200cஷ", "க்ஷ") == 0
    assert word_errors("", "அது வந்து") == 2


@given(st.lists(st.sampled_from(["தண்ணி", "வரல", "ரோடு"])), st.integers(0, 3))
def test_each_word_too_many_is_one_error(words: list[str], more: int) -> None:
    said = " ".join(words)
    assert word_errors(said, " ".join([*words, *["இல்ல"] * more])) == more


@pytest.mark.parametrize(
    ("short", "chosen"),
    [
        ([figures(1500, 100), figures(500, 105)], 500),
        ([figures(1500, 100), figures(500, 106)], 1500),
        ([figures(1500, 106), figures(500, 106)], None),
        ([figures(500, 100, here=LEAST_HERE - 1)], None),
        ([figures(500, 90, astray="a.wav")], None),
        ([figures(500, 90, astray="b.wav")], 500),
        ([figures(1500, 120), figures(500, 100)], 500),
        ([], None),
    ],
)
def test_the_shortest_context_that_loses_nothing_is_chosen(
    short: list[Figures], chosen: int | None
) -> None:
    assert shortest_safe(figures(3000, 100, astray="b.wav"), short) == chosen


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{", "index.jsonl:1 is not valid JSON"),
        (b'\n["a.wav", "b"]', "index.jsonl:2 is not"),
        (b'{"file": "a.wav"}', "is not"),
        (b'{"file": "", "text": "b"}', "is not"),
        (b'{"file": "b.wav", "text": "b"}', "names b.wav, which is not there"),
        (b'{"file": "../a.wav", "text": "b"}', "outside the folder"),
        (b'{"file": "a.wav", "text": "b"}', f"at least {LEAST_CLIPS}"),
        (b'{"file": "a.wav", "text": "b"}\n' * LEAST_CLIPS, "twice"),
    ],
)
def test_an_index_that_is_wrong_is_one_sentence(
    tmp_path: Path, index: bytes | None, says: str
) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    if index is not None:
        (tmp_path / "index.jsonl").write_bytes(index)
    with pytest.raises(AgentError, match=says) as caught:
        read_clips(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_clips_without_a_word_measure_nothing(tmp_path: Path, speak: Speak) -> None:
    folder = clips_in(tmp_path / "c", [(speak(SAID), " ... ")] * LEAST_CLIPS)
    with pytest.raises(UsageError, match="no words"):
        read_clips(folder)


def test_a_clip_that_is_no_sound_is_one_sentence(said_clips: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(said_clips, tmp_path / "c"))
    (folder / "7.wav").write_bytes(b"no sound")
    model = Path(shutil.copytree(DEMO, tmp_path / "m"))
    before = (model / "kural.json").read_text()
    result = CliRunner().invoke(
        main, ["engine", "fetch", str(model), "--out", str(model), "--clips", str(folder)]
    )
    assert result.exit_code == 2
    assert "7.wav" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert (model / "kural.json").read_text() == before


class Scripted:
    """A recogniser that hears well in some contexts only."""

    def __init__(self, folder: Path, *, wrong: set[int], circles: set[int]) -> None:
        self.frames = load_checkpoint(folder).facts.min_frames
        self.wrong, self.circles = wrong, circles

    def transcribe(self, pcm: Samples, /) -> Transcript:
        text = "வேற" if self.frames in self.wrong else SAID
        reason = DropReason.LOOP if self.frames in self.circles else None
        length_s = len(pcm) / 16_000
        segment = Segment(0.0, length_s, length_s, text, 3, -0.1, 0.0, dropped=reason)
        return Transcript(text, 0.9, "ta", length_s, segments=(segment,))


@pytest.mark.parametrize(
    ("wrong", "circles", "chosen"),
    [
        (set(), set(), 500),
        ({500, 750}, set(), 1000),
        (set(), {500}, 750),
        ({500, 750, 1000, 1500}, set(), None),
    ],
)
def test_contexts_are_measured_one_by_one(
    said_clips: Path, wrong: set[int], circles: set[int], chosen: int | None
) -> None:
    clips: Clips = read_clips(said_clips)
    seen: list[tuple[int, int]] = []
    verdict = measure(
        DEMO,
        clips,
        lambda folder: Scripted(folder, wrong=wrong, circles=circles),
        lambda frames, done: seen.append((frames, done)),
    )
    assert verdict.chosen == chosen
    assert verdict.full.frames == BUCKETS[-1]
    assert len(seen) == LEAST_CLIPS * len(BUCKETS)


@pytest.mark.slow
def test_the_command_gates_the_demo_model_on_its_own_clips(tmp_path: Path, speak: Speak) -> None:
    """Real model, real decoding, through the real command; the record says what was seen."""
    texts = ["எங்க தெருவில தண்ணி வரல", "ரோடு மோசமா இருக்கு", "லைட் எரியல", "ஆமா", "குப்பை எடுக்கல"]
    rows = [
        (speak(texts[n % 5], after=0.4, rate=140 + n), texts[n % 5]) for n in range(LEAST_CLIPS)
    ]
    folder = clips_in(tmp_path / "clips", rows)
    out = tmp_path / "gated"
    result = CliRunner().invoke(
        main, ["engine", "fetch", str(DEMO), "--out", str(out), "--clips", str(folder)]
    )
    assert result.exit_code == 0, result.output
    record = json.loads((out / "kural.json").read_text())
    gate = record["gates"]["short_context"]
    assert gate["clips"] == LEAST_CLIPS
    assert [row["context_s"] for row in gate["contexts"]] == [30.0, 15.0, 10.0, 7.5, 5.0]
    assert record["short_context"] is True
    assert record["min_frames"] == 100 * gate["shortest_s"]
    assert "Short contexts are on" in result.stdout
    Ears(out, device="cpu")


def test_a_missing_clip_folder_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main,
        [
            "engine",
            "fetch",
            str(DEMO),
            "--out",
            str(tmp_path / "m"),
            "--clips",
            str(tmp_path / "x"),
        ],
    )
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr
    assert not (tmp_path / "m").exists()
