"""The client of RunPod against a RunPod on loopback."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from agent.errors import (
    ConfigurationError,
    Conflict,
    KeyRefused,
    NoStock,
    OutcomeUnknown,
    OutOfMoney,
    ProviderAway,
    ProviderError,
    RateLimited,
    RequestRefused,
)
from agent.scaling.pod_plan import PodPlan
from agent.scaling.provider import MachineState, Stock
from agent.scaling.runpod import RunPod
from tests.scaling.fake_runpod import FakePod, FakeRunPod, Fault

ADA4, ADA2, BIG = (
    "NVIDIA RTX 4000 Ada Generation",
    "NVIDIA RTX 2000 Ada Generation",
    "NVIDIA GeForce RTX 4090",
)
GPU = PodPlan(
    env="test",
    image="registry.invalid/kural:1",
    gpu=True,
    types=(ADA4, ADA2, BIG),
    command="python agent.py start",
    environment={"LIVEKIT_API_SECRET": "hunter2-secret"},
)
CPU = replace(GPU, gpu=False, types=("cpu5c", "cpu3c"), command="")
LONG_AGO = datetime.now(UTC) - timedelta(days=2)


@asynccontextmanager
async def runpod(plan=GPU, *, key="key", within_s=5.0, **moods):
    async with FakeRunPod(**moods) as fake:
        client = RunPod(
            SecretStr(key), plan, url=fake.url, proxy=fake.proxy, within_s=within_s, pause_s=0.01
        )
        try:
            yield fake, client
        finally:
            await client.aclose()


async def test_offers_come_in_the_order_of_the_plan_with_price_and_stock():
    async with runpod() as (fake, client):
        fake.gpus[ADA2] = (0.24, "NONE")
        offers = await client.offers()
    assert [(one.type_name, one.usd_per_hour, one.stock) for one in offers] == [
        (ADA4, 0.28, Stock.HIGH),
        (ADA2, 0.24, Stock.NONE),
        (BIG, 0.74, Stock.HIGH),
    ]


async def test_a_type_the_catalogue_does_not_know_is_no_offer():
    async with runpod(replace(GPU, types=("NVIDIA GeForce RTX 4070", BIG))) as (_, client):
        assert [one.type_name for one in await client.offers()] == [BIG]


async def test_stock_counts_only_where_pods_may_be():
    async with runpod(replace(GPU, data_centers=("EU-RO-1",))) as (_, client):
        assert {one.stock for one in await client.offers()} == {Stock.NONE}
    async with runpod(replace(GPU, data_centers=("EU-RO-1", "AP-IN-1"))) as (_, client):
        assert (await client.offers())[0].stock == Stock.HIGH


async def test_a_cpu_machine_is_ordered_in_the_size_that_holds_the_memory():
    async with runpod(replace(CPU, min_vcpus=3, min_memory_gb=12)) as (fake, client):
        offer = (await client.offers())[0]
        assert (offer.vcpus, offer.memory_gb, offer.usd_per_hour) == (8, 16.0, 0.28)
        await client.create("kural-test-1", CPU.types)
        (pod,) = fake.alive()
    assert pod.wish["cpu"] == {"id": "cpu5c", "vcpuCount": 8}
    assert "gpu" not in pod.wish


async def test_a_created_machine_has_the_plans_image_size_and_environment():
    async with runpod() as (fake, client):
        machine = await client.create("kural-test-1", GPU.types)
        (pod,) = fake.alive()
        assert machine.address == f"{fake.url}/proxy/{pod.id}-8080"
    assert (machine.id, machine.name, machine.type_name) == (pod.id, "kural-test-1", ADA4)
    assert machine.usd_per_hour == 0.28
    assert machine.created_at is not None
    assert machine.created_at.tzinfo == UTC
    assert pod.wish["gpu"]["minVcpuCountPerGpu"] == 4
    assert pod.wish["gpu"]["minRamPerGpu"] == 8
    assert pod.wish["env"] == {"LIVEKIT_API_SECRET": "hunter2-secret"}
    assert pod.wish["ports"] == ["8080/http"]
    assert pod.wish["args"] == "python agent.py start"
    assert "registry" not in pod.wish


async def test_types_without_stock_are_passed_over():
    async with runpod() as (fake, client):
        fake.gpus[ADA4] = (0.28, "NONE")
        machine = await client.create("kural-test-1", GPU.types)
    assert machine.type_name == ADA2


async def test_no_type_in_stock_is_no_stock_even_if_one_is_misspelt():
    async with runpod() as (fake, client):
        fake.gpus = dict.fromkeys(fake.gpus, (0.3, "NONE"))
        with pytest.raises(NoStock):
            await client.create("kural-test-1", ("NVIDIA RTX 4070", *GPU.types))
        assert fake.alive() == []


async def test_a_machine_of_that_name_is_given_back_and_none_is_bought():
    async with runpod() as (fake, client):
        first = await client.create("kural-test-1", GPU.types)
        again = await client.create("kural-test-1", GPU.types)
        assert len(fake.pods) == 1
    assert first.id == again.id


async def test_a_machine_of_that_name_that_stopped_is_a_conflict():
    async with runpod() as (fake, client):
        fake.add("kural-test-1", broken="EXITED")
        with pytest.raises(Conflict, match="kural-test-1"):
            await client.create("kural-test-1", GPU.types)
        assert len(fake.pods) == 1


async def test_only_machines_of_the_environment_are_listed():
    async with runpod() as (fake, client):
        fake.add("kural-test-1")
        fake.add("kural-testing-1")
        fake.add("kural-prod-1")
        fake.add("jupyter")
        assert [one.name for one in await client.machines()] == ["kural-test-1"]


async def test_states_follow_the_pod():
    now = 1000.0
    async with runpod(clock=lambda: now, provisioning_s=10, starting_s=20) as (fake, client):
        await client.create("kural-test-1", GPU.types)
        seen = []
        for moment in (1000.0, 1015.0, 1031.0):
            now = moment
            seen.append((await client.machines())[0].state)
        fake.alive()[0].broken = "ERROR"
        seen.append((await client.machines())[0].state)
    assert seen == [
        MachineState.STARTING,
        MachineState.STARTING,
        MachineState.RUNNING,
        MachineState.FAILED,
    ]


async def test_a_pod_that_vanishes_is_not_listed_any_more():
    async with runpod() as (fake, client):
        machine = await client.create("kural-test-1", GPU.types)
        fake.vanish(machine.id)
        assert await client.machines() == []
        await client.terminate(machine.id)


async def test_ending_twice_is_no_error():
    async with runpod() as (fake, client):
        machine = await client.create("kural-test-1", GPU.types)
        await client.terminate(machine.id)
        await client.terminate(machine.id)
        assert fake.alive() == []


async def test_ending_goes_on_after_an_answer_was_lost():
    async with runpod() as (fake, client):
        machine = await client.create("kural-test-1", GPU.types)
        fake.faults += [Fault("lost", "DELETE"), Fault("500", "DELETE")]
        await client.terminate(machine.id)
        assert fake.alive() == []


@pytest.mark.parametrize("kind", ["lost", "lost_500", "garbage"])
async def test_a_machine_whose_answer_was_lost_is_found_by_its_name(kind):
    async with runpod() as (fake, client):
        fake.faults.append(Fault(kind, "POST"))
        machine = await client.create("kural-test-1", GPU.types)
        assert [pod.id for pod in fake.alive()] == [machine.id]


async def test_a_hanging_create_is_looked_up_and_not_repeated():
    async with runpod(within_s=0.2) as (fake, client):
        fake.faults.append(Fault("hang", "POST"))
        with pytest.raises(OutcomeUnknown, match="kural-test-1"):
            await client.create("kural-test-1", GPU.types)
        assert fake.requests.count(("POST", "/v2/pods")) == 1
        assert fake.requests[-1] == ("GET", "/v2/pods")


async def test_a_create_that_arrives_late_is_found_by_the_next_one():
    async with runpod(within_s=0.2) as (fake, client):
        fake.faults.append(Fault("hang", "POST"))
        with pytest.raises(OutcomeUnknown):
            await client.create("kural-test-1", GPU.types)
        late = fake.add("kural-test-1")
        assert (await client.create("kural-test-1", GPU.types)).id == late.id


async def test_two_machines_of_one_name_are_both_listed():
    async with runpod() as (fake, client):
        ids = {fake.add("kural-test-1").id, fake.add("kural-test-1").id}
        assert {one.id for one in await client.machines()} == ids


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("401", KeyRefused, "RUNPOD_API_KEY"),
        ("403", KeyRefused, "may not do this"),
        ("402", OutOfMoney, "add credit"),
        ("409", Conflict, "state"),
        ("no_stock", NoStock, "no machine"),
        ("422", RequestRefused, "Request validation failed"),
        ("400", RequestRefused, "could not be processed"),
    ],
)
async def test_each_refusal_is_one_sentence(kind, error, says):
    async with runpod(replace(GPU, types=(ADA4,))) as (fake, client):
        fake.faults.append(Fault(kind, "POST"))
        with pytest.raises(ProviderError) as caught:
            await client.create("kural-test-1", (ADA4,))
    assert type(caught.value) is error
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_wrong_key_is_said_and_never_shown():
    async with runpod(key="hunter2") as (_, client):
        with pytest.raises(KeyRefused) as caught:
            await client.machines()
    assert "hunter2" not in str(caught.value) + repr(client) + repr(caught.value.__cause__)


async def test_no_refusal_repeats_a_secret_of_the_pods_environment():
    plan = replace(GPU, environment={"A": "hunter2-secret"}, image="x:1 hunter2-secret")
    async with runpod(plan) as (fake, client):
        fake._wrong = lambda wish: (f"$.image: bad value {wish['image']}",)
        with pytest.raises(RequestRefused) as caught:
            await client.create("kural-test-1", GPU.types)
    assert "bad value" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(GPU)


async def test_an_empty_account_buys_nothing():
    async with runpod(balance_usd=0.1) as (fake, client):
        with pytest.raises(OutOfMoney):
            await client.create("kural-test-1", GPU.types)
        assert fake.alive() == []


async def test_reading_is_tried_three_times():
    async with runpod() as (fake, client):
        fake.add("kural-test-1")
        fake.faults += [Fault("500", "GET"), Fault("garbage", "GET")]
        fake.faults += [Fault("503", "GET")]
        with pytest.raises(ProviderAway):  # an answer nobody can read is not asked for again
            await client.machines()
        assert len(await client.machines()) == 1


async def test_a_list_that_cannot_be_read_whole_is_no_list():
    async with runpod() as (fake, client):
        fake.add("kural-test-1")
        fake.faults.append(Fault("wrong_form", "GET"))
        with pytest.raises(ProviderAway, match="description"):
            await client.machines()


async def test_a_short_rate_limit_is_waited_out_and_a_long_one_is_told():
    async with runpod() as (fake, client):
        fake.faults.append(Fault("429", "GET"))
        assert await client.machines() == []
        fake.faults.append(Fault("429", "GET", retry_after="300"))
        with pytest.raises(RateLimited) as caught:
            await client.machines()
    assert caught.value.retry_after_s == 300


async def test_the_wait_of_a_rate_limit_may_be_in_its_other_header():
    async with runpod(quota=1) as (fake, client):
        await client.machines()
        original = fake._problem
        fake._problem = lambda status, *rest, retry_after="", **more: original(status, *rest)
        with pytest.raises(RateLimited) as caught:
            await client.machines()
    assert caught.value.retry_after_s == 60


async def test_a_buying_request_that_meets_a_rate_limit_is_not_repeated():
    async with runpod() as (fake, client):
        fake.faults.append(Fault("429", "POST"))
        with pytest.raises(RateLimited):
            await client.create("kural-test-1", GPU.types)
        assert fake.requests.count(("POST", "/v2/pods")) == 1


async def test_a_server_that_is_not_there_is_one_sentence():
    async with runpod() as (fake, client):
        await fake.stop()
        with pytest.raises(ProviderAway, match="cannot be reached") as caught:
            await client.machines()
    assert caught.value.retryable
    assert not caught.value.sent


async def test_an_address_that_is_none_is_a_wrong_setting():
    client = RunPod(SecretStr("key"), GPU, url="runpod", proxy="", pause_s=0.01)
    with pytest.raises(ConfigurationError, match="runpod"):
        await client.machines()
    await client.aclose()


async def test_a_request_that_is_cancelled_leaves_no_task_behind():
    async with runpod() as (fake, client):
        fake.faults.append(Fault("hang", "GET"))
        task = asyncio.create_task(client.machines())
        async with asyncio.timeout(20):
            await fake.hanging.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_bill_is_that_of_the_provider():
    now = datetime.now(UTC).timestamp()
    async with runpod(clock=lambda: now) as (fake, client):
        await client.create("kural-test-1", GPU.types)
        now += 7200
        assert await client.billed_usd(LONG_AGO) == pytest.approx(0.56)
        assert fake.billed_usd() == pytest.approx(0.56)


async def test_the_log_hint_names_the_pod():
    async with runpod() as (_, client):
        machine = await client.create("kural-test-1", GPU.types)
        assert machine.id in client.log_hint(machine)


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_goes_wrong_no_name_is_ever_bought_twice(seed):
    """Asked again after every refusal, as an autoscaler does, with faults drawn by chance."""
    chance = random.Random(seed)
    kinds = ("500", "503", "429", "lost", "lost_500", "garbage", "no_stock", "409", "402", "422")
    async with runpod() as (fake, client):
        for step in range(30):
            name = f"kural-test-{chance.randint(1, 3)}"
            drawn = chance.choices(kinds, k=chance.randint(0, 4))
            fake.faults = [Fault(kind, chance.choice(("POST", "GET", ""))) for kind in drawn]
            for fault in fake.faults:
                fault.retry_after = "100"
            for _ in range(20):
                try:
                    machine = await client.create(name, GPU.types)
                    break
                except ProviderError:
                    continue
            assert machine.name == name
            assert len(fake.alive()) == len({pod.name for pod in fake.alive()})
            if step % 3 == 2:
                fake.faults = [Fault(chance.choice(("500", "lost")), "DELETE")]
                await client.terminate(machine.id)
                assert name not in {pod.name for pod in fake.alive()}


def test_the_fake_refuses_what_the_real_one_refuses():
    """A fake that takes everything proves nothing."""
    fake = FakeRunPod()
    assert fake._wrong({"name": "a", "image": "b", "gpu": {"id": "c"}}) == ()
    assert "'bogus'" in fake._wrong({"name": "a", "image": "b", "gpu": {}, "bogus": 1})[0]
    assert fake._wrong({"name": "a", "image": "b"}) == (
        "$: exactly one of gpu and cpu is required",
    )
    assert fake._wrong({"name": "a", "image": "b", "cpu": {"id": "c", "vcpuCount": 6}})
    assert isinstance(fake.add("x"), FakePod)
