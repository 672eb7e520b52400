"""Replicas of a Deployment against a cluster on loopback."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from agent.errors import (
    ConfigurationError,
    Conflict,
    KeyRefused,
    OutcomeUnknown,
    ProviderAway,
    ProviderError,
    RateLimited,
    RequestRefused,
)
from agent.scaling.kubernetes import NAME, Kubernetes
from agent.scaling.provider import MachineState
from agent.settings import ScaleSettings
from tests.scaling.fake_cluster import DELETION_COST, FakeCluster


def settings(cluster, token_file, **more):
    given = {
        "env": "test",
        "usd_per_hour": 0.2,
        "kubernetes_url": cluster.url,
        "kubernetes_namespace": "line",
        "kubernetes_token_file": str(token_file),
        "kubernetes_ca_file": "",
    }
    return ScaleSettings(**(given | more))


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("token\n")
    return file


@asynccontextmanager
async def kubernetes(token_file, replicas=0, **more):
    async with FakeCluster(replicas) as cluster:
        client = Kubernetes(settings(cluster, token_file, **more), look_every_s=0.01)
        try:
            yield cluster, client
        finally:
            await client.aclose()


async def test_a_created_machine_is_one_replica_more_and_bears_our_name(token_file):
    async with kubernetes(token_file, 1) as (cluster, client):
        cluster.replicas[0].annotations[NAME] = "kural-test-1"
        machine = await client.create("kural-test-2", ("replica",))
        assert cluster.wanted == 2
        assert cluster.named(machine.id).annotations[NAME] == "kural-test-2"
        listed = await client.machines()
    assert [one.name for one in listed] == ["kural-test-1", "kural-test-2"]
    assert machine.address == "http://10.1.2.3:8080"
    assert (machine.usd_per_hour, machine.state) == (0.2, MachineState.RUNNING)


async def test_a_name_that_is_there_is_not_made_again(token_file):
    async with kubernetes(token_file) as (cluster, client):
        first = await client.create("kural-test-1", ("replica",))
        assert (await client.create("kural-test-1", ("replica",))).id == first.id
        assert cluster.wanted == 1


async def test_a_pod_that_somebody_else_asked_for_gets_the_lowest_free_name(token_file):
    async with kubernetes(token_file, 2) as (cluster, client):
        cluster.replicas[1].annotations[NAME] = "kural-test-1"
        names = {one.id: one.name for one in await client.machines()}
    assert names == {"kural-worker-1": "kural-test-2", "kural-worker-2": "kural-test-1"}


async def test_a_quota_that_is_used_up_is_told_and_asked_for_only_once(token_file):
    async with kubernetes(token_file) as (cluster, client):
        cluster.quota = 0
        for _ in range(2):
            with pytest.raises(OutcomeUnknown, match="quota"):
                await client.create("kural-test-1", ("replica",))
        assert cluster.wanted == 1
        cluster.quota = 1
        cluster.settle()
        assert (await client.create("kural-test-1", ("replica",))).name == "kural-test-1"
        assert cluster.wanted == 1


async def test_the_machine_that_is_meant_is_the_one_that_goes(token_file):
    async with kubernetes(token_file, 3) as (cluster, client):
        await client.terminate("kural-worker-2")
        assert [one.name for one in cluster.replicas if one.deleted] == ["kural-worker-2"]
        assert (cluster.wanted, cluster.named("kural-worker-2").annotations[DELETION_COST]) == (
            2,
            "-2147483647",
        )
        states = {one.id: one.state for one in await client.machines()}
    assert states["kural-worker-2"] == MachineState.ENDING


async def test_nothing_is_ended_while_another_pod_would_go_in_its_place(token_file):
    async with kubernetes(token_file, 3) as (cluster, client):
        cluster.replicas[0].ready = False
        with pytest.raises(Conflict, match="not ready"):
            await client.terminate("kural-worker-2")
        assert cluster.wanted == 3
        cluster.replicas[1].ready = False  # it drains, and is not ready for that
        await client.terminate("kural-worker-2")
        assert [one.name for one in cluster.replicas if one.deleted] == ["kural-worker-2"]


async def test_ending_twice_takes_one_replica_only(token_file):
    async with kubernetes(token_file, 3) as (cluster, client):
        cluster.acts_at_once = False
        await client.terminate("kural-worker-2")
        await client.terminate("kural-worker-2")
        with pytest.raises(Conflict, match="still carrying out"):
            await client.terminate("kural-worker-3")
        cluster.settle()
        await client.terminate("kural-worker-2")
        assert cluster.wanted == 2
        assert [one.name for one in cluster.replicas if one.deleted] == ["kural-worker-2"]


async def test_ending_goes_on_after_an_answer_was_lost(token_file):
    async with kubernetes(token_file, 2) as (cluster, client):
        cluster.faults = [0, "lost"]
        cluster.faults[0] = "none"
        with pytest.raises(OutcomeUnknown):
            await client.terminate("kural-worker-2")
        await client.terminate("kural-worker-2")
        assert cluster.wanted == 1


async def test_who_counts_at_the_same_time_as_somebody_else_does_not_win(token_file):
    async with kubernetes(token_file, 1) as (cluster, client):
        cluster.faults = [409]
        with pytest.raises(Conflict, match="Somebody else"):
            await client.create("kural-test-2", ("replica",))
        assert cluster.wanted == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, KeyRefused),
        (403, KeyRefused),
        (404, RequestRefused),
        (409, Conflict),
        (422, RequestRefused),
        (429, RateLimited),
    ],
)
async def test_each_refusal_is_one_sentence(token_file, status, error):
    async with kubernetes(token_file) as (cluster, client):
        cluster.faults = [status]
        with pytest.raises(ProviderError) as caught:
            await client.create("kural-test-1", ("replica",))
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


async def test_a_cluster_in_trouble_leaves_the_outcome_open(token_file):
    async with kubernetes(token_file) as (cluster, client):
        cluster.faults = [503]
        with pytest.raises(OutcomeUnknown):
            await client.create("kural-test-1", ("replica",))


async def test_the_token_is_read_anew_for_every_request(token_file):
    async with kubernetes(token_file, 1) as (cluster, client):
        await client.machines()
        cluster.token = "rotated"
        with pytest.raises(KeyRefused, match="TOKEN_FILE"):
            await client.machines()
        token_file.write_text("rotated")
        assert len(await client.machines()) == 1


async def test_files_that_cannot_be_read_are_named_by_their_setting(tmp_path, token_file):
    async with kubernetes(tmp_path / "none") as (_, client):
        with pytest.raises(ConfigurationError, match="TOKEN_FILE"):
            await client.machines()
        cluster = FakeCluster()
        cluster.url = "https://127.0.0.1:1"
        with pytest.raises(ConfigurationError, match="CA_FILE"):
            Kubernetes(settings(cluster, token_file, kubernetes_ca_file=str(token_file)))


async def test_a_cluster_that_is_away_is_one_sentence(token_file):
    async with FakeCluster() as cluster:
        client = Kubernetes(settings(cluster, token_file))
    with pytest.raises(ProviderAway, match="cannot be reached"):
        await client.machines()
    await client.aclose()
