"""Who speaks, and how loud, as it lies beside the recordings."""

import threading
from pathlib import Path

import pytest

from agent.speech.level import TARGET_DBOV
from agent.speech.voice_book import Speaker, VoiceBook

TA = Speaker("ta", 165)


def test_nothing_is_known_at_first(tmp_path: Path):
    book = VoiceBook(tmp_path / "prompts")
    assert book.engine(TA, "embedded 1") == "embedded 1"
    assert book.gain("embedded 1", "ta") == 0.0
    assert not book.knows(TA, "embedded 1")


def test_what_was_noted_is_found_by_the_next_process(tmp_path: Path):
    VoiceBook(tmp_path).note(TA, "neural 2", -30.0)
    book = VoiceBook(tmp_path)
    assert book.engine(TA, "embedded 1") == "neural 2"
    assert book.gain("neural 2", "ta") == pytest.approx(TARGET_DBOV + 30.0)
    assert book.gain("embedded 1", "ta") == 0.0
    assert book.knows(TA, "neural 2")


@pytest.mark.parametrize("other", [Speaker("en", 165), Speaker("ta", 170), Speaker("ta", 165, 40)])
def test_another_voice_rate_or_pitch_has_its_own_entry(tmp_path: Path, other: Speaker):
    VoiceBook(tmp_path).note(TA, "neural 2", -30.0)
    assert VoiceBook(tmp_path).engine(other, "embedded 1") == "embedded 1"


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[1]", b'{"speakers": 3}', b'{"levels_dbov": {"x": "loud"}}', b"\xff"]
)
def test_a_damaged_book_is_as_good_as_none_and_written_anew(tmp_path: Path, damage: bytes):
    (tmp_path / "voices.json").write_bytes(damage)
    book = VoiceBook(tmp_path)
    assert book.engine(TA, "embedded 1") == "embedded 1"
    book.note(TA, "neural 2", None)
    assert VoiceBook(tmp_path).engine(TA, "embedded 1") == "neural 2"


def test_several_writers_lose_nothing(tmp_path: Path):
    def write(number: int) -> None:
        VoiceBook(tmp_path).note(Speaker(f"v{number}", 165), "neural 2", -20.0)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    book = VoiceBook(tmp_path)
    assert all(book.knows(Speaker(f"v{number}", 165), "neural 2") for number in range(12))
