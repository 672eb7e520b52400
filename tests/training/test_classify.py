"""The shipped classifier is what the sentences of this project teach."""

from pathlib import Path

import numpy as np

from agent.understanding.tables import DATA
from training.classify import labelled, labels, learn, taught

ROOT = Path(__file__).resolve().parents[2]


def rows():
    told = labelled(ROOT / "tests/data/sentences", ROOT / "training/stories")
    return [*taught(ROOT / "training/sentences"), *told]


def test_the_shipped_file_is_made_from_the_sentences_of_the_project() -> None:
    made = learn(rows())
    with np.load(DATA / "classifier.npz") as shipped:
        assert list(shipped["labels"]) == list(made["labels"])
        ours, theirs = (set(str(a["grams"]).split("\n")) for a in (made, shipped))
        assert len(ours & theirs) > 0.98 * len(ours)
        close = np.abs(shipped["bias"] - made["bias"]) < 0.05
        assert close.mean() > 0.9


def test_the_sentences_that_teach_are_many_and_of_every_kind() -> None:
    everything = rows()
    assert len(everything) > 2500
    _, categories = labels(everything, "category")
    assert min(np.unique(categories, return_counts=True)[1]) >= 30
    _, intents = labels(everything, "intent")
    assert set(intents) >= {"complaint", "status", "human", "abuse", "info", "wrong_number", "none"}


def test_what_is_held_out_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "x_held.jsonl").write_text("not read", encoding="utf-8")
    assert list(labelled(tmp_path, tmp_path)) == []
