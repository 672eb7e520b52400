"""What tests of the proving ground share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a short name: the paths of sockets must be short, and pytest's own are long."""
    with tempfile.TemporaryDirectory(prefix="kural-lab-", dir="/tmp") as name:
        yield Path(name)
