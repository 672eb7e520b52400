"""The loop against a world where anything may go wrong, in virtual time."""

import asyncio
import json
import multiprocessing
from collections import Counter
from datetime import datetime, timedelta

import pytest

from agent.errors import UsageError
from agent.scaling.autoscaler import Autoscaler, Site
from agent.scaling.fleet import Terminate
from agent.scaling.policy_config import Config
from agent.scaling.provider import MachineState
from agent.scaling.scaler_book import Book, load_book, only_one, save_book
from agent.scaling.schedule import Schedule
from agent.scaling.tiers import load_tiers
from agent.tickets.calendar import IST
from tests.scaling.fake_fleet import Crash, FakeFleet

MORNING = datetime(2026, 11, 4, 9, 0, tzinfo=IST)
CONFIG = Config(
    Schedule.parse("daily", "x"),
    load_tiers(),
    max_machines=8,
    usd_per_hour=3.0,
    usd_per_day=14.0,
    actions_per_hour=30,
)
STEP_S = 15.0


class Driver:
    """An autoscaler that is started again whenever it dies."""

    def __init__(self, folder, fleet, config=CONFIG):
        self.folder, self.fleet, self.config = folder, fleet, config
        self.scaler = None

    async def step(self):
        if self.scaler is None:
            site = Site("t", self.folder, {"small": 39, "large": 60})
            book, _ = load_book(self.folder)
            self.scaler = Autoscaler(
                self.fleet, self.fleet, self.config, site, book, self.fleet.clock
            )
        try:
            return await self.scaler.step()
        except (Crash, ExceptionGroup):
            self.scaler = None
            return None

    async def go(self, seconds, arrivals_per_s=0.1):
        for _ in range(int(seconds / STEP_S)):
            self.fleet.advance(STEP_S, arrivals_per_s)
            await self.step()


async def test_a_day_without_faults_serves_everybody_and_ends_with_nothing(tmp_path):
    fleet = FakeFleet(MORNING, 1)
    driver = Driver(tmp_path, fleet)
    await driver.go(1800, 0.0)
    await driver.go(4 * 3600, 0.2)
    assert fleet.account.missed < 60  # forty-eight calls at once out of nothing
    assert fleet.account.served > 2000
    await driver.go(12 * 3600, 0.0)
    assert not fleet.boxes
    assert (fleet.account.cut, fleet.account.lost) == (0, 0)


@pytest.mark.parametrize("seed", range(2))
async def test_faults_neither_cut_calls_nor_lose_lines_nor_break_a_cap(tmp_path, seed):
    await storm(tmp_path, seed, faults=150)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11])
async def test_ten_thousand_faults(tmp_path, seed):
    account = await storm(tmp_path, seed, faults=10_000)
    print(
        f"\n{account.faults:,} faults, {account.served:,} calls served, {account.cut} cut,"
        f" {account.lost} lines lost, dearest hour {account.most_usd_per_hour:.2f} USD, dearest day"
        f" {max(account.usd.values()):.2f} USD, {len(account.changes):,} changes"
    )


async def storm(folder, seed, faults):
    fleet = FakeFleet(MORNING, seed, fault=0.1)
    driver = Driver(folder, fleet)
    while fleet.account.faults < faults:
        busy = fleet.random.choice([0.02, 0.2, 0.4])
        for _ in range(fleet.random.randint(20, 200)):
            fleet.advance(STEP_S, busy)
            fleet.mischief()
            await driver.step()
            if fleet.random.random() < 0.0005:  # killed for an hour
                for _ in range(240):
                    fleet.advance(STEP_S, busy)
                driver.scaler = None
    account = fleet.account
    assert account.cut == 0
    assert account.lost == 0
    assert account.most_usd_per_hour <= CONFIG.usd_per_hour + 1e-9
    assert max(account.usd.values()) <= CONFIG.usd_per_day
    assert most_within_an_hour(account.changes) <= CONFIG.actions_per_hour + CONFIG.max_machines
    fleet.fault = 0.0
    for _ in range(3 * 24):
        await driver.go(3600, 0.0)
        fleet.rescue()
        if not any(alive(fleet)) and fleet.now.astimezone(IST).hour == 3:
            break
    assert not fleet.boxes, [(b.name, b.state, b.unsent) for b in fleet.boxes.values()]
    return account


def alive(fleet):
    return (box.state is not MachineState.FAILED for box in fleet.boxes.values())


def most_within_an_hour(moments):
    hour = timedelta(hours=1)
    return max(
        (sum(1 for other in moments if at <= other < at + hour) for at in moments), default=0
    )


