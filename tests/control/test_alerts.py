"""Somebody on duty is told of an emergency: at once, again until he knows, never two at a time."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from agent.complaint import Call, Category, Complaint, Intent, Place, Priority
from agent.control.alerts import Alerter, AlertSender, Webhook
from agent.settings import AlertSettings
from agent.tickets import outbox
from agent.tickets.ledger import CallLedger
from agent.tickets.models import OUTBOX
from agent.tickets.store import TicketStore

KEY = base64.b64encode(bytes(range(32))).decode()
DANGER = Complaint(
    intent=Intent.EMERGENCY,
    category=Category.POWER,
    priority=Priority.EMERGENCY,
    place=Place("தண்டையார்பேட்டை பக்கம்", "Tondiarpet", "தண்டையார்பேட்டை"),
    name="மீனா",
    phone="9500123456",
    description="கரண்ட் கம்பி அறுந்து விழுந்திருக்கு",
)
Answer = Callable[[BaseHTTPRequestHandler], None]


def say(status: int, body: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


KNOWS = say(200, b'{"acknowledged": true}')
NOT_YET = say(202, b'{"acknowledged": false}')


class Duty:
    """The webhook of whoever is on duty."""

    def __init__(self) -> None:
        self.answer: Answer = KNOWS
        self.heard: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.over = threading.Event()
        duty = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                duty.heard.append(json.loads(self.rfile.read(length)))
                duty.tokens.append(self.headers["Authorization"])
                duty.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/alerts"

    def hang(self, _handler: BaseHTTPRequestHandler) -> None:
        """No answer until the test is over."""
        self.over.wait(30)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """A byte now and then: no single read ever takes long."""
        handler.send_response(200)
        handler.end_headers()
        while not self.over.wait(0.05):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return


@pytest.fixture
def duty() -> Iterator[Duty]:
    duty = Duty()
    thread = threading.Thread(target=duty.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield duty
    duty.over.set()
    duty.server.shutdown()
    duty.server.server_close()
    thread.join()


@pytest.fixture
def settings(duty: Duty) -> AlertSettings:
    return AlertSettings(url=duty.url, timeout_s=0.5)


class Clock:
    """The time of a store, moved by the test."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[TicketStore]:
    url = f"sqlite:///{tmp_path / 'kural.db'}"
    opened = TicketStore.open(url, data_dir=tmp_path, key=KEY, clock=clock, alerts=True)
    yield opened
    opened.close()


def emergency(store: TicketStore, name: str = "job-1", complaint: Complaint = DANGER) -> str:
    call = Call(name, store.clock(), caller="+919500123456")
    ledger = CallLedger.open(store, call)
    (number,) = ledger.file([complaint]).numbers
    ledger.close("filed", Intent.EMERGENCY)
    return number


def waiting(store: TicketStore) -> list[tuple[str, int, bool, bool]]:
    """Key, attempts, whether it is to be tried again, and whether it is done."""
    with store.database.engine.connect() as connection:
        rows = connection.execute(select(OUTBOX).order_by(OUTBOX.c.id)).all()
    return [(r.key, r.attempts, r.next_at is not None, r.done_at is not None) for r in rows]


def next_try(store: TicketStore) -> datetime | None:
    with store.database.engine.connect() as connection:
        found: datetime | None = connection.execute(select(OUTBOX.c.next_at)).scalar_one()
    return found


def test_somebody_knows_while_the_caller_is_on_the_line(
    store: TicketStore, duty: Duty, settings: AlertSettings
) -> None:
    number = emergency(store)
    alerter = Alerter(store, settings)
    assert alerter.alert(number, DANGER)
    assert duty.heard == [
        {"key": f"alert:{number}", "ticket": number, "priority": "emergency", "category": "POWER",
         "constituency": None, "place": "Tondiarpet", "at": duty.heard[0]["at"]}
    ]  # fmt: skip
    assert waiting(store) == [(f"alert:{number}", 1, False, True)]
    assert alerter.alert(number, DANGER)
    assert len(duty.heard) == 1


