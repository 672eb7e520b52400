"""Learn which of the places that a story names is the one of the trouble.

    python -m training.places --told training/stories --labelled tests/data/sentences \
        --out agent/understanding/data/places.npz

With --check it first prints how often places are right in sentences of authors, and of ways of
speaking, that were left out: rules alone beside the learned choice. Takes some ten seconds on one
core (a minute with --check) and gives the same file each time.

What the rules find is a cue, so they must not have been mended on the sentences that teach: for
each of those ``rules_then.jsonl`` holds what the rules found when they had not seen it (--record
writes it for sentences that are new). The first open sentences have no such record: their rule cues
are left out.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from agent.complaint import Slot
from agent.tamil.words import Word
from agent.understanding.gazetteer import Gazetteer
from agent.understanding.keywords import Keywords
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.mentions import MentionFinder
from agent.understanding.phones import nine_digits
from agent.understanding.place_cues import Cues, seats_of
from agent.understanding.place_entries import Size
from agent.understanding.place_judge import DOUBTED, PlaceJudge, Weighed
from agent.understanding.places import PlaceResolver
from agent.understanding.rules import Rules
from agent.understanding.score import Labelled, Outcome, judge
from agent.understanding.tables import read_toml

RECORD = "rules_then.jsonl"
UNRECORDED = "open"
"""Source of the sentences on which the rules were made."""
RIDGE = 1.0
"""Weight of the squared weights, chosen by the left-out authors."""
LEAST = 2
"""Mentions a cue must have been seen at."""
RULE_CUES = ("role", "rules", "vs role", "alone role", "next role", "prev role")
FIELDS = ("place", "ambiguous", "no place", "outside")
BLANK: dict[str, Any] = {
    "intent": "complaint", "categories": ["OTHER"], "also_ok": [], "emergency": False,
    "phone": None, "ticket": None, "days": None, "same_number": False, "hard": "",
}  # fmt: skip
"""What a sentence that teaches only places has in its other fields."""

Then = Mapping[str, Sequence[tuple[int, int, str]]]
"""Sentence id -> first and last letter and part of each mention that the rules found then."""


@dataclass(frozen=True, slots=True)
class Story:
    """One labelled sentence, as the judge meets it."""

    row: Labelled
    source: str
    cues: tuple[tuple[str, ...], ...]
    meant: tuple[bool | None, ...]
    """Of each mention; None where the label does not say."""


class Before(MentionFinder):
    """Finds what the rules of their day found."""

    def __init__(self, gazetteer: Gazetteer, then: Then) -> None:
        """Take what they found."""
        super().__init__(gazetteer)
        self.then = then
        self.row = ""
        """Id of the sentence that is read."""

    def in_story(self, words: Sequence[Word]) -> tuple[tuple[Mention, ...], tuple[Mention, ...]]:
        """Return today's mentions as far as they were found then, with their parts of then."""
        found, doubted = super().in_story(words)
        then = self.then.get(self.row)
        if then is None:
            return found, doubted
        recorded = tuple(
            replace(mention, role=Role[part])
            for first, last, part in then
            for mention in found
            if words[mention.start].start < last and first < words[mention.end - 1].end
        )
        return recorded, doubted