@pytest.mark.parametrize("seed", range(3))
async def test_killed_for_an_hour_it_changes_nothing_for_live_calls_and_recovers(tmp_path, seed):
    fleet = FakeFleet(MORNING, seed)
    driver = Driver(tmp_path, fleet)
    await driver.go(1800 + 300 * seed, 0.3)
    before = {name: box.draining for name, box in fleet.boxes.items()}
    driver.scaler = None
    for _ in range(240):
        fleet.advance(STEP_S, 0.3)
    assert {name: box.draining for name, box in fleet.boxes.items()} == before
    missed = fleet.account.missed
    await driver.go(3600, 0.3)
    assert fleet.account.missed - missed < 20
    assert (fleet.account.cut, fleet.account.lost) == (0, 0)
    await driver.go(14 * 3600, 0.0)
    assert not fleet.boxes


async def test_an_order_without_an_answer_is_not_made_twice(tmp_path):
    fleet = FakeFleet(MORNING, 1)
    driver = Driver(tmp_path, fleet)

    async def lost(name, types):
        fleet._make(name, types)
        raise Crash

    fleet.create = lost  # type: ignore[method-assign]
    await driver.step()
    assert len(fleet.boxes) == 1
    for box in fleet.boxes.values():
        box.listed_at = fleet.now + timedelta(seconds=60)
    await driver.go(90, 0.0)
    assert len(fleet.boxes) == 1


async def test_without_its_file_it_gives_back_nothing_it_did_not_see_begin(tmp_path):
    fleet = FakeFleet(MORNING, 3)
    driver = Driver(tmp_path, fleet)
    await driver.go(1800, 0.2)
    box = next(iter(fleet.boxes.values()))
    box.mute_until = fleet.now + timedelta(hours=50)
    driver.scaler = None
    (tmp_path / "state.json").unlink()
    await driver.go(5 * 3600, 0.0)
    assert box.id in fleet.boxes


async def test_a_damaged_file_is_kept_and_a_new_one_begun(tmp_path):
    save_book(Book(spent_usd=3.0), tmp_path)
    (tmp_path / "state.json").write_text("{half")
    book, why = load_book(tmp_path)
    assert book.spent_usd == 0.0
    assert "damaged" in why
    assert (tmp_path / "state.damaged").read_text() == "{half"


async def test_a_machine_that_has_a_call_again_is_not_given_back(tmp_path):
    """Between the look and the act a call may come; it is asked once more."""
    fleet = FakeFleet(MORNING, 1)
    driver = Driver(tmp_path, fleet)
    await driver.go(1800, 0.0)
    box = next(iter(fleet.boxes.values()))
    box.draining = True
    seen, heard = fleet.word, []

    async def word(machine):
        heard.append(machine.id)
        if len(heard) > 1:
            box.calls = [fleet.now + timedelta(minutes=5)]
        return await seen(machine)

    fleet.word = word  # type: ignore[method-assign]
    decision = await driver.step()
    assert Terminate(box.id) in decision.actions
    assert box.id in fleet.boxes


async def test_every_decision_that_does_something_is_written_with_what_it_rests_on(tmp_path):
    fleet = FakeFleet(MORNING, 1)
    driver = Driver(tmp_path, fleet)
    await driver.go(3600, 0.3)
    lines = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    done = Counter(act["do"] for line in lines for act in line["actions"])
    assert done["order"] >= 2
    first = lines[0]
    assert first["figures"]["want"] >= 1
    assert first["actions"][0]["do"] == "order"
    assert all(line["why"] for line in lines)
    assert len(lines) < 60


async def test_money_of_the_time_it_was_away_is_counted(tmp_path):
    fleet = FakeFleet(MORNING, 1)
    driver = Driver(tmp_path, fleet)
    await driver.go(3600, 0.1)
    driver.scaler = None
    for _ in range(240):
        fleet.advance(STEP_S, 0.1)
    await driver.go(60, 0.1)
    book, _ = load_book(tmp_path)
    billed = sum(fleet.account.usd.values())
    assert billed <= book.spent_usd + 0.01 <= billed + 0.05


async def test_it_stops_between_two_steps(tmp_path):
    fleet = FakeFleet(MORNING, 1)
    site = Site("t", tmp_path, {"small": 39})
    scaler = Autoscaler(fleet, fleet, CONFIG, site, Book(), fleet.clock)
    stop, made = asyncio.Event(), fleet.create

    async def create(name, types):
        stop.set()
        return await made(name, types)

    fleet.create = create  # type: ignore[method-assign]
    running = asyncio.create_task(scaler.run(stop))
    async with asyncio.timeout(30):
        await running


def _try(folder, answers):
    try:
        with only_one(folder):
            answers.put("leads")
    except UsageError as exc:
        answers.put(str(exc))


def test_there_is_one_autoscaler_of_a_folder(tmp_path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with only_one(tmp_path):
        child = context.Process(target=_try, args=(tmp_path, answers))
        child.start()
        assert "Another autoscaler" in answers.get(timeout=60)
        child.join()
    child = context.Process(target=_try, args=(tmp_path, answers))
    child.start()
    assert answers.get(timeout=60) == "leads"
    child.join()


def test_the_book_keeps_what_it_is_given(tmp_path):
    book = Book(spent_usd=1.5, failures=2)
    book.readings = {}
    save_book(book, tmp_path)
    assert load_book(tmp_path)[0] == book
