"""What processes take, read from /proc."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from agent.lab.usage import Process, Reading, cores_used, name_of, read_tree, role_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which Linux has")

FORK = "python -c from multiprocessing.forkserver import main"


def test_a_tree_holds_the_process_and_its_children():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        reading = read_tree(os.getpid())
    finally:
        child.communicate(b"\n")
    found = {process.pid: process for process in reading.processes}
    assert found[child.pid].parent == os.getpid()
    own = found[os.getpid()]
    assert own.role == "worker"
    assert own.pss_mb >= own.private_mb > 1
    assert own.files > 2
    assert own.threads >= 1
    assert own.cpu_s > 0
    assert reading.files >= own.files
    assert reading.threads >= own.threads


def test_a_process_that_is_gone_has_no_tree():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert read_tree(child.pid).processes == ()


@pytest.mark.parametrize(
    ("pid", "role"),
    [(1, "worker"), (2, "ears"), (3, "voice"), (4, "worker"), (5, "call"), (6, "call")],
)
def test_roles_are_told_by_commands(pid, role):
    parents = {1: 0, 2: 1, 3: 1, 4: 1, 5: 4, 6: 5}
    commands = {
        1: "python agent.py start",
        2: "python -m agent engine",
        3: "python -m agent voice serve",
        4: FORK,
        5: FORK,
        6: "python one shot of a call",
    }
    assert role_of(pid, parents, commands) == role


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python /home/kural/agent.py start", "start"),
        ("python -m agent engine --url x", "engine"),
        ("python -m agent --log-level INFO redispatch", "redispatch"),
        (FORK, "fork server"),
        ("python -c from multiprocessing.resource_tracker import main", "resource tracker"),
        ("/usr/bin/espeak-ng -v ta", "espeak-ng"),
    ],
)
def test_a_process_is_named_after_what_it_runs(command, name):
    assert name_of(command) == name


def test_cores_count_processes_that_come_and_go():
    first = Reading(0.0, (Process(1, 0, "worker", 5.0),))
    second = Reading(5.0, (Process(1, 0, "worker", 6.0), Process(2, 1, "call", 2.0)))
    third = Reading(10.0, (Process(1, 0, "worker", 7.0),))
    assert cores_used([first, second, third]) == {
        "worker": pytest.approx(0.2),
        "ears": 0.0,
        "voice": 0.0,
        "call": pytest.approx(0.2),
    }
    assert set(cores_used([first]).values()) == {0.0}
