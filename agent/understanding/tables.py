"""Reads the word tables beside this package: CSV with a comment header, and TOML."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

from agent.tamil.normalize import clean

DATA = Path(__file__).parent / "data"


def read_csv(name: str) -> list[dict[str, str]]:
    """Return the rows of ``data/<name>.csv``; lines that begin with # are its header comment."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return [
            {key: clean(value or "") for key, value in row.items()} for row in csv.DictReader(lines)
        ]


def read_toml(name: str) -> dict[str, Any]:
    """Return ``data/<name>.toml``."""
    return tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))
