"""Which callers the paths name; every bad path is said before anything is played."""

from pathlib import Path

import numpy as np
import pytest

from agent.callers.audio_io import LINE_RATE
from agent.callers.sources import load_sources
from agent.errors import UsageError
from agent.speech.audio import write_wav

CALLS = Path(__file__).parent.parent / "data" / "calls"
D01 = CALLS / "spoken" / "D01.json"


def recording(path: Path) -> Path:
    sound = np.tile(np.array([3000, -3000], np.int16), LINE_RATE // 2)
    write_wav(path, np.concatenate([sound, np.zeros(LINE_RATE, np.int16)]), LINE_RATE)
    return path


def test_a_folder_gives_its_calls_sorted_and_searched_through() -> None:
    ids = [source.script.id for source in load_sources([CALLS])]
    hard = [f"H{n:02}" for n in range(1, 15)]
    assert ids == [f"S{n:02}" for n in range(1, 21)] + hard + [f"D{n:02}" for n in range(1, 9)]


def test_a_description_beside_a_recording_is_no_call_of_its_own(tmp_path: Path) -> None:
    recording(tmp_path / "a.wav")
    (tmp_path / "a.json").write_text('{"id": "A1"}')
    (tmp_path / "b.json").write_text(D01.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / ".hidden.json").write_text("{")
    (tmp_path / "README.md").write_text("no call")
    sources = load_sources([tmp_path])
    assert [source.script.id for source in sources] == ["A1", "D01"]
    assert [source.clips is not None for source in sources] == [True, False]


def test_a_file_named_twice_is_played_once() -> None:
    assert len(load_sources([D01, D01])) == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.json", None, "does not exist"),
        ("call.txt", "text", "neither a scripted call"),
        ("call.png", "\x89PNG", "neither a scripted call"),
        ("call.json", "{", "not valid JSON"),
    ],
)
def test_one_bad_path_among_good_ones_refuses_them_all(
    tmp_path: Path, name: str, content: str | None, told: str
) -> None:
    bad = tmp_path / name
    if content is not None:
        bad.write_text(content)
    with pytest.raises(UsageError, match=told):
        load_sources([D01, bad])


def test_a_folder_without_calls_is_said(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(UsageError, match="holds no calls"):
        load_sources([tmp_path])
