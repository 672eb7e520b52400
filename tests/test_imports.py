import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# One interpreter loads what is not ours and forks for each module of ours, so that every module
# is imported first once, and the 130 starts do not cost two minutes.
IMPORT_EACH = """
import importlib, os, pkgutil, sys
import click, livekit.agents, numpy, pydantic_settings, rich, sqlmodel

def says(name):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        try:
            importlib.import_module(name)
            sys.stdout.flush()
            os._exit(0)
        except BaseException as exc:
            os.write(2, repr(exc).encode())
            os._exit(1)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        text = pipe.read()
    status = os.waitpid(child, 0)[1]
    return text or (f"status {status}" if status else "")

names = ["agent", *(found.name for found in pkgutil.walk_packages(["agent"], "agent."))]
for name in names:
    if name != "agent.__main__" and (text := says(name)):
        print(name, text)
print(len(names), "modules")
"""


def test_every_folder_with_modules_is_a_package():
    """Without its ``__init__.py`` a folder is missing from the wheel and from these tests."""
    bare = {
        path.parent.relative_to(ROOT).as_posix()
        for path in (ROOT / "agent").rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert bare == set()


def test_every_module_can_be_imported_first_and_says_nothing():
    """No import order may hide a circle, and no module may work at import time."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *complaints, last = done.stdout.splitlines()
    assert complaints == []
    assert int(last.split()[0]) == len(list((ROOT / "agent").rglob("*.py")))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "agent").rglob("__init__.py")), ids=lambda path: path.parent.name
)
def test_a_package_file_is_one_docstring(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)
    assert isinstance(body[0].value, ast.Constant)
    assert isinstance(body[0].value.value, str)
