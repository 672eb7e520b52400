"""The Dockerfile, read line by line; no daemon is needed (deploy/replay-build.sh does more)."""

import json
import re
import shlex
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.cli import COMMANDS
from deploy import dockerfile
from deploy.replay_build import context_files, export_context
from tests.test_settings import fields

ROOT = Path(__file__).parents[1]
STAGES = dockerfile.parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
BY_NAME = {stage.name: stage for stage in STAGES}
RULES = dockerfile.ignore_rules((ROOT / ".dockerignore").read_text(encoding="utf-8"))
IMAGES = ("worker", "engine-gpu")
A_BUILD_OF_LIVEKIT_CLOUD = 1e9  # bytes; ours stays far below
"""Largest context `lk agent create` sends (LiveKit's documentation of builds, 2026)."""


def steps(word, *, of=None):
    stages = STAGES if of is None else [BY_NAME[of]]
    return [step for stage in stages for step in stage.steps if step.word == word]


# -- the reader itself ----------------------------------------------------------------------------


def test_a_dockerfile_is_read_stage_by_stage():
    text = (
        "# a comment\nFROM python:3.11 AS one\nRUN a \\\n    # why\n    && b\n"
        'FROM one AS two\nCOPY --from=one /x y\nCMD ["p", "q"]\n'
    )
    one, two = dockerfile.parse(text)
    assert (one.name, one.base, one.last("RUN")) == ("one", "python:3.11", "a && b")
    assert two.exec_form("CMD") == ["p", "q"]
    assert two.exec_form("ENTRYPOINT") == []
    assert dockerfile.copy_of(two.steps[0]) == dockerfile.Copy(("/x",), "y", "one")
    assert [step.line for step in two.steps] == [7, 8]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM python:3.11\n", 1),
        ("RUN a\n", 1),
        ("FROM a AS b\nRUN <<END\n", 2),
        ("FROM a AS b\n\nRUN --mount=type=cache x\n", 3),
        ("FROM a AS b\nNONSENSE x\n", 2),
        ("FROM a AS b\nRUN a \\\n", 2),
    ],
)
def test_what_is_not_read_is_refused_by_its_line(text, line):
    with pytest.raises(ValueError, match=f"^line {line}: "):
        dockerfile.parse(text)


def test_a_target_needs_the_stages_it_copies_from_and_stands_on():
    names = [stage.name for stage in dockerfile.needed(STAGES, "worker")]
    assert names == ["build", "runtime", "worker"]
    names = [stage.name for stage in dockerfile.needed(STAGES, "engine-gpu")]
    assert names == ["build", "gpu", "runtime", "engine-gpu"]
    with pytest.raises(KeyError):
        dockerfile.needed(STAGES, "nonsense")


@pytest.mark.parametrize(
    ("path", "let_in"),
    [
        ("agent/worker.py", True),
        ("agent/speech/data/blocklist.toml", True),
        ("models/demo-ta/model.bin", True),
        ("docs/licences.md", True),
        ("agent/__pycache__/cli.cpython-311.pyc", False),
        ("docs/deploy.md", False),
        (".env", False),
        ("livekit.toml", False),
        ("var/kural.db", False),
        ("tests/conftest.py", False),
        (".git/config", False),
        ("deploy/compose.yaml", False),
    ],
)
def test_only_what_the_image_needs_enters_the_build(path, let_in):
    assert dockerfile.is_let_in(path, RULES) is let_in


def test_the_last_rule_of_a_dockerignore_decides():
    assert not dockerfile.is_let_in("a/b/c", ["a"])
    assert dockerfile.is_let_in("a/b/c", ["a", "!a/b"])
    assert not dockerfile.is_let_in("a/b/c", ["a", "!a/b", "**/c"])
    assert dockerfile.is_let_in("x.txt", ["*.md"])


# -- our file -------------------------------------------------------------------------------------


def test_both_images_stand_on_one_pinned_slim_base_and_the_worker_is_the_default():
    outside = {stage.base for stage in STAGES} - set(BY_NAME)
    assert len(outside) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", outside.pop())
    assert set(IMAGES) <= set(BY_NAME)
    assert STAGES[-1].name == "worker"


def test_the_context_is_small_and_holds_nothing_but_what_is_copied(tmp_path):
    files = [path.relative_to(ROOT).as_posix() for path in context_files(ROOT, RULES)]
    copied = {
        source.rstrip("/")
        for step in steps("COPY")
        for source in dockerfile.copy_of(step).sources
        if not dockerfile.copy_of(step).stage
    }
    assert [path for path in files if not any(_below(path, source) for source in copied)] == []
    assert export_context(ROOT, tmp_path) < 0.05 * A_BUILD_OF_LIVEKIT_CLOUD
    for source in copied:
        assert (tmp_path / source).exists(), source


def _below(path, source):
    return path == source or path.startswith(f"{source}/")


