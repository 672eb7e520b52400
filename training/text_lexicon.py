"""Word lists and place names the training sentences are built from, with the held-out part."""

from __future__ import annotations

import csv
import re
import unicodedata
import zlib
from dataclasses import dataclass, field
from pathlib import Path

WORDS_DIR = Path(__file__).with_name("text_data")
HELD_DIR = Path(__file__).with_name("held_data")

AKSHARA = re.compile(r"[அ-ஔஃ]|[க-ஹ]்ஷ[ா-்ௗ]?|[க-ஹ][ா-்ௗ]?|[ா-்ௗ]")
"""One written Tamil letter: a vowel, or a consonant with its sign."""

HELD_PLACE_PERCENT = 8
"""Share of villages and neighbourhoods (never seats or towns) kept out of training, in percent."""
HELD_PERSON_PERCENT = 12
"""Share of personal names kept out of training, in percent."""

DEMO_NAMES = frozenset("முருகன் செல்வி கவிதா ராஜா கண்ணன் லட்சுமி பாத்திமா ராமசாமி".split())
"""Names the simulated callers of the demo give: always trained on."""


def read_list(name: str) -> list[str]:
    """Return the entries of `text_data/<name>.txt`; entries end at '|' or at the line's end."""
    entries: list[str] = []
    for line in read_lines(name):
        entries += [part.strip() for part in line.split("|")]
    return [entry for entry in entries if entry]


def read_colloquial(kind: str) -> list[str]:
    """Return the sentences of `held_data/colloquial_<kind>.txt`, without their dialects.

    They were written by authors who had not seen the grammar; training never says one of them.
    Whoever widens the grammar must not read that folder.
    """
    lines = read_lines(f"colloquial_{kind}", HELD_DIR)
    return [line.split("\t")[-1] for line in lines]


def read_lines(name: str, folder: Path = WORDS_DIR) -> list[str]:
    """Return the lines of `<folder>/<name>.txt` without blank lines and '#' comments."""
    text = (folder / f"{name}.txt").read_text(encoding="utf-8")
    lines = (unicodedata.normalize("NFC", line.strip()) for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file that may open with '#' comment lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() and not line.startswith("#"))
    return list(csv.DictReader(lines[start:]))


def tamil_only(text: str) -> str:
    """Return text in NFC with everything but Tamil letters and single blanks dropped."""
    text = re.sub(r"\(.*?\)", " ", unicodedata.normalize("NFC", text))
    return re.sub(r"\s+", " ", re.sub(r"[^஀-௿ ]", " ", text)).strip()


def composed_names() -> list[str]:
    """Return the names of `text_data/name_parts.txt`, in the order of the file."""
    names: list[str] = []
    for line in read_lines("name_parts"):
        firsts, seconds = (side.split() for side in line.split("="))
        pairs = ((a, b) for a in firsts for b in seconds if a.strip("_") != b)
        names += [f"{first}{second}".replace("_", " ") for first, second in pairs]
    return [name for name in names if not re.search(r"்[ா-்]|[ா-்]{2}|[அ-ஔ][ா-்]", name)]


def held_out(word: str, percent: int) -> bool:
    """Tell whether a word falls into the held-out share; the same on every machine."""
    return zlib.crc32(word.encode()) % 100 < percent


@dataclass(frozen=True)
class Lexicon:
    """All words the grammars draw from. Held-out names are in no other list."""

    seats: list[str]
    """Names of seats, districts and their spellings; all are trained on."""
    places: list[str]
    """Localities trained on."""
    held_places: list[str]
    """Localities kept for the test set."""
    persons: list[str]
    """Personal names trained on, the commonest first."""
    held_persons: list[str]
    """Personal names kept for the test set."""
    keywords: list[str]
    """Words that name a kind of complaint."""
    examples: list[str]
    """One example sentence for each kind of complaint."""
    departments: list[str]
    """Names of departments and kinds of complaint."""
    lists: dict[str, list[str]] = field(repr=False)
    """The remaining hand-written lists, by file name."""

    def vocabulary(self) -> list[str]:
        """Return every training word, sorted, for the syllable model."""
        pools = [self.seats, self.places, self.persons, self.keywords, self.departments]
        pools += [[tamil_only(text) for text in self.examples], *self.lists.values()]
        words = {word for pool in pools for entry in pool for word in entry.split()}
        return sorted(word for word in words if len(word) > 1 and tamil_only(word) == word)

    def held_words(self) -> frozenset[str]:
        """Return the words that only held-out names have."""
        trained = set(self.vocabulary())
        held = {word for name in self.held_places + self.held_persons for word in name.split()}
        return frozenset(held - trained)


LISTS = (
    "nouns english predicates verb_roots adverbs openers replies replies_short landmarks gods"
    " street_names street_kinds"
).split()


def load_lexicon(data_dir: Path) -> Lexicon:
    """Read the word lists and the three tables (seats, localities, categories) of `data_dir`."""
    seats: set[str] = set()
    for row in read_table(data_dir / "constituencies.csv"):
        for key in ("name_ta", "aliases_ta", "district_ta", "pc_ta"):
            seats.update(tamil_only(part) for part in row[key].split("|"))
    places: set[str] = set()
    held: set[str] = set()
    for row in read_table(data_dir / "localities.csv"):
        name = tamil_only(row["locality_ta"])
        small = row["kind"] in ("village", "neighbourhood")
        (held if small and held_out(name, HELD_PLACE_PERCENT) else places).add(name)
    trained_words = {word for name in seats | places for word in name.split()}
    held = {n for n in held if any(word not in trained_words for word in n.split())}
    persons = list(dict.fromkeys([*read_list("persons"), *composed_names()]))
    held_persons = [n for n in persons if n not in DEMO_NAMES and held_out(n, HELD_PERSON_PERCENT)]
    categories = read_table(data_dir / "categories.csv")
    keywords = {tamil_only(k) for row in categories for k in row["keywords_ta"].split("|")}
    departments = {tamil_only(row[k]) for row in categories for k in ("name_ta", "department_ta")}

    def usable(names: set[str]) -> list[str]:
        return sorted(n for n in names if 1 < len(AKSHARA.findall(n)) < 16)

    return Lexicon(
        seats=usable(seats),
        places=usable(places - seats),
        held_places=usable(held - places - seats),
        persons=[n for n in persons if n not in held_persons],
        held_persons=held_persons,
        keywords=sorted(keywords - {""}),
        examples=[row["example_utterance_ta"] for row in categories],
        departments=sorted(departments - {""}),
        lists={name: read_list(name) for name in LISTS},
    )
