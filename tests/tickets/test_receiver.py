"""The journal receiver: what it takes, what it refuses, and what it holds when it says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from agent.doctor import Check, State, journal_receiver
from agent.errors import UsageError
from agent.settings import Settings, TicketSettings
from agent.tickets.command import command
from agent.tickets.journal import Kind, encode_line, journal_name, lock_journal, read_journal
from agent.tickets.receiver import (
    MOST_BYTES,
    MOST_JOURNAL_BYTES,
    JournalReceiver,
    Refused,
    parse_bind,
)
from agent.tickets.second_copy import CopyRefused, ReceiverAway
from tests.tickets.conftest import ROOT, ReceivingMachine

AT = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)


def line(seq: int, call: str = "job-1", kind: Kind = Kind.CONSENT, **data: Any) -> bytes:
    return encode_line(seq, AT, call, kind, data or {"granted": True})


def lines(first: int, last: int) -> bytes:
    return b"".join(line(seq) for seq in range(first, last + 1))


@pytest.fixture
def receiver(tmp_path: Path) -> JournalReceiver:
    return JournalReceiver(tmp_path / "received")


def held(receiver: JournalReceiver, name: str = "job-1.jsonl") -> bytes:
    return (receiver.folder / name).read_bytes()


def test_lines_are_kept_exactly_as_they_were_written(receiver: JournalReceiver) -> None:
    assert receiver.take("job-1", lines(1, 2)) == 2
    assert receiver.take("job-1", line(3)) == 3
    assert held(receiver) == lines(1, 3)


def test_the_same_lines_again_change_nothing(receiver: JournalReceiver) -> None:
    receiver.take("job-1", lines(1, 3))
    assert receiver.take("job-1", lines(1, 3)) == 3
    assert receiver.take("job-1", line(2)) == 3
    assert receiver.take("job-1", lines(2, 5)) == 5
    assert held(receiver) == lines(1, 5)


def test_a_gap_is_refused_and_says_what_is_here(receiver: JournalReceiver) -> None:
    with pytest.raises(Refused) as caught:
        receiver.take("job-1", line(2))
    assert (caught.value.status, caught.value.seq) == (409, 0)
    assert not list(receiver.folder.iterdir())
    receiver.take("job-1", line(1))
    with pytest.raises(Refused) as caught:
        receiver.take("job-1", line(3))
    assert (caught.value.status, caught.value.seq) == (409, 1)


def test_another_journal_of_the_same_call_is_refused(receiver: JournalReceiver) -> None:
    receiver.take("job-1", lines(1, 2))
    with pytest.raises(Refused, match="another journal") as caught:
        receiver.take("job-1", line(2, granted=False) + line(3))
    assert (caught.value.status, caught.value.seq) == (409, None)
    assert held(receiver) == lines(1, 2)


BAD = {
    "nothing": b"",
    "no line end": line(1)[:-1],
    "half a line": line(1)[:40] + b"\n",
    "a wrong checksum": line(1).replace(b"true", b"fals"),
    "another call": line(1, call="job-2"),
    "a gap inside": line(1) + line(3),
    "not in order": line(2) + line(1),
    "an empty line": line(1) + b"\n" + line(2),
    "no JSON": b"\xff\xfe nonsense\n",
    "a list": b"[1,2]\n",
    "a number that is a word": line(1).replace(b'"seq":1', b'"seq":"1"'),
    "deep nesting": b"[" * 100_000 + b"\n",
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_journal_is_refused_with_one_sentence(
    what: str, receiver: JournalReceiver
) -> None:
    with pytest.raises(Refused) as caught:
        receiver.take("job-1", BAD[what])
    assert caught.value.status == 400
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert not list(receiver.folder.iterdir())


@pytest.mark.parametrize("call", ["", "x" * 201, "a\nb", "\0"])
def test_a_call_without_a_usable_name_is_refused(call: str, receiver: JournalReceiver) -> None:
    with pytest.raises(Refused, match="name of the call"):
        receiver.take(call, line(1, call=call))


@pytest.mark.parametrize("call", ["../../etc/passwd", "a/b", ".", "தமிழ்"])
def test_no_name_of_a_call_leads_out_of_the_folder(call: str, receiver: JournalReceiver) -> None:
    assert receiver.take(call, line(1, call=call)) == 1
    assert [path.name for path in receiver.folder.iterdir()] == [journal_name(call)]


def test_a_torn_tail_here_is_mended_by_the_next_lines(receiver: JournalReceiver) -> None:
    """The receiver was killed in the middle of a write."""
    receiver.take("job-1", lines(1, 2))
    with (receiver.folder / "job-1.jsonl").open("ab") as file:
        file.write(line(3)[:30])
    assert receiver.take("job-1", lines(2, 4)) == 4
    assert held(receiver) == lines(1, 4)


def test_a_journal_that_was_damaged_here_is_not_gone_on_with(receiver: JournalReceiver) -> None:
    receiver.take("job-1", lines(1, 3))
    path = receiver.folder / "job-1.jsonl"
    path.write_bytes(path.read_bytes().replace(b"true", b"fals", 1))
    with pytest.raises(Refused, match="damaged") as caught:
        receiver.take("job-1", line(4))
    assert caught.value.status == 409


def test_a_journal_grows_only_so_long(receiver: JournalReceiver) -> None:
    body, seq = b"x" * 900_000, 0
    while seq * 900_000 < MOST_JOURNAL_BYTES - 1_000_000:
        seq += 1
        receiver.take("job-1", line(seq, text=body.decode()))
    with pytest.raises(Refused) as caught:
        receiver.take("job-1", line(seq + 1, text=body.decode() * 2))
    assert caught.value.status == 413


def test_while_a_replay_holds_the_journal_the_writer_is_told_to_come_again(
    receiver: JournalReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.tickets.receiver._LOCK_WAIT_S", 0.05)
    receiver.take("job-1", line(1))
    journal = lock_journal(receiver.folder / "job-1.jsonl")
    assert journal is not None
    with pytest.raises(Refused) as caught:
        receiver.take("job-1", line(2))
    assert caught.value.status == 503
    journal.close()
    assert receiver.take("job-1", line(2)) == 2


def test_late_lines_bring_a_journal_back_that_was_put_away(receiver: JournalReceiver) -> None:
    receiver.take("job-1", lines(1, 2))
    done = receiver.folder / "done"
    done.mkdir()
    (receiver.folder / "job-1.jsonl").rename(done / "job-1.jsonl")
    assert receiver.take("job-1", lines(1, 2)) == 2
    assert (done / "job-1.jsonl").exists()
    assert receiver.take("job-1", line(3)) == 3
    assert held(receiver) == lines(1, 3)
    assert not (done / "job-1.jsonl").exists()


def test_many_writers_of_one_call_leave_one_whole_journal(receiver: JournalReceiver) -> None:
    gate = threading.Barrier(8)

    def send(_: int) -> None:
        gate.wait()
        for last in range(1, 20):
            receiver.take("job-1", lines(1, last))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    assert held(receiver) == lines(1, 19)
    assert not read_journal(receiver.folder / "job-1.jsonl").damaged


@pytest.mark.parametrize(
    ("bind", "host", "port"),
    [("127.0.0.1:8090", "127.0.0.1", 8090), ("[::1]:1", "::1", 1), ("localhost:0", "localhost", 0)],
)
def test_on_this_machine_alone_no_token_is_needed(bind: str, host: str, port: int) -> None:
    found = parse_bind(bind, "")
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize("bind", ["0.0.0.0:8090", "10.0.0.5:1", "[::]:1", "example.org:80"])
def test_where_others_can_reach_it_a_token_is_demanded(bind: str) -> None:
    with pytest.raises(UsageError, match="TICKETS__RECEIVER_TOKEN"):
        parse_bind(bind, "")
    assert parse_bind(bind, "word").port


@pytest.mark.parametrize(
    "bind", ["", "8090", ":8090", "127.0.0.1", "127.0.0.1:x", "h:99999", "h:²"]
)
def test_a_bind_that_is_no_address_is_one_sentence(bind: str) -> None:
    with pytest.raises(UsageError, match="--bind is no address"):
        parse_bind(bind, "word")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be made"):
        JournalReceiver(tmp_path / "file" / "received")


# -- over HTTP, in a process of its own ----------------------------------------------------------


def post(
    machine: ReceivingMachine, body: bytes, call: str = "job-1", token: str = "word-1"
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.post(f"{machine.url}/v1/journals/{call}", content=body, headers=headers)


def test_over_http_lines_are_acknowledged_and_kept(second_machine: ReceivingMachine) -> None:
    answer = post(second_machine, lines(1, 2))
    assert (answer.status_code, answer.json()) == (200, {"seq": 2})
    assert (second_machine.folder / "job-1.jsonl").read_bytes() == lines(1, 2)
    behind = post(second_machine, line(9))
    assert (behind.status_code, behind.json()["seq"]) == (409, 2)


def test_without_the_token_nothing_is_taken_or_told(second_machine: ReceivingMachine) -> None:
    for token in ("", "word", "word-12", "தமிழ்"):
        headers = {b"Authorization": f"Bearer {token}".encode()} if token else {}
        url = f"{second_machine.url}/v1/journals/job-1"
        answer = httpx2.post(url, content=line(1), headers=headers)
        assert answer.status_code == 401
        assert "seq" not in answer.json()
    assert not list(second_machine.folder.iterdir())


def test_wrong_requests_get_one_sentence(second_machine: ReceivingMachine) -> None:
    assert post(second_machine, b"nonsense\n").status_code == 400
    assert post(second_machine, b"x" * (MOST_BYTES + 1)).status_code == 413
    headers = {"Authorization": "Bearer word-1"}
    other = httpx2.get(f"{second_machine.url}/v1/journals/job-1", headers=headers)
    unknown = httpx2.get(f"{second_machine.url}/", headers=headers)
    assert (other.status_code, unknown.status_code) == (405, 404)
    assert httpx2.get(f"{second_machine.url}/v1/journals", headers=headers).status_code == 200
    for answer in (other, unknown):
        assert json.loads(answer.text)["error"].endswith(".")


def test_what_was_acknowledged_survives_the_death_of_the_receiver(
    second_machine: ReceivingMachine,
) -> None:
    seq = post(second_machine, lines(1, 5)).json()["seq"]
    second_machine.stop(signal.SIGKILL)
    kept = read_journal(second_machine.folder / "job-1.jsonl")
    assert [each.seq for each in kept.lines] == list(range(1, seq + 1))
    second_machine.start()
    assert post(second_machine, lines(1, 6)).json() == {"seq": 6}


def test_it_stops_in_order_when_it_is_told_to(second_machine: ReceivingMachine) -> None:
    assert second_machine.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize("arguments", [("--bind", "0.0.0.0:0"), ("--bind", "nonsense")])
def test_a_wrong_start_is_refused(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TICKETS__RECEIVER_TOKEN", raising=False)
    result = CliRunner().invoke(command, ["receive", "--dir", str(tmp_path / "d"), *arguments])
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "d").exists()


def test_an_address_in_use_is_one_sentence(
    second_machine: ReceivingMachine, tmp_path: Path
) -> None:
    bind = f"127.0.0.1:{second_machine.port}"
    done = subprocess.run(
        [sys.executable, "-m", "agent", "tickets", "receive", "--dir", "d", "--bind", bind],
        capture_output=True, text=True, cwd=tmp_path, timeout=30,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("kural: The receiver cannot listen at --bind")
    assert len(done.stderr.splitlines()) == 1


def test_the_doctor_says_whether_the_receiver_is_there_and_knows_us(
    second_machine: ReceivingMachine, tmp_path: Path
) -> None:
    def asked(token: str) -> Check:
        group = TicketSettings(receiver_url=second_machine.url, receiver_token=SecretStr(token))
        return journal_receiver(Settings(data_dir=tmp_path, tickets=group))

    assert asked("word-1").state is State.OK
    with pytest.raises(CopyRefused, match="TICKETS__RECEIVER_TOKEN"):
        asked("wrong")
    second_machine.stop()
    with pytest.raises(ReceiverAway):
        asked("word-1")
    assert journal_receiver(Settings(data_dir=tmp_path)).state is State.OFF
