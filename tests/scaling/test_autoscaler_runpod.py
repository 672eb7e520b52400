"""The autoscaler with its real clients: RunPod's API, control ports and LiveKit's, on loopback."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from agent.scaling.autoscaler import Autoscaler, Site
from agent.scaling.line_signals import LineSignals
from agent.scaling.policy_config import Config
from agent.scaling.runpod import RunPod
from agent.scaling.scaler_book import load_book
from agent.scaling.schedule import Schedule
from agent.scaling.tiers import load_tiers
from tests.scaling.fake_runpod import FakeRunPod, Fault
from tests.scaling.test_line_signals import AGENT, PHONE, FakeServers, settings_for
from tests.scaling.test_runpod import ADA4, BIG, GPU

CONFIG = replace(Config(Schedule.parse("daily", "x"), load_tiers()), max_machines=4)


class Stage:
    """RunPod, LiveKit and an autoscaler at one movable time."""

    def __init__(self, folder, fake, servers, client, signals):
        self.folder, self.fake, self.servers = folder, fake, servers
        self.client, self.signals = client, signals
        self.at = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)  # half past eleven in India
        fake.clock = lambda: self.at.timestamp()
        self.scaler = self.restarted()

    def restarted(self):
        site = Site("test", self.folder, {ADA4: 39, BIG: 26})
        return Autoscaler(
            self.client, self.signals, CONFIG, site, load_book(self.folder)[0], lambda: self.at
        )

    async def go(self, seconds):
        for _ in range(int(seconds / 15)):
            self.at += timedelta(seconds=15)
            decision = await self.scaler.step()
        return decision

    def talk(self, calls):
        """So many callers, all on the first pod that takes calls."""
        self.servers.rooms = {f"call {n}": [PHONE, AGENT] for n in range(calls)}
        for pod in self.fake.alive()[:1]:
            pod.active_calls = calls


@pytest.fixture
async def stage(tmp_path):
    plan = replace(GPU, types=(ADA4, BIG))
    async with FakeRunPod(starting_s=60.0) as fake, FakeServers() as servers:
        servers.rooms = {}
        fake.token = "secret"
        client = RunPod(SecretStr("key"), plan, url=fake.url, proxy=fake.proxy, pause_s=0.01)
        async with LineSignals(settings_for(servers, tmp_path)) as signals:
            yield Stage(tmp_path, fake, servers, client, signals)
        await client.aclose()


async def test_machines_come_with_the_calls_and_go_after_them(stage):
    await stage.go(300)
    assert [pod.name for pod in stage.fake.alive()] == ["kural-test-1"]
    stage.talk(39)
    stage.servers.rooms["waits"] = [PHONE]
    await stage.go(60)
    assert len(stage.fake.alive()) == 2
    first, second = stage.fake.alive()
    second.active_calls = 3
    stage.talk(5)
    stage.servers.rooms |= {f"other {n}": [PHONE, AGENT] for n in range(3)}
    await stage.go(1200)
    assert second.draining, "the one with fewer calls"
    assert not first.draining
    assert len(stage.fake.alive()) == 2
    second.active_calls, second.unsent = 0, 4
    await stage.go(120)
    assert len(stage.fake.alive()) == 2
    second.unsent = 0
    await stage.go(30)
    assert stage.fake.alive() == [first]


@pytest.mark.parametrize("kind", ["lost", "500", "429"])
async def test_an_order_that_goes_wrong_ends_with_one_machine(stage, kind):
    stage.fake.faults.append(Fault(kind, "POST"))
    await stage.go(30)
    stage.scaler = stage.restarted()
    await stage.go(300)
    assert len(stage.fake.alive()) == 1


async def test_a_pod_that_vanishes_is_replaced(stage):
    await stage.go(300)
    stage.fake.vanish(stage.fake.alive()[0].id)
    await stage.go(300)
    assert len(stage.fake.alive()) == 1
    assert len(stage.fake.pods) == 2


async def test_where_livekit_cannot_be_read_nothing_is_done(stage):
    stage.servers.broken["ListRooms"] = 500
    decision = await stage.go(300)
    assert not stage.fake.pods
    assert decision.why[0].startswith("Hold: something cannot be read")
