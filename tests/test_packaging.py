"""The files around the code: lock, image, scripts, and what no file may contain."""

import importlib.metadata
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LOCKED = dict(re.findall(r"^([\w.-]+)==([^\s\\;]+)", LOCK, re.MULTILINE))
ROOTS = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
SCRIPTS = [ROOT / "test-local.sh", ROOT / ".ci" / "run", ROOT / "deploy" / "replay-build.sh"]

NOT_OURS = {".git", ".venv", "var", "dist", "build", "__pycache__"}
FORBIDDEN = {
    "a package registry": re.compile(
        r"pypi[.]org|pythonhosted[.]org|npmjs[.]org|docker[.]io|ghcr[.]io|quay[.]io"
        r"|--[i]ndex-url|--[e]xtra-index-url|--[f]ind-links=?\s*(?!/wheels)\S"
    ),
    "a path of one machine": re.compile(r"(?<![\w.~}])/(?:root|work|Users|home/(?!kural)\w+)/"),
    "a folder outside the project": re.compile(r"[.][.]/shared"),
}


def our_files():
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(
            part.endswith(("_cache", ".egg-info")) or part == ".hypothesis" for part in parts
        )
        if path.is_file() and not hidden and NOT_OURS.isdisjoint(parts) and path.name != ".env":
            yield path


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what):
    found = []
    for path in our_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a model or a recording
        for number, line in enumerate(text.splitlines(), 1):
            allowed = path.name == "requirements.lock" and line.startswith("#")
            if FORBIDDEN[what].search(line) and not allowed:
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []


def test_the_search_sees_what_it_looks_for():
    examples = {
        "a package registry": "pip install --index" + "-url https://" + "pypi" + ".org/simple x",
        "a path of one machine": 'open("/' + "root/data.csv" + '")',
        "a folder outside the project": "cat .." + "/shared/x",
    }
    assert all(FORBIDDEN[what].search(line) for what, line in examples.items())
    assert not FORBIDDEN["a path of one machine"].search("GET http://host/worker/1 and ~/work/x")


def test_every_locked_package_has_hashes_and_an_exact_version():
    blocks = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(LOCKED) > 50
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_holds_nothing_but_packages_hashes_and_comments():
    line = re.compile(r"|\s*#.*|[\w.-]+==\S+ \\|\s+--hash=sha256:[0-9a-f]{64}( \\)?")
    assert [text for text in LOCK.splitlines() if not line.fullmatch(text)] == []


def test_the_lock_says_how_it_is_made():
    assert "pip-compile --generate-hashes" in LOCK[:600]


def test_the_lock_covers_what_the_project_asks_for():
    for text in [*ROOTS, "hatchling", "editables"]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(LOCKED[canonicalize_name(wanted.name)]), text


def test_the_lock_stays_without_gpu_libraries():
    assert not {name for name in LOCKED if name == "torch" or name.startswith("nvidia-")}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_lock_is_complete_for(version, machine):
    """It was resolved for one interpreter: whatever another one asks for must be in it as well."""
    environment = {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "platform_machine": machine,
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    missing = set()
    todo = [(Requirement(text).name, frozenset(Requirement(text).extras)) for text in ROOTS]
    seen = set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if canonicalize_name(name) not in LOCKED:
            missing.add(name)
            continue
        for text in importlib.metadata.requires(name) or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(
                marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras)
            ):
                todo.append((needed.name, frozenset(needed.extras)))
    assert missing == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_strict_executable_bash(script):
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=30)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not on PATH")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script):
    done = subprocess.run(
        ["shellcheck", str(script)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == ""


@pytest.mark.parametrize("args", [["nonsense"], ["--help"], ["call"]])
def test_the_set_up_script_refuses_what_it_does_not_know(args, tmp_path):
    """From another folder, and before anything is installed."""
    done = subprocess.run(
        ["bash", str(ROOT / "test-local.sh"), *args],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr


def script_without(tmp_path, *, python):
    """Run test-local.sh where PATH holds only the basic tools and the given ``python3``."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "cat", "sha256sum", "grep", "rm", "env"):
        (tools / name).symlink_to(shutil.which(name) or name)
    if python:
        (tools / "python3").write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
        (tools / "python3").chmod(0o755)
    copy = tmp_path / "kural"
    copy.mkdir()
    for name in ("test-local.sh", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    return subprocess.run(
        [str(copy / "test-local.sh")],
        cwd=tmp_path,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("python", ["", "exit 1"], ids=["no Python", "an old Python"])
def test_without_a_python_the_set_up_says_what_to_install(tmp_path, python):
    done = script_without(tmp_path, python=python)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Python 3.11 or newer is needed" in done.stderr


def test_without_the_venv_module_the_set_up_names_the_debian_package(tmp_path):
    fake = 'case "$2" in *ensurepip*) exit 1;; *print*) echo python3.11-venv;; esac'
    done = script_without(tmp_path, python=fake)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "apt-get install python3.11-venv" in done.stderr
