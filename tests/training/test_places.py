"""The shipped judge of places is what the stories of this project teach."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from agent.complaint import Slot
from agent.understanding.tables import DATA
from training.places import Reader, Story, labelled, learn, oracle, read_then, told

ROOT = Path(__file__).resolve().parents[2]
TOLD = ROOT / "training/stories"
EVERY = 12
"""One story in so many is read: all take half a minute."""


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    reader = Reader(read_then(TOLD))
    rows = [*told(TOLD), *labelled(ROOT / "tests/data/sentences")]
    return [reader.story(row, source) for row, source in rows[::EVERY]]


def test_the_shipped_file_knows_the_cues_of_the_stories(stories: list[Story]) -> None:
    seen = Counter(cue for story in stories for cues in story.cues for cue in cues)
    often = {cue for cue, times in seen.items() if times > 1}
    with np.load(DATA / "places.npz") as shipped:
        known = set(str(shipped["cues"]).split("\n"))
        assert len(shipped["weights"]) == len(known)
    assert len(often & known) > 0.95 * len(often)


def test_a_mention_that_can_be_the_place_is_nearly_always_found(stories: list[Story]) -> None:
    found, placed = oracle(stories)
    assert found > 0.95 * placed


def test_what_is_learned_prefers_the_place_that_is_meant(stories: list[Story]) -> None:
    made = learn(stories)
    weights = dict(zip(str(made["cues"]).split("\n"), made["weights"], strict=True))
    right = of = 0
    for story in stories:
        if len(set(story.meant)) > 1 and None not in story.meant:
            worth = [sum(weights.get(cue, 0) for cue in cues) for cues in story.cues]
            right += bool(story.meant[int(np.argmax(worth))])
            of += 1
    assert of > 10
    assert right > 0.8 * of


def test_what_the_rules_found_unseen_is_recorded_for_every_story_but_the_first() -> None:
    then = read_then(TOLD)
    rows = [*told(TOLD), *labelled(ROOT / "tests/data/sentences")]
    stories = [row for row, source in rows if source != "open" and row.asked is Slot.COMPLAINT]
    assert all(row.id in then for row in stories)


def test_no_two_stories_have_one_id_and_none_is_held_out(tmp_path: Path) -> None:
    ids = [row.id for row, _ in told(TOLD)]
    assert len(set(ids)) == len(ids)
    (tmp_path / "x_held.jsonl").write_text("not read", encoding="utf-8")
    assert list(labelled(tmp_path)) == []