def test_neither_words_nor_the_caller_are_told(
    store: TicketStore, duty: Duty, settings: AlertSettings
) -> None:
    number = emergency(store)
    Alerter(store, settings).alert(number)
    said = json.dumps(duty.heard, ensure_ascii=False)
    for secret in ("மீனா", "9500123456", "கம்பி", "பக்கம்"):
        assert secret not in said
    assert duty.heard[0]["place"] == "Tondiarpet"


def test_the_token_is_sent(store: TicketStore, duty: Duty, settings: AlertSettings) -> None:
    with_token = settings.model_copy(update={"token": SecretStr("word-1")})
    Alerter(store, with_token).alert(emergency(store))
    assert duty.tokens == ["Bearer word-1"]


@pytest.mark.parametrize(
    "answer",
    [
        NOT_YET,
        say(500, b'{"acknowledged": true}'),
        say(404, b""),
        say(200, b""),
        say(200, b"true"),
        say(200, b"[]"),
        say(200, b'{"acknowledged": "true"}'),
        say(200, b'{"acknowledged": 1}'),
        say(200, b"<html>"),
        say(200, b"\xff\xfe"),
        say(200, b"[" * 20_000),
        say(200, b'{"acknowledged": true, "x": "' + b"x" * 100_000 + b'"}'),
        say(301, b""),
    ],
)
def test_anything_but_a_confirmation_is_none(
    answer: Answer, store: TicketStore, duty: Duty, settings: AlertSettings
) -> None:
    duty.answer = answer
    number = emergency(store)
    alerter = Alerter(store, settings)
    assert not alerter.alert(number, DANGER)
    assert not alerter.alert(number, DANGER)
    assert len(duty.heard) == 1, "from then on the sender is at it"
    assert waiting(store) == [(f"alert:{number}", 1, True, False)]


@pytest.mark.parametrize("how", ["hang", "drip", "nobody"])
def test_a_caller_waits_no_longer_than_the_time_set(
    how: str, store: TicketStore, duty: Duty, settings: AlertSettings
) -> None:
    number = emergency(store)
    if how == "nobody":
        settings = settings.model_copy(update={"url": "http://127.0.0.1:9/"})
    else:
        duty.answer = getattr(duty, how)
    began = time.monotonic()
    assert not Alerter(store, settings).alert(number, DANGER)
    assert time.monotonic() - began < 5.0
    assert waiting(store) == [(f"alert:{number}", 1, True, False)]


def test_it_is_sent_again_for_a_day_and_then_given_up(
    store: TicketStore, duty: Duty, settings: AlertSettings, clock: Clock
) -> None:
    duty.answer = NOT_YET
    number = emergency(store)
    began = clock.now
    assert not Alerter(store, settings).alert(number, DANGER)
    sender = AlertSender(store, settings)
    while waiting(store)[0][2]:
        assert sender.once() == 0  # not before its time
        clock.now = next_try(store) or clock.now
        assert sender.once() == 0
    assert len(duty.heard) == len(outbox.BACK_OFF_S) + 1 >= 10
    assert {each["key"] for each in duty.heard} == {f"alert:{number}"}
    assert timedelta(hours=20) < clock.now - began < timedelta(hours=25)
    assert waiting(store) == [(f"alert:{number}", 13, False, False)]
    clock.sleep(100_000)
    assert sender.once() == 0
    assert len(duty.heard) == 13


def test_once_somebody_knows_it_is_not_sent_again(
    store: TicketStore, duty: Duty, settings: AlertSettings, clock: Clock
) -> None:
    duty.answer = NOT_YET
    number = emergency(store)
    Alerter(store, settings).alert(number, DANGER)
    duty.answer = KNOWS
    sender = AlertSender(store, settings)
    assert sender.once() == 0
    clock.sleep(11)
    assert sender.once() == 1
    clock.sleep(100_000)
    assert sender.once() == 0
    assert len(duty.heard) == 2
    assert waiting(store) == [(f"alert:{number}", 2, False, True)]