class Listener(PlaceJudge):
    """Notes what is put to the judge and leaves it as it is."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.cues = Cues(read_toml("places"))
        self.heard: tuple[Sequence[Mention], list[list[str]]] | None = None

    def weigh(
        self,
        words: Sequence[Word],
        mentions: Sequence[Mention],
        verdict: Collection[int],
        kinds: Sequence[str],
        *,
        asked: bool = False,
    ) -> Weighed | None:
        """Note the mentions and their cues."""
        self.heard = (mentions, self.cues.read(words, mentions, verdict, kinds, asked=asked))
        return None


class Reader:
    """Reads sentences as the rules of their day did."""

    def __init__(self, then: Then) -> None:
        """Build the tables once."""
        self.gazetteer = Gazetteer.load()
        self.districts = {n: seat.district_en for n, seat in self.gazetteer.seats.items()}
        self.places = PlaceResolver(self.gazetteer)
        self.finder = Before(self.gazetteer, then)
        self.places._finder = self.finder
        self.rules = Rules(self.places, Keywords.load(), nine_digits)

    def outcome(self, row: Labelled, judged_by: PlaceJudge | None) -> list[tuple[str, Outcome]]:
        """Return how the place of a sentence comes out."""
        self.places._judge = judged_by
        self.finder.row = row.id
        turn = self.rules.understand(row.text, row.asked)
        return [(r.field, r.outcome) for r in judge(row, turn) if r.field in FIELDS]

    def story(self, row: Labelled, source: str) -> Story:
        """Return a sentence with what the judge will see of it."""
        listener = Listener()
        self.outcome(row, listener)
        mentions, cues = listener.heard or ((), [])
        if source == UNRECORDED:
            cues = [[cue for cue in found if not cue.startswith(RULE_CUES)] for found in cues]
        meant = tuple(self._meant(row, mention) for mention in mentions)
        return Story(row, source, tuple(map(tuple, cues)), meant)

    def _meant(self, row: Labelled, mention: Mention) -> bool | None:
        wanted, seats = set(row.seats), seats_of(mention)
        if mention.role is Role.DENIED:
            return None
        if mention.size is Size.OUTSIDE:
            return row.outside
        if seats & wanted:
            return True
        near = {self.districts[n] for n in seats} & {self.districts[n] for n in wanted}
        return None if near and mention.role in (Role.POINTER, Role.DISTRICT) else False


def labelled(folder: Path) -> Iterator[tuple[Labelled, str]]:
    """Yield the open labelled stories and their authors; what is held out is never read."""
    for path in sorted(folder.glob("*_open*.jsonl")):
        _, _, source = path.stem.partition("_open_")
        yield from _stories(path, source or UNRECORDED)


def told(folder: Path) -> Iterator[tuple[Labelled, str]]:
    """Yield the stories that were written to teach places, each file by an author of its own."""
    for path in sorted(folder.glob("*.jsonl")):
        if path.name != RECORD:
            yield from _stories(path, path.stem)


def _stories(path: Path, source: str) -> Iterator[tuple[Labelled, str]]:
    for line in path.read_text("utf-8").splitlines():
        row = Labelled.model_validate({**BLANK, **json.loads(line)})
        if row.asked in (Slot.COMPLAINT, Slot.PLACE):
            yield row, source


def read_then(folder: Path) -> dict[str, list[tuple[int, int, str]]]:
    """Return what the rules found in sentences that they had not seen."""
    path = folder / RECORD
    lines = map(json.loads, path.read_text("utf-8").splitlines()) if path.exists() else ()
    return {line["id"]: [tuple(m) for m in line["mentions"]] for line in lines}


def record(rows: Iterable[tuple[Labelled, str]], then: Then, path: Path) -> None:
    """Write what today's rules find in sentences of which there is no record yet."""
    reader = Reader({})
    seen: list[list[tuple[int, int, str]]] = []

    class Recorder(Listener):
        def weigh(
            self,
            words: Sequence[Word],
            mentions: Sequence[Mention],
            verdict: Collection[int],
            kinds: Sequence[str],
            *,
            asked: bool = False,
        ) -> None:
            seen.append(
                [
                    (words[m.start].start, words[m.end - 1].end, m.role.name)
                    for m, kind in zip(mentions, kinds, strict=True)
                    if not kind.startswith(DOUBTED)
                ]
            )

    with path.open("a", encoding="utf-8") as out:
        for row, source in rows:
            if row.id in then or source == UNRECORDED or row.asked is not Slot.COMPLAINT:
                continue
            seen.clear()
            reader.outcome(row, Recorder())
            mentions = seen[0] if seen else []
            out.write(json.dumps({"id": row.id, "mentions": mentions}) + "\n")


def learn(stories: Sequence[Story]) -> dict[str, np.ndarray]:
    """Return the arrays of the file: a conditional logit over the mentions of each story and none.

    Of several mentions that are meant ("கோவை பீளமேடு") any is right.
    """
    teach = [s for s in stories if s.cues and any(s.meant) == bool(s.row.seats or s.row.outside)]
    pairs = [
        [(cues, bool(y)) for cues, y in zip(s.cues, s.meant, strict=True) if y is not None]
        for s in teach
    ]
    pairs = [story for story in pairs if story]
    counts = Counter(cue for story in pairs for cues, _ in story for cue in cues)
    names = sorted(cue for cue, times in counts.items() if times >= LEAST)
    weights, bias = _fit(pairs, {cue: at for at, cue in enumerate(names)})
    return {
        "cues": np.array("\n".join(names)),
        "weights": weights.astype(np.float16),
        "bias": np.float32(bias),
    }


