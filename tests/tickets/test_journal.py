from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import JournalDamaged
from agent.tickets.journal import (
    Journal,
    JournalBusy,
    Kind,
    encode_line,
    journal_name,
    lock_journal,
    open_journal,
    read_journal,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
JSON = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    max_size=3,
)


def _lines(datas: list[dict[str, object]]) -> list[bytes]:
    return [
        encode_line(seq, NOW, "job-1", Kind.HEARD, data) for seq, data in enumerate(datas, start=1)
    ]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = open_journal(tmp_path / "journal", "job-1")
    yield opened
    opened.close()


@settings(max_examples=50, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=4))
def test_what_is_written_is_read_back(folder: Path, datas: list[dict[str, object]]) -> None:
    opened = open_journal(folder, "round-trip")
    for data in datas:
        opened.append(Kind.HEARD, data, NOW)
    opened.close()
    reading = read_journal(opened.path)
    opened.path.unlink()
    assert [line.data for line in reading.lines] == datas
    assert [line.seq for line in reading.lines] == list(range(1, len(datas) + 1))
    assert not reading.torn
    assert not reading.damaged


def test_a_tail_torn_at_any_byte_is_dropped_and_reported(tmp_path: Path) -> None:
    lines = _lines([{"word": "தண்ணி"}, {"n": 2}, {"sealed": "x" * 50}])
    whole, path = b"".join(lines), tmp_path / "job-1.jsonl"
    ends = {sum(map(len, lines[:count])): count for count in range(len(lines) + 1)}
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        reading = read_journal(path)
        count = max(count for end, count in ends.items() if end <= cut)
        assert len(reading.lines) == count
        assert reading.torn == (cut not in ends)
        assert not reading.damaged


def test_a_writer_goes_on_after_a_torn_tail_at_any_byte(tmp_path: Path) -> None:
    lines = _lines([{"n": 1}, {"n": 2}])
    whole, path = b"".join(lines), tmp_path / "job-1.jsonl"
    for cut in range(len(lines[0]), len(whole)):
        path.write_bytes(whole[:cut])
        opened = open_journal(tmp_path, "job-1")
        opened.append(Kind.CLOSED, {"n": 9}, NOW)
        opened.close()
        reading = read_journal(path)
        assert [line.data["n"] for line in reading.lines] == [1, 9]
        assert not reading.torn
        assert not reading.damaged


def test_zeros_left_by_a_power_cut_count_as_torn(tmp_path: Path) -> None:
    path = tmp_path / "job-1.jsonl"
    path.write_bytes(_lines([{"n": 1}])[0] + b'{"v":1,' + b"\0" * 60 + b'"}\n')
    reading = read_journal(path)
    assert reading.torn
    assert not reading.damaged
    assert len(reading.lines) == 1


@settings(deadline=None)
@given(st.data())
def test_any_byte_changed_before_the_last_line_is_damage(folder: Path, data: st.DataObject) -> None:
    lines = _lines([{"n": 1}, {"word": "தண்ணி"}, {"n": 3}])
    whole = bytearray(b"".join(lines))
    at = data.draw(st.integers(0, len(whole) - len(lines[-1]) - 2))
    whole[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    path = folder / "changed.jsonl"
    path.write_bytes(whole)
    reading = read_journal(path)
    if [line.data for line in reading.lines] == [{"n": 1}, {"word": "தண்ணி"}, {"n": 3}]:
        return  # the other case of a hexadecimal letter in an escape says the same
    with pytest.raises(JournalDamaged, match=r"changed\.jsonl is damaged at line [1-3]"):
        reading.require_whole()


@pytest.mark.parametrize(
    ("keep", "bad"),
    [((0, 2), 2), ((1, 0, 2), 1), ((0, 0, 1), 2), ((1, 2), 1)],
    ids=["missing", "swapped", "doubled", "first missing"],
)
def test_lines_missing_swapped_or_doubled_are_damage(
    keep: tuple[int, ...], bad: int, tmp_path: Path
) -> None:
    lines = _lines([{"n": 1}, {"n": 2}, {"n": 3}])
    path = tmp_path / "job-1.jsonl"
    path.write_bytes(b"".join(lines[index] for index in keep))
    assert read_journal(path).damaged[0] == bad


def test_a_line_of_another_call_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "job-1.jsonl"
    stranger = encode_line(2, NOW, "job-2", Kind.HEARD, {})
    path.write_bytes(_lines([{}])[0] + stranger)
    assert read_journal(path).damaged == (2,)


def test_good_lines_behind_damage_are_kept(tmp_path: Path) -> None:
    lines = _lines([{"n": 1}, {"n": 2}, {"n": 3}])
    path = tmp_path / "job-1.jsonl"
    path.write_bytes(lines[0] + lines[1].replace(b'"n":2', b'"n":7') + lines[2])
    reading = read_journal(path)
    assert [line.data["n"] for line in reading.lines] == [1, 3]
    assert reading.damaged == (2,)


def test_writing_on_behind_damage_cuts_none_of_it_away(tmp_path: Path) -> None:
    lines = _lines([{"n": 1}, {"n": 2}])
    path = tmp_path / "job-1.jsonl"
    damaged = lines[0] + lines[1].replace(b'"n":2', b'"n":7')
    path.write_bytes(damaged + b"torn")
    opened = lock_journal(path)
    assert opened is not None
    opened.append(Kind.CLOSED, {}, NOW)
    opened.close()
    assert path.read_bytes().startswith(damaged + b"{")


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"null\n",
        b"[1]\n",
        b'"x"\n',
        b"{}\n",
        b'{"v":1}\n',
        b"\xe0\xae\n",
        b"[" * 9999 + b"\n",
    ],
)
def test_nonsense_is_damage_not_a_crash(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "job-1.jsonl"
    path.write_bytes(line)
    assert read_journal(path).damaged == (1,)


def test_the_line_form_is_the_one_promised(journal: Journal) -> None:
    journal.append(
        Kind.OPENED, {"channel": "phone"}, NOW.astimezone(timezone(timedelta(hours=5.5)))
    )
    entry = json.loads(journal.path.read_text(encoding="ascii"))
    assert list(entry) == ["v", "seq", "at", "call", "kind", "data", "crc"]
    assert entry["v"] == 1
    assert entry["at"] == "2026-11-20T10:00:00.000000+00:00"


def test_only_we_may_read_a_journal(journal: Journal) -> None:
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "call_id",
    ["../../etc/passwd", "a/b", "..", ".", "", "a.b", "job 1", "அழைப்பு", "x" * 300, "a\0b", "a\nb"],
)
def test_no_call_id_leaves_the_folder(call_id: str, tmp_path: Path) -> None:
    name = journal_name(call_id)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert len(name) < 120
    opened = open_journal(tmp_path, call_id)
    opened.append(Kind.OPENED, {}, NOW)
    opened.close()
    assert read_journal(tmp_path / name).lines[0].call_id == call_id


