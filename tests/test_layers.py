import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lint_imports(cwd):
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as main; main()",
            "--no-cache",
        ],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_nobody_imports_from_above_or_beside():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contract_notices_an_import_from_above_and_a_package_without_a_layer(tmp_path):
    """A contract that cannot fail would be worth nothing: break it in a copy of its layers."""
    config = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(config, encoding="utf-8")
    package = tmp_path / "agent"
    for name in (p.stem for p in (ROOT / "agent").iterdir() if not p.name.startswith("__p")):
        (package / name).mkdir(parents=True, exist_ok=True) if name != "__init__" else None
        if name != "__init__":
            (package / name / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "tamil" / "__init__.py").write_text("import agent.worker\n", encoding="utf-8")
    broken = lint_imports(tmp_path)
    assert broken.returncode == 1
    assert "agent.tamil is not allowed to import agent.worker" in broken.stdout

    (package / "tamil" / "__init__.py").write_text("", encoding="utf-8")
    assert lint_imports(tmp_path).returncode == 0
    (package / "newcomer").mkdir()
    (package / "newcomer" / "__init__.py").touch()
    assert lint_imports(tmp_path).returncode == 1
