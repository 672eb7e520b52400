"""Workers on this machine: started, found again by another autoscaler, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import psutil
import pytest

from agent.errors import ConfigurationError, ProviderAway
from agent.scaling.local_processes import LocalProcesses
from agent.scaling.provider import MachineState
from agent.settings import ScaleSettings, Settings

PATIENT = (sys.executable, "-c", "import signal; signal.pause()")
STUBBORN = (sys.executable, "-c", "import os; os._exit(3)")
SAYS = (
    sys.executable,
    "-c",
    "import os, signal; print(os.environ['DATA_DIR'], os.environ['CONTROL__PORT'], flush=True);"
    "signal.pause()",
)


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path, scale=ScaleSettings(env="test", usd_per_hour=0.1))


@pytest.fixture
async def local(settings):
    provider = LocalProcesses(settings, command=PATIENT, tied=True)
    yield provider
    await provider.aclose()


async def until(true):
    """Wait until an awaited question is answered with yes."""
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110 - the world outside has no event
            await asyncio.sleep(0.02)


async def test_a_machine_is_a_process_with_a_port_and_a_folder_of_its_own(settings, tmp_path):
    provider = LocalProcesses(settings, command=SAYS, tied=True)
    first = await provider.create("kural-test-1", ("process",))
    second = await provider.create("kural-test-2", ("process",))
    log = tmp_path / "machines" / "kural-test-1" / "worker.log"

    async def said():
        return log.read_text().strip()

    await until(said)
    assert log.read_text().split() == [str(log.parent), first.address.rpartition(":")[2]]
    assert first.address != second.address
    assert {one.state for one in await provider.machines()} == {MachineState.RUNNING}
    assert str(log) in provider.log_hint(first)
    await provider.aclose()
    assert await provider.machines() == []


async def test_a_name_that_is_there_is_not_started_again(local):
    first = await local.create("kural-test-1", ("process",))
    again = await local.create("kural-test-1", ("process",))
    assert (first.address, len(await local.machines())) == (again.address, 1)


async def test_a_process_that_ended_by_itself_is_a_failed_machine(settings):
    provider = LocalProcesses(settings, command=STUBBORN, tied=True)
    await provider.create("kural-test-1", ("process",))

    async def failed():
        (machine,) = await provider.machines()
        return machine.state == MachineState.FAILED and machine.usd_per_hour == 0.0

    await until(failed)
    await provider.terminate("kural-test-1")
    await provider.terminate("kural-test-1")
    assert await provider.machines() == []


async def test_another_autoscaler_finds_and_ends_what_the_first_one_started(settings, tmp_path):
    first = LocalProcesses(settings, command=PATIENT)
    machine = await first.create("kural-test-1", ("process",))
    await first.aclose()
    second = LocalProcesses(settings, command=PATIENT)
    (found,) = await second.machines()
    assert found == machine
    await second.terminate(found.id)
    assert await second.machines() == []
    assert list((tmp_path / "machines").glob("*.json")) == []


async def test_a_number_the_kernel_gave_to_somebody_else_is_not_our_process(settings, tmp_path):
    (tmp_path / "machines").mkdir()
    file = tmp_path / "machines" / "kural-test-1.json"
    file.write_text(f'{{"name":"kural-test-1","pid":{os.getpid()},"started":1000.0,"port":1}}')
    provider = LocalProcesses(settings, command=PATIENT)
    (machine,) = await provider.machines()
    assert machine.state == MachineState.FAILED
    await provider.terminate(machine.id)
    assert psutil.pid_exists(os.getpid())


async def test_a_damaged_record_is_not_passed_over(settings, tmp_path):
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / "kural-test-1.json").write_text("{")
    with pytest.raises(ProviderAway, match=r"kural-test-1\.json"):
        await LocalProcesses(settings).machines()


async def test_only_names_of_the_environment_are_started_or_ended(local, tmp_path):
    with pytest.raises(ConfigurationError):
        await local.create("../elsewhere", ("process",))
    await local.terminate("../elsewhere")
    assert list(tmp_path.iterdir()) == []


async def test_a_command_that_is_not_there_is_one_sentence(settings):
    with pytest.raises(ProviderAway, match="No process could be started"):
        await LocalProcesses(settings, command=("/no/such/program",)).create("kural-test-1", ())


async def test_tied_machines_die_with_their_autoscaler_even_when_it_is_killed(tmp_path):
    script = (
        "import asyncio, sys\n"
        "from agent.scaling.local_processes import LocalProcesses\n"
        "from agent.settings import ScaleSettings, Settings\n"
        f"s = Settings(data_dir={str(tmp_path)!r}, scale=ScaleSettings(env='test'))\n"
        "async def main():\n"
        f"    p = LocalProcesses(s, command={PATIENT!r}, tied=True)\n"
        "    await p.create('kural-test-1', ())\n"
        "    print('started', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    autoscaler = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert autoscaler.stdout is not None
    assert await autoscaler.stdout.readline() == b"started\n"
    provider = LocalProcesses(Settings(data_dir=tmp_path, scale=ScaleSettings(env="test")))
    autoscaler.send_signal(signal.SIGKILL)
    await autoscaler.wait()

    async def dead():
        (machine,) = await provider.machines()
        return machine.state == MachineState.FAILED

    await until(dead)