def test_different_ids_never_share_a_file() -> None:
    ids = ["a/b", "a.b", "a b", "a-b", "a..b", "A-b", "", ".", ".."]
    assert len({journal_name(each) for each in ids}) == len(ids)


def test_a_plain_id_is_the_file_name() -> None:
    assert journal_name("AJ_x-9") == "AJ_x-9.jsonl"


def test_a_live_journal_is_left_alone_and_a_finished_one_taken(journal: Journal) -> None:
    journal.append(Kind.OPENED, {}, NOW)
    assert lock_journal(journal.path) is None
    with pytest.raises(JournalBusy):
        open_journal(journal.path.parent, "job-1", wait_s=0)
    journal.close()
    taken = lock_journal(journal.path)
    assert taken is not None
    taken.close()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; "
        "from agent.tickets.journal import open_journal; "
        "journal = open_journal(Path(sys.argv[1]), 'job-1'); print('held', flush=True); "
        "time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    assert lock_journal(tmp_path / "job-1.jsonl") is None
    child.kill()
    child.communicate(timeout=30)
    taken = lock_journal(tmp_path / "job-1.jsonl")
    assert taken is not None
    taken.close()


def test_a_journal_moved_away_is_not_written_by_who_waited_for_it(tmp_path: Path) -> None:
    first = open_journal(tmp_path, "job-1")
    first.append(Kind.OPENED, {"n": 1}, NOW)
    first.move_to(tmp_path / "done")
    second = open_journal(tmp_path, "job-1")
    second.append(Kind.OPENED, {"n": 2}, NOW)
    first.close()
    second.close()
    assert read_journal(tmp_path / "done" / "job-1.jsonl").lines[0].data == {"n": 1}
    assert read_journal(tmp_path / "job-1.jsonl").lines[0].data == {"n": 2}


def test_a_line_the_disk_refuses_leaves_no_trace_and_the_next_one_fits(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel refuse to write on, in the middle of a line."""
    code = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from agent.tickets.journal import Kind, open_journal, read_journal
journal = open_journal(Path(sys.argv[1]), "job-1")
now = datetime.now(UTC)
journal.append(Kind.OPENED, {"n": 1}, now)
size = journal.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, resource.RLIM_INFINITY))
try:
    journal.append(Kind.HEARD, {"n": "x" * 500}, now)
except OSError as exc:
    print(type(exc).__name__, journal.path.stat().st_size == size)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append(Kind.HEARD, {"n": 2}, now)
reading = read_journal(journal.path)
print([line.data["n"] for line in reading.lines], reading.torn, reading.damaged)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["OSError True", "[1, 2] False ()"]


def test_after_a_failed_sync_nothing_more_is_trusted(tmp_path: Path) -> None:
    """A pipe takes writes but cannot be synced, as a failing disk does."""
    opened = open_journal(tmp_path, "job-1")
    reader, writer = os.pipe()
    os.dup2(writer, opened._handle)
    for _ in range(2):
        with pytest.raises(OSError, match=r".+"):
            opened.append(Kind.OPENED, {}, NOW)
    opened.close()
    os.close(writer)
    assert os.read(reader, 9999).count(b"\n") == 1
    os.close(reader)
