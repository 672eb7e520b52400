"""Reads the tables beside this package: CSV with a comment header, TOML, and learned weights."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

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


def read_weights(path: Path, wanted: frozenset[str]) -> dict[str, Any]:
    """Return the arrays of what was learned.

    Args:
        path: an ``.npz`` file of ours.
        wanted: names of the arrays it must hold.

    Raises:
        OSError: the file is missing.
        ValueError: it is none of ours, or lacks some.
    """
    with np.load(path, allow_pickle=False) as model:
        arrays = {name: model[name] for name in model.files}
    if missing := wanted - arrays.keys():
        raise ValueError(
            f"{path.name} is not what was learned: it lacks {', '.join(sorted(missing))}"
        )
    return arrays
