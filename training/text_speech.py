"""Loose everyday talk: sentence patterns filled with inflected verbs, nouns and regional words."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from training import text_numbers as numbers
from training.text_dialect import Regions, asked, quoted, read_sections
from training.text_lexicon import Lexicon, read_lines
from training.text_morphology import decline, spoken_case
from training.text_verbs import DIALECTS, PERSONS, SLOTS, Verb, inflect, load_verbs

DIALECT_CHOICES = ["general"] * 3 + list(DIALECTS[1:]) * 2
PART = re.compile(r"\[([^\[\]]*)\]|\{([^}]*)\}(ன்னு|ா)?")
SUFFIXES = {"ன்னு": quoted, "ா": asked}
THING_USES, PEOPLE_USES, ALL_USES = ("i", "i", "i"), ("m", "m", "t"), ("t", "m", "i")
MAKE = ("பண்ணு", "பண்ணு", "பண்ணு", "பண்ணு", "செய்யு")
ADDRESS_SHARE = 0.22
SECOND_SHARE = 0.35
"""How often a second sentence follows in the same breath."""
LONGEST = 76
"""Longest pair of sentences, in characters, before a linking word."""
FORMAL_CASES = {
    "loc": "locative",
    "dat": "dative",
    "acc": "accusative",
    "gen": "genitive",
    "soc": "sociative",
    "abl": "ablative",
    "um": "also",
    "ee": "emphatic",
}
FORMAL_ENDS = "்ுிீை"
DOUBLED = ("டு", "று")
OBJECT_VERBS = frozenset({"past", "pres", "fut", "comp", "perf", "prog", "neg", "imp", "must"})

HINT_SHARE = 0.7
"""How often a verb suits the noun before it."""
PEOPLE_FIELDS = frozenset({"kin", "person"})

Word = tuple[str, str]
"""A noun and its field."""
Piece = Callable[["_Talk"], str]


class _Talk:
    """One sentence being made: its dice, its region and who its subject is."""

    __slots__ = ("dialect", "field", "object", "person", "rng")

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.dialect = rng.choice(DIALECT_CHOICES)
        self.person = "they"
        self.field = ""
        self.object = False


class LooseTalk:
    """Draws loose sentences from patterns.txt."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Read the words and compile the patterns."""
        self._places, self._persons = lexicon.places, lexicon.persons
        self.regions = Regions()
        self._verbs = load_verbs()
        by_root = {verb.root: verb for verb in self._verbs["t"]}
        self._make: list[Verb] = [by_root[root] for root in MAKE]
        self._words = read_sections("particles")
        english = read_sections("english_more")
        self._words |= {"quality": english["quality"], "state": english["state"]}
        self._english_verbs = english["verb"]
        self._fields: dict[str, list[Word]] = {
            field: [(word, field) for word in words]
            for field, words in read_sections("nouns_more").items()
        }
        further = [noun for nouns in self._fields.values() for noun in nouns]
        self._english = [(word, "english") for word in english["thing"]]
        plain = [(word, "") for word in lexicon.lists["nouns"]]
        self._nouns = [plain, self._english, *[further] * 5]
        self._suiting = self._collocations()
        self._patterns = [self._compile(line) for line in read_lines("patterns")]

    def _collocations(self) -> dict[str, list[Verb]]:
        """Return the verbs that suit a field, by 'field.use'."""
        roots = {use: {v.root: v for v in verbs} for use, verbs in self._verbs.items()}
        known = (
            roots["i"] | roots["m"] | roots["t"],
            roots["t"] | roots["m"] | roots["i"],
        )
        return {
            key: [known[key.endswith(".i")][root] for line in lines for root in line.split()]
            for key, lines in read_sections("collocations").items()
        }

    def sentence(self, rng: Random) -> str:
        """Return one sentence in one of six ways of speaking."""
        talk = _Talk(rng)
        text = self._clause(talk)
        if rng.random() < SECOND_SHARE:
            second = self._clause(talk)
            if len(text) + len(second) < LONGEST:
                link = rng.choice(self._words["conn"]) + " " if rng.random() < 0.5 else ""
                text = f"{text}, {link}{second}"
        text = self.regions.colour(text, talk.dialect, rng)
        if rng.random() < ADDRESS_SHARE:
            word = rng.choice(self._addresses(talk))
            if rng.random() < 0.75:
                text = self.regions.address(text.rstrip(" ,"), word)
            elif not word.startswith(("ங", "ப்", "ண்", "ய்")) and len(word) > 2:
                text = f"{word}, {text}"
        return text

    def _clause(self, talk: _Talk) -> str:
        text = "".join(piece(talk) for piece in talk.rng.choice(self._patterns))
        return " ".join(text.split())

    def _addresses(self, talk: _Talk) -> list[str]:
        own = self.regions.words(talk.dialect, "addr")
        return own if own and talk.rng.random() < 0.75 else self._words["addr"]

    def _compile(self, pattern: str) -> list[Piece]:
        pieces: list[Piece] = []
        start = 0
        for match in PART.finditer(self._expandable(pattern)):
            pieces.append(_literal(pattern[start : match.start()]))
            if match[1] is not None:
                pieces.append(_either([self._compile(part) for part in match[1].split("|")]))
            else:
                piece = self._slot(match[2])
                pieces.append(_with(piece, SUFFIXES[match[3]]) if match[3] else piece)
            start = match.end()
        pieces.append(_literal(pattern[start:]))
        return pieces

    @staticmethod
    def _expandable(pattern: str) -> str:
        if pattern.count("[") != pattern.count("]") or pattern.count("{") != pattern.count("}"):
            raise ValueError(f"unbalanced pattern: {pattern}")
        return pattern

    def _slot(self, slot: str) -> Piece:
        name, _, case = slot.partition(":")
        head, _, rest = name.partition(".")
        if head == "S":
            return self._subject
        if head == "N":
            return self._noun(None if rest in ("", "any") else self._fields[rest], case)
        if head == "E":
            return self._noun(self._english, case)
        if head == "EV":
            form, _, person = rest.partition(".")
            return self._english_verb(form, person)
        if head in SLOTS or name in SLOTS:
            form, person = (name, "") if name in SLOTS else (head, rest)
            return self._verb(form, person)
        special: dict[str, Piece] = {
            "dur": lambda talk: numbers.duration(talk.rng),
            "num": lambda talk: numbers.cardinal(_count(talk.rng), True, talk.rng),
            "name": lambda talk: talk.rng.choice(self._persons),
            "place": lambda talk: talk.rng.choice(self._places),
            "placel": lambda talk: decline(talk.rng.choice(self._places), "locative", talk.rng),
            "addr": lambda talk: talk.rng.choice(self._words["addr"]),
            "word": self._regional_word,
        }
        if name in special:
            return special[name]
        words = self._words[name]
        return lambda talk: talk.rng.choice(words)

    def _subject(self, talk: _Talk) -> str:
        talk.field, talk.object = "", False
        talk.person = talk.rng.choice(PERSONS[:-1])
        if talk.rng.random() < 0.3:
            talk.person = "they"
        return talk.rng.choice(self._words[f"subj.{talk.person}"])

    def _regional_word(self, talk: _Talk) -> str:
        own = self.regions.words(talk.dialect, "word")
        return talk.rng.choice(own or self._words["adv"])

    def _noun(self, pool: list[Word] | None, case: str) -> Piece:
        pools, adjectives = [pool] if pool else self._nouns, self._words["adj"]
        optional = case == "acc.t"
        case = "acc" if optional else case

        def make(talk: _Talk) -> str:
            rng = talk.rng
            word, field = rng.choice(rng.choice(pools))
            talk.field, talk.object = field, optional
            if case == "loc" and field in PEOPLE_FIELDS and not word.endswith("ங்க"):
                word += "கிட்ட"
            elif case and not (optional and rng.random() < 0.5):
                if rng.random() < 0.22 and word[-1] in FORMAL_ENDS and word[-2:] not in DOUBLED:
                    word = decline(word, FORMAL_CASES[case], rng)
                else:
                    word = spoken_case(word, case, rng)
            elif not case and rng.random() < 0.06:
                word = spoken_case(word, "ee", rng)
            return f"{rng.choice(adjectives)} {word}" if rng.random() < 0.14 else word

        return make

    def _verb(self, form: str, person: str) -> Piece:
        uses = THING_USES if person == "it" else PEOPLE_USES if form in OBJECT_VERBS else ALL_USES
        verbs, suiting = self._verbs, self._suiting

        def make(talk: _Talk) -> str:
            use = "t" if talk.object and person != "it" else talk.rng.choice(uses)
            pool = suiting.get(f"{talk.field}.{'i' if use == 'i' else 't'}")
            pool = pool if pool and talk.rng.random() < HINT_SHARE else verbs[use]
            verb = talk.rng.choice(pool)
            return inflect(verb, form, talk.rng, person or talk.person, talk.dialect)

        return make

    def _english_verb(self, form: str, person: str) -> Piece:
        def make(talk: _Talk) -> str:
            verb = talk.rng.choice(self._make)
            said = inflect(verb, form, talk.rng, person or talk.person, talk.dialect)
            return f"{talk.rng.choice(self._english_verbs)} {said}"

        return make


def _literal(text: str) -> Piece:
    return lambda talk: text


def _either(options: list[list[Piece]]) -> Piece:
    return lambda talk: "".join(piece(talk) for piece in talk.rng.choice(options))


def _with(piece: Piece, suffix: Callable[[str], str]) -> Piece:
    """Put a suffix after a word; the little words of a region do not come between."""

    def make(talk: _Talk) -> str:
        dialect, talk.dialect = talk.dialect, "general"
        word = piece(talk)
        talk.dialect = dialect
        return suffix(word)

    return make


def _count(rng: Random) -> int:
    return rng.choice([rng.randint(2, 30), rng.randint(2, 999), 50 * rng.randint(1, 200)])
