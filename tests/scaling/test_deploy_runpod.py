"""deploy-runpod.sh and `kural scale pod` against a RunPod on loopback, as a person runs them."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scaling.fake_runpod import FakeRunPod, Fault
from tests.scaling.test_pod_plan import COMPLETE

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy-runpod.sh"
UNIT = ROOT / "deploy" / "autoscaler.service"
ADA4 = "NVIDIA RTX 4000 Ada Generation"


@dataclass
class Ran:
    code: int
    out: str
    err: str


@dataclass
class Office:
    """Somebody's folder with a .env, and the programs that the script finds."""

    folder: Path
    fake: FakeRunPod

    def env(self, **changes: str | None) -> None:
        given = COMPLETE | {
            "RUNPOD_API_KEY": "key",
            "SCALE__ENV": "test",
            "SCALE__RUNPOD_URL": self.fake.url,
            "SCALE__RUNPOD_PROXY": self.fake.proxy,
            "SCALE__READY_WITHIN_S": "60",
            "DATA_DIR": str(self.folder / "var"),
        }
        lines = [
            f"{name}={value}" for name, value in (given | changes).items() if value is not None
        ]
        (self.folder / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")

    async def run(self, *command: str | Path, stdin: int = asyncio.subprocess.DEVNULL) -> Ran:
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env=kept
            | {
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "KURAL_PYTHON": sys.executable,
                "KURAL_UNIT_DIR": str(self.folder / "units"),
                "KURAL_CONFIG_DIR": str(self.folder / "config"),
            },
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def deploy(self, *arguments: str) -> Ran:
        return await self.run(SCRIPT, *arguments)

    async def pod(self, *arguments: str) -> Ran:
        python = (sys.executable, "-m", "agent", "scale", "pod", *arguments)
        return await self.run("env", f"PYTHONPATH={ROOT}", *python)


@pytest.fixture
async def office(tmp_path):
    for name in ("bin", "units"):
        (tmp_path / name).mkdir()
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/systemctl.log\n')
    systemctl.chmod(systemctl.stat().st_mode | stat.S_IXUSR)
    async with FakeRunPod() as fake:
        office = Office(tmp_path, fake)
        office.env()
        yield office


def assert_one_sentence(ran: Ran, code: int = 1) -> None:
    assert ran.code == code, ran
    lines = ran.err.strip().splitlines()
    assert len(lines) == 1, ran
    assert lines[0].startswith(("kural: ", "deploy-runpod.sh: "))
    assert "hunter2" not in ran.out + ran.err
    assert "Traceback" not in ran.err


async def test_a_first_run_starts_a_machine_and_a_second_one_finds_it(office):
    first = await office.deploy()
    assert first.code == 0, first
    (pod,) = office.fake.alive()
    assert "kural-test-1 was asked for (cpu5c, 0.14 $/h)" in first.out
    assert f"{office.fake.url}/proxy/{pod.id}-8080" in first.out
    assert "autoscaler was not installed" in first.out
    assert (pod.wish["cpu"], pod.wish["image"]) == (
        {"id": "cpu5c", "vcpuCount": 4},
        COMPLETE["SCALE__IMAGE"],
    )
    assert pod.wish["env"]["CONTROL__HOST"] == "0.0.0.0"
    second = await office.deploy("--instance-type", "cpu")
    assert second.code == 0, second
    assert "kural-test-1 is there already" in second.out
    assert len(office.fake.pods) == 1
    assert "hunter2" not in first.out + first.err + second.out + second.err


async def test_a_gpu_machine_is_the_first_type_in_stock(office):
    office.fake.gpus[ADA4] = (0.28, "NONE")
    ran = await office.deploy("--instance-type", "gpu")
    assert ran.code == 0, ran
    (pod,) = office.fake.alive()
    assert pod.wish["gpu"]["id"] == "NVIDIA RTX 2000 Ada Generation"
    assert pod.wish["gpu"]["minVcpuCountPerGpu"] == 4
    assert pod.wish["image"] == COMPLETE["SCALE__GPU_IMAGE"]


async def test_a_dry_run_says_what_it_would_do_and_buys_nothing(office):
    ran = await office.deploy("--instance-type", "gpu", "--dry-run", "--autoscaler", "yes")
    assert ran.code == 0, ran
    assert f"Would ask for kural-test-1: {ADA4} (0.28 $/h), else NVIDIA" in ran.out
    assert "Nothing was bought." in ran.out
    assert "TICKETS__DATABASE_URL" in ran.out
    assert "hunter2" not in ran.out
    assert not [one for one in office.fake.requests if one[0] != "GET"]
    assert not (office.folder / "config").exists()


async def test_a_wrong_key_is_one_sentence(office):
    office.env(RUNPOD_API_KEY="hunter2")
    ran = await office.deploy()
    assert_one_sentence(ran)
    assert "RUNPOD_API_KEY" in ran.err


async def test_no_stock_is_one_sentence(office):
    office.fake.cpus = dict.fromkeys(office.fake.cpus, (0.03, "NONE"))
    ran = await office.deploy()
    assert_one_sentence(ran)
    assert "cpu5c, cpu3c" in ran.err


async def test_no_money_is_one_sentence(office):
    office.fake.balance_usd = 0.01
    ran = await office.deploy()
    assert_one_sentence(ran)
    assert "add credit" in ran.err
    assert office.fake.alive() == []


async def test_no_network_is_one_sentence(office):
    await office.fake.stop()
    ran = await office.deploy()
    assert_one_sentence(ran)
    assert "cannot be reached" in ran.err


async def test_a_price_above_the_limit_is_one_sentence(office):
    office.env(SCALE__MAX_USD_PER_HOUR="0.1")
    ran = await office.deploy()
    assert_one_sentence(ran, code=2)
    assert "SCALE__MAX_USD_PER_HOUR" in ran.err
    assert office.fake.alive() == []


async def test_a_missing_setting_is_one_sentence(office):
    office.env(SCALE__IMAGE=None)
    ran = await office.deploy()
    assert_one_sentence(ran, code=2)
    assert "SCALE__IMAGE" in ran.err
    assert office.fake.requests == []


async def test_no_env_file_is_one_sentence(office):
    (office.folder / ".env").unlink()
    assert_one_sentence(await office.deploy(), code=2)


async def test_a_machine_that_does_not_come_to_answer_is_told_with_what_it_costs(office):
    office.env(SCALE__READY_WITHIN_S="1")
    office.fake.starting_s = 3600
    ran = await office.deploy()
    assert_one_sentence(ran)
    assert "kural-test-1 does not answer calls after 1 s" in ran.err
    assert "0.14 $ an hour" in ran.err
    assert "kural scale pod end kural-test-1" in ran.err
    assert "Logs" in ran.err


async def test_a_machine_that_breaks_or_vanishes_while_it_starts_is_told(office):
    office.fake.starting_s = 3600
    for change, says in (("broken", "has stopped by itself"), ("vanished", "is gone")):
        running = asyncio.create_task(office.pod("up", "--look-every", "0.05"))
        async with asyncio.timeout(60):
            while not office.fake.alive():  # noqa: ASYNC110 - the world outside has no event
                await asyncio.sleep(0.02)
        (pod,) = office.fake.alive()
        if change == "broken":
            pod.broken = "ERROR"
        else:
            office.fake.vanish(pod.id)
        ran = await running
        assert_one_sentence(ran)
        assert says in ran.err
        office.fake.vanish(pod.id)


async def test_a_lost_answer_does_not_buy_a_second_machine(office):
    office.fake.faults.append(Fault("lost", "POST"))
    ran = await office.deploy()
    assert ran.code == 0, ran
    assert len(office.fake.pods) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--instance-type", "tpu"),
        ("--instance-type",),
        ("--autoscaler", "maybe"),
        ("--nonsense",),
        ("extra",),
    ],
)
async def test_wrong_arguments_are_told_how_it_is_used(office, arguments):
    ran = await office.deploy(*arguments)
    assert ran.code == 2
    assert ran.err.startswith("Usage: ./deploy-runpod.sh")
    assert office.fake.requests == []


