"""Which files of a folder of stories hold whole labels."""

from __future__ import annotations

from pathlib import Path

KINDS = ("lived", "two", "urgent")
"""How their names begin: plain stories, two troubles in one breath, dangers and what sounds so."""


def story_files(folder: Path) -> list[Path]:
    """Return the stories whose every field is labelled, each file by an author of its own."""
    return sorted(path for kind in KINDS for path in folder.glob(f"{kind}_*.jsonl"))
