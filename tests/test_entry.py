import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def python(*args, cwd=ROOT, **env):
    return subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        **env,
    )


@pytest.mark.parametrize("where", [ROOT, ROOT / "tests"], ids=["checkout", "elsewhere"])
def test_import_agent_is_the_package_and_not_the_script(where):
    done = python("-c", "import agent; print(agent.__file__)", cwd=where)
    assert Path(done.stdout.strip()) == ROOT / "agent" / "__init__.py"


def test_the_entry_script_offers_livekits_own_commands():
    done = python("agent.py", "--help")
    assert done.returncode == 0, done.stderr
    for command in ("console", "start", "dev"):
        assert command in done.stdout


def test_the_entry_script_does_nothing_but_hand_over():
    assert len((ROOT / "agent.py").read_text(encoding="utf-8").splitlines()) < 10
    done = python("-c", "import runpy; print(runpy.run_path('agent.py')['main'].__module__)")
    assert done.stdout.strip() == "agent.worker"


def test_the_worker_loads_no_recogniser():
    """Call processes hold a call and nothing heavy (docs/architecture.md, processes)."""
    heavy = "{'ctranslate2', 'faster_whisper', 'torch'}"
    done = python("-c", f"import sys, agent.worker; print(sorted({heavy} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done.stderr