def test_what_is_copied_between_stages_is_made_there():
    seen = set()
    for stage in STAGES:
        for step in stage.steps:
            copy = dockerfile.copy_of(step) if step.word == "COPY" else None
            if copy and copy.stage:
                assert copy.stage in seen
                made = " ".join(step.rest for step in BY_NAME[copy.stage].steps)
                assert all(source in made for source in copy.sources)
        seen.add(stage.name)


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_runs_as_nobody_special(image):
    users = [step for step in dockerfile.inherited(STAGES, image) if step.word == "USER"]
    assert [step.rest for step in users] == ["10001"]
    made = [step.rest for step in dockerfile.inherited(STAGES, image) if step.word == "RUN"]
    assert "useradd --uid 10001" in made[0]


@pytest.mark.parametrize("image", IMAGES)
def test_the_command_is_in_exec_form_so_that_a_signal_reaches_it(image):
    stage = BY_NAME[image]
    command = stage.exec_form("CMD")
    assert command
    assert stage.last("ENTRYPOINT") is None
    if command[0] == "kural":
        assert command[1] in COMMANDS
    else:
        assert command[0] == "python"
        assert dockerfile.is_let_in(command[1], RULES)
        assert (ROOT / command[1]).is_file()


def test_the_engine_is_started_with_an_option_it_knows():
    command = BY_NAME["engine-gpu"].exec_form("CMD")
    done = subprocess.run(
        [sys.executable, "-m", "agent", *command[1:2], "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert command[2] in done.stdout
    assert command[3] == f"tcp://0.0.0.0:{BY_NAME['engine-gpu'].last('EXPOSE')}"


class _Port(BaseHTTPRequestHandler):
    """LiveKit's port of a worker, well or not."""

    status = 200

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_workers_health_is_that_of_livekits_port(status, healthy):
    handler = type("_Answering", (_Port,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        answering = threading.Thread(target=server.serve_forever, args=(0.01,))
        answering.start()
        try:
            done = _worker_probe(server.server_address[1])
        finally:
            server.shutdown()
            answering.join()
    assert (done.returncode == 0) is healthy


def test_a_worker_whose_port_is_closed_is_not_healthy():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, but no one listens
        assert _worker_probe(nobody.getsockname()[1]).returncode != 0


def _worker_probe(port):
    code = BY_NAME["worker"].exec_form("HEALTHCHECK")[2]
    return _probe(code, {"CONTROL__WORKER_PORT": str(port)})


@pytest.mark.parametrize("listening", ["9090", "8081", ""])
def test_the_engines_health_is_that_of_either_of_its_roles(listening):
    code = BY_NAME["engine-gpu"].exec_form("HEALTHCHECK")[2]
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, but no one listens
        for port in ("9090", "8081"):
            used = server if port == listening else nobody
            code = code.replace(port, str(used.getsockname()[1]))
        assert (_probe(code, {}).returncode == 0) is bool(listening)


def _probe(code, environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_no_secret_is_built_in():
    secret = {name for name, kind in fields() if kind is SecretStr}
    for step in [*steps("ENV"), *steps("ARG")]:
        named = {pair.partition("=")[0] for pair in shlex.split(step.rest)}
        assert not named & secret
        assert not [name for name in named if re.search("KEY|SECRET|PASSWORD|TOKEN", name)]


def test_the_settings_built_in_are_settings():
    known = {name for name, _ in fields()}
    for step in steps("ENV"):
        for pair in shlex.split(step.rest):
            name = pair.partition("=")[0]
            assert "__" not in name or name in known, name


def test_every_package_is_held_against_its_hash_and_none_is_torch():
    runs = [step.rest for step in steps("RUN")]
    installs = [run for run in runs if re.search(r"pip (install|wheel)", run)]
    assert len(installs) >= 4
    for run in installs:
        assert "--require-hashes" in run or "--no-index" in run, run
        assert "torch" not in run
    assert any("requirements.lock" in run for run in installs)
    assert any("requirements-gpu.lock" in run for run in installs)


def test_nothing_is_installed_from_the_system_in_an_image():
    assert not [step for step in steps("RUN") if "apt-get" in step.rest]


def test_the_gpu_lock_holds_cublas_alone_with_hashes_and_says_how_it_is_made():
    text = (ROOT / "requirements-gpu.lock").read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    assert "nvidia-cublas-cu12" in names
    assert all(name.startswith("nvidia-") for name in names)
    assert "pip-compile --generate-hashes" in text[:600]
    line = re.compile(r"|\s*#.*|[\w.-]+==\S+ \\|\s+--hash=sha256:[0-9a-f]{64}( \\)?")
    assert [found for found in text.splitlines() if not line.fullmatch(found)] == []


def test_the_health_checks_are_valid_json_lists():
    for image in IMAGES:
        text = BY_NAME[image].last("HEALTHCHECK") or ""
        assert json.loads(text.partition("CMD ")[2])[:2] == ["python", "-c"]
