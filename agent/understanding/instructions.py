"""What a language model is told: ``prompts/extract.toml`` with the categories of our table."""

from __future__ import annotations

import tomllib
from pathlib import Path

from agent.errors import ConfigurationError
from agent.understanding.tables import read_csv

FILE = "extract.toml"
_VERSION = 1
_HOLE = "{categories}"


def load_instructions(prompts_dir: Path) -> str:
    """Return the instructions, complete.

    Args:
        prompts_dir: folder of the prompts.

    Raises:
        ConfigurationError: the file is missing or of another form.
    """
    path = prompts_dir / FILE
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise ConfigurationError(f"{path} cannot be read as TOML.") from None
    system = data.get("system")
    if data.get("version") != _VERSION or not isinstance(system, str) or _HOLE not in system:
        raise ConfigurationError(
            f"{path} must have version = {_VERSION} and a text `system` with {_HOLE} in it."
        )
    rows = [
        f"  {row['code']}: {row['name_en']} ({row['name_ta']})" for row in read_csv("categories")
    ]
    return system.replace(_HOLE, "\n".join(rows)).strip()
