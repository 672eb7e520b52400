from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.errors import TicketError
from agent.tickets.cipher import Cipher
from agent.tickets.voice_notes import VoiceNotes

CIPHER = Cipher(bytes(range(32)))
SOUND = bytes(range(256)) * 250


@pytest.fixture
def notes(tmp_path: Path) -> VoiceNotes:
    return VoiceNotes(tmp_path, CIPHER)


def kept(notes: VoiceNotes, call_id: str = "job-1", number: int = 1, pcm: bytes = SOUND) -> Path:
    path = notes.keep(call_id, number, pcm)
    assert path is not None
    return path


def test_a_note_is_read_back_as_it_was_said(notes: VoiceNotes) -> None:
    assert notes.read(kept(notes)) == SOUND


def test_the_sound_does_not_lie_on_the_disk_in_the_open(notes: VoiceNotes) -> None:
    path = kept(notes)
    raw = path.read_bytes()
    assert SOUND[:64] not in raw
    assert b"WAVE" not in raw
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_notes_are_listed_by_call_in_the_order_they_were_spoken(notes: VoiceNotes) -> None:
    for number in (2, 1, 11):
        kept(notes, "job", number, SOUND[: 2 * number])
    kept(notes, "job-0001", 1)
    assert [len(notes.read(path)) for path in notes.of_call("job")] == [2, 4, 22]
    assert len(notes.of_call("job-0001")) == 1
    assert len(notes.all()) == 4
    assert notes.of_call("nobody") == ()


@pytest.mark.parametrize("call_id", ["../../etc/x", "அ", "a/b", ".", "", "x" * 300, "*"])
def test_an_odd_call_id_stays_inside_the_folder(
    notes: VoiceNotes, tmp_path: Path, call_id: str
) -> None:
    path = kept(notes, call_id)
    assert path.resolve().parent == (tmp_path / "voice_notes").resolve()
    assert notes.of_call(call_id) == (path,)
    assert notes.read(path) == SOUND


def test_a_note_under_another_name_or_key_does_not_open(notes: VoiceNotes, tmp_path: Path) -> None:
    path = kept(notes)
    with pytest.raises(TicketError, match="another key"):
        VoiceNotes(tmp_path, Cipher(bytes(32))).read(path)
    other = path.rename(path.with_name("job-2-0001.wav.sealed"))
    with pytest.raises(TicketError):
        notes.read(other)
    with pytest.raises(TicketError, match="cannot be read"):
        notes.read(path)


def test_a_damaged_note_is_one_clear_error(notes: VoiceNotes) -> None:
    path = kept(notes)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(TicketError, match="damaged"):
        notes.read(path)


def test_a_full_disk_is_one_warning_and_leaves_no_half_a_note(
    notes: VoiceNotes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert notes.keep("job-1", 1, SOUND) is None
        assert notes.keep("job-1", 2, SOUND) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert list((tmp_path / "voice_notes").glob("*")) == []
    assert list((tmp_path / "voice_notes").glob(".*")) == []
    assert notes.read(kept(notes)) == SOUND


def test_a_folder_that_cannot_be_made_is_a_warning_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "voice_notes").write_text("in the way")
    assert VoiceNotes(tmp_path, CIPHER).keep("job-1", 1, SOUND) is None
    assert len(caplog.records) == 1


def test_the_file_is_synced_before_its_name_and_the_name_before_it_counts(
    notes: VoiceNotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(notes)
    order: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def replaced(path: Path, target: Path) -> Path:
        order.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    kept(notes, number=2)
    assert order == ["file", "name", "folder"]


def test_the_same_number_replaces_the_note(notes: VoiceNotes) -> None:
    kept(notes)
    assert notes.read(kept(notes, pcm=SOUND[:100])) == SOUND[:100]
    assert len(notes.of_call("job-1")) == 1