async def test_the_autoscaler_is_installed_with_yes_and_keeps_its_settings(office):
    for _ in range(2):
        ran = await office.deploy("--instance-type", "gpu", "--autoscaler", "yes")
        assert ran.code == 0, ran
    unit = (office.folder / "units" / "autoscaler.service").read_text()
    assert f"ExecStart={ROOT}/.venv/bin/python -m agent scale run" in unit
    assert f"EnvironmentFile={office.folder}/config/autoscaler.env" in unit
    assert "/opt/kural" not in unit
    file = office.folder / "config" / "autoscaler.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = file.read_text().splitlines()
    assert {"SCALE__PROVIDER=runpod", "SCALE__INSTANCE=gpu"} <= set(lines)
    assert "RUNPOD_API_KEY=key" in lines
    assert not [line for line in lines if line.startswith("DATA_DIR")]
    log = (office.folder / "systemctl.log").read_text().splitlines()
    assert log == ["daemon-reload", "enable --now autoscaler.service"] * 2


@pytest.mark.parametrize(("said", "installed"), [(b"y\n", True), (b"\n", False), (b"no\n", False)])
async def test_a_person_at_a_terminal_is_asked_about_the_autoscaler(office, said, installed):
    office.fake.add("kural-test-1")
    ours, theirs = os.openpty()
    os.write(ours, said)
    try:
        ran = await office.run(SCRIPT, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert ran.code == 0, ran
    assert (office.folder / "units" / "autoscaler.service").exists() is installed


async def test_machines_are_listed_with_what_they_cost(office):
    office.fake.add("kural-test-1")
    office.fake.add("kural-prod-1")
    office.env(SCALE__IMAGE=None, TICKETS__DATABASE_URL=None)  # neither is needed to look
    ran = await office.pod("list")
    assert ran.code == 0, ran
    assert "kural-test-1  RUNNING   0.74 $/h" in ran.out
    assert "1 in all, 0.74 $/h" in ran.out


async def test_a_machine_is_ended_once_its_calls_and_its_tickets_are_safe(office):
    office.fake.token = COMPLETE["CONTROL__TOKEN"]
    pod = office.fake.add("kural-test-1", active_calls=1, unsent=2)
    office.env(SCALE__ENV="test")
    ending = asyncio.create_task(office.pod("end", "kural-test-1", "--look-every", "0.05"))
    async with asyncio.timeout(60):
        while not pod.draining:  # noqa: ASYNC110 - the world outside has no event
            await asyncio.sleep(0.02)
    assert pod.ended is None
    pod.active_calls = pod.unsent = 0
    ran = await ending
    assert ran.code == 0, ran
    assert "1 calls and 2 unsent lines are left" in ran.out
    assert office.fake.alive() == []


async def test_a_machine_nobody_can_ask_is_ended_only_by_force(office):
    office.fake.add("kural-test-1", broken="EXITED")
    ran = await office.pod("end", "kural-test-1")
    assert_one_sentence(ran)
    assert "--force" in ran.err
    assert len(office.fake.alive()) == 1
    forced = await office.pod("end", "kural-test-1", "--force")
    assert forced.code == 0, forced
    assert office.fake.alive() == []


async def test_a_machine_that_is_not_there_is_one_sentence(office):
    ran = await office.pod("end", "kural-test-9")
    assert_one_sentence(ran, code=2)
    assert "kural-test-9" in ran.err


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
async def test_the_script_is_clean(office):
    ran = await office.run("shellcheck", SCRIPT)
    assert ran.code == 0, ran.out


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
async def test_systemd_understands_the_unit(office):
    """With the places of this checkout, as the script installs it: it looks for the program."""
    python = office.folder / "opt" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    text = UNIT.read_text().replace("/opt/kural", str(office.folder / "opt"))
    unit = office.folder / "units" / "autoscaler.service"
    unit.write_text(text)
    ran = await office.run("systemd-analyze", "verify", "--man=no", unit)
    assert ran.code == 0, ran.err
    assert "autoscaler.service" not in ran.err, ran.err


def test_every_variable_of_the_unit_is_a_setting():
    text = UNIT.read_text()
    assert "EnvironmentFile=/etc/kural/autoscaler.env" in text
    assert "KillMode=mixed" in text