def _fit(
    stories: Sequence[Sequence[tuple[Sequence[str], bool]]], index: Mapping[str, int]
) -> tuple[np.ndarray, float]:
    """Maximise the likelihood that a mention that is meant is chosen, or none where none is."""
    flat = [pair for story in stories for pair in story]
    rows = [at for at, (cues, _) in enumerate(flat) for cue in cues if cue in index]
    columns = [index[cue] for cues, _ in flat for cue in cues if cue in index]
    matrix = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(flat), len(index)))
    turned = matrix.T.tocsr()
    of = np.array([at for at, story in enumerate(stories) for _ in story])
    meant = np.array([right for _, right in flat])
    some = np.zeros(len(stories), bool)
    some[of[meant]] = True

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = at[:-1], at[-1]
        worth = np.exp(np.clip(matrix @ weights + bias, -30, 30))
        every = 1 + np.bincount(of, worth, len(stories))
        right = np.where(some, np.bincount(of[meant], worth[meant], len(stories)), 1.0)
        slope = worth / every[of]
        slope[meant] -= worth[meant] / right[of[meant]]
        value = np.log(every / right).sum() + RIDGE / 2 * weights @ weights
        return float(value), np.append(turned @ slope + RIDGE * weights, slope.sum())

    best = minimize(
        loss, np.zeros(len(index) + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200}
    ).x
    return best[:-1], float(best[-1])


def cross_check(reader: Reader, stories: Sequence[Story], group: Callable[[Story], str]) -> None:
    """Print rules alone beside the learned choice on groups that were left out, one a line."""
    tested = [story for story in stories if story.source != UNRECORDED]
    totals: dict[str, Counter[tuple[str, Outcome]]] = {"rules": Counter(), "learned": Counter()}
    for name in sorted({group(story) for story in tested}):
        chosen = PlaceJudge(learn([s for s in stories if group(s) != name]), reader.districts)
        here = [story.row for story in tested if group(story) == name]
        for who, judged_by in (("rules", None), ("learned", chosen)):
            count = Counter(r for row in here for r in reader.outcome(row, judged_by))
            totals[who] += count
            print(f"{name:12}{who:9}{_line(count)}")
    for who, count in totals.items():
        print(f"{'all':12}{who:9}{_line(count)}")


def oracle(stories: Sequence[Story]) -> tuple[int, int]:
    """Return in how many stories with a place some mention can be it, and how many those are."""
    told = [s for s in stories if s.row.asked is Slot.COMPLAINT and s.source != UNRECORDED]
    placed = [s for s in told if s.row.seats]
    return sum(any(s.meant) for s in placed), len(placed)


def _line(count: Counter[tuple[str, Outcome]]) -> str:
    parts = []
    for name in FIELDS:
        right = count[name, Outcome.RIGHT]
        parts.append(f"{name} {right}/{sum(n for (f, _), n in count.items() if f == name)}")
    parts.append(f"asked back {count['place', Outcome.ASKED_BACK]}")
    parts.append(f"wrong {count['place', Outcome.WRONG]}")
    parts.append(f"guessed {count['ambiguous', Outcome.GUESSED]}")
    return ", ".join(parts)


def main() -> None:
    """Read the command line, print the check and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--told", type=Path, required=True, help="folder of stories")
    parser.add_argument("--labelled", type=Path, required=True, help="folder of *_open*.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="places.npz")
    parser.add_argument("--record", action="store_true", help="first record what rules find now")
    parser.add_argument("--check", action="store_true", help="print the left-out check first")
    args = parser.parse_args()
    rows = [*told(args.told), *labelled(args.labelled)]
    if args.record:
        record(rows, read_then(args.told), args.told / RECORD)
    reader = Reader(read_then(args.told))
    stories = [reader.story(row, source) for row, source in rows]
    if args.check:
        found, of = oracle(stories)
        print(f"a mention that can be the place: {found}/{of}")
        cross_check(reader, stories, lambda story: story.source)
        cross_check(reader, stories, lambda story: story.row.dialect)
    np.savez_compressed(args.out, **learn(stories))
    print(f"{len(rows)} sentences, {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