def test_a_caller_who_hangs_up_in_danger_is_told_of_by_the_worker(
    store: TicketStore, duty: Duty, settings: AlertSettings, clock: Clock
) -> None:
    ledger = CallLedger.open(store, Call("job-1", clock.now))
    ledger.note([DANGER], Intent.EMERGENCY)
    ledger.close("hung_up", Intent.EMERGENCY)
    sender = AlertSender(store, settings)
    assert sender.once() == 0
    clock.sleep(11)
    assert sender.once() == 1
    assert duty.heard[0]["priority"] == "emergency"


def test_who_sends_it_has_it_alone(
    store: TicketStore, duty: Duty, settings: AlertSettings, clock: Clock
) -> None:
    numbers = [emergency(store, f"job-{n}") for n in range(8)]
    clock.sleep(11)
    senders = [AlertSender(store, settings) for _ in range(4)]
    threads = [threading.Thread(target=sender.once) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each["ticket"] for each in duty.heard) == sorted(numbers)


def test_the_thread_sends_by_itself_and_ends(
    store: TicketStore, duty: Duty, settings: AlertSettings, clock: Clock
) -> None:
    emergency(store)
    clock.sleep(11)
    sender = AlertSender(store, settings, every_s=0.05)
    sender.start()
    deadline = time.monotonic() + 30
    while not duty.heard and time.monotonic() < deadline:
        time.sleep(0.02)
    sender.stop()
    assert len(duty.heard) == 1


def test_without_an_address_nobody_is_told_and_nothing_waits(tmp_path: Path, clock: Clock) -> None:
    nobody = AlertSettings()
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path, clock=clock)
    number = emergency(store)
    assert not Alerter(store, nobody).alert(number, DANGER)
    assert waiting(store) == []
    sender = AlertSender(store, nobody)
    sender.start()
    sender.stop()
    store.close()


@pytest.mark.parametrize(
    "change",
    [{"priority": Priority.HIGH}, {"priority": Priority.NORMAL, "intent": Intent.COMPLAINT}],
)
def test_only_emergencies_are_told(change: dict[str, Any], store: TicketStore) -> None:
    emergency(store, complaint=replace(DANGER, **change))
    assert waiting(store) == []


def test_a_simulated_caller_alarms_nobody(store: TicketStore, clock: Clock) -> None:
    ledger = CallLedger.open(store, Call("job-1", clock.now, channel="simulated"))
    ledger.file([DANGER])
    ledger.close("filed", Intent.EMERGENCY)
    assert waiting(store) == []


def test_with_the_database_away_it_is_told_and_stored_later(
    store: TicketStore, duty: Duty, settings: AlertSettings, tmp_path: Path, clock: Clock
) -> None:
    missing = f"sqlite:///{tmp_path / 'missing' / 'kural.db'}"
    away = TicketStore.open(missing, data_dir=tmp_path, key=KEY, clock=clock, alerts=True)
    number = emergency(away)
    assert Alerter(away, settings).alert(number, DANGER)
    assert duty.heard[0]["category"] == "POWER"
    away.close()


def test_an_old_emergency_from_a_journal_is_no_alert(store: TicketStore, clock: Clock) -> None:
    row = {"priority": "emergency", "channel": "phone", "number": "100000009",
           "created_at": clock.now - timedelta(hours=25)}  # fmt: skip
    assert outbox.alert_row(row, store.cipher, clock.now) is None


def test_a_webhook_that_is_gone_is_no_error() -> None:
    gone = AlertSettings(url="http://127.0.0.1:9/", timeout_s=0.5)
    assert not Webhook(gone).post({"key": "x"}, 0.5)
