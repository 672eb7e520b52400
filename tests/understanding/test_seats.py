"""All 234 seats by every name, in the forms of speech, and with a slip of the recogniser."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from agent.complaint import Place
from agent.tamil.sound import PULLI, is_tamil
from agent.tamil.words import split_words
from agent.understanding.places import PlaceResolver
from agent.understanding.tables import read_csv

GOAL = 0.99
SLIPS = (
    ("ண", "ன"), ("ன", "ண"), ("ற", "ர"), ("ர", "ற"), ("ழ", "ல"), ("ள", "ல"), ("ல", "ள"),
    ("ீ", "ி"), ("ூ", "ு"), ("ா", ""), ("ே", "ெ"), ("ோ", "ொ"), ("ை", ""),
)  # fmt: skip
"""What the recogniser and the phone confuse: like sounds, long and short vowels."""
LATIN_SLIPS = (("th", "t"), ("zh", "l"), ("aa", "a"), ("ee", "i"), ("u", "oo"), ("l", "ll"))


def names() -> Iterator[tuple[int, str]]:
    """Seat number and each of its names; those in brackets are said without them."""
    for row in read_csv("constituencies"):
        aliases = row["aliases_en"].split("|") + row["aliases_ta"].split("|")
        for name in filter(None, [row["name_en"], row["name_ta"], *aliases]):
            yield int(row["number"]), name.replace("(", "").replace(")", "")


def forms(name: str) -> list[str]:
    """Plain, in, to, from."""
    if not is_tamil(name):
        return [name, f"{name} la", f"{name}ku", f"{name} from"]
    if name.endswith("ம்"):
        stem = name[:-2] + "த்து"
        return [name, f"{stem}ல", f"{stem}க்கு", f"{stem}லேர்ந்து"]
    if name.endswith("டு"):
        stem = name[:-2] + "ட்டு"
        return [name, f"{stem}ல", f"{stem}க்கு", f"{stem}லேர்ந்து"]
    if name.endswith("று"):
        stem = name[:-2] + "ற்று"
        return [name, f"{stem}ல", f"{stem}க்கு", f"{stem}லேர்ந்து"]
    if name.endswith(PULLI):
        return [name, f"{name}ல", f"{name[:-1]}ுக்கு", f"{name}லேர்ந்து"]
    return [name, f"{name}ல", f"{name}க்கு", f"{name}ல இருந்து"]


def slip(name: str, rng: random.Random) -> str:
    """One typical confusion inside the name, where it has room for one."""
    pairs = list(SLIPS if is_tamil(name) else LATIN_SLIPS)
    rng.shuffle(pairs)
    for heard, written in pairs:
        at = name.find(heard, 1, len(name) - 2)
        if at > 0:
            return name[:at] + written + name[at + len(heard) :]
    return name


def gives(places: PlaceResolver, text: str, number: int) -> bool:
    """The seat is found, alone or among those that are asked about."""
    found = places.asked(text, split_words(text))
    place: Place | None = found.place if found else None
    if place is None:
        return False
    return any(c.number == number for c in place.candidates) or place.question is not None


@pytest.mark.parametrize("with_slip", [False, True])
def test_every_seat_is_found_by_every_name(with_slip: bool) -> None:
    places, rng = PlaceResolver.load(), random.Random(7)
    called = [(number, slip(name, rng) if with_slip else name) for number, name in names()]
    said = [(number, form) for number, name in called for form in forms(name)]
    missed = [text for number, text in said if not gives(places, text, number)]
    print(f"\n{len(said) - len(missed)} of {len(said)} forms, missed: {', '.join(missed)}")
    assert len({number for number, _ in said}) == 234
    assert len(missed) <= (1 - GOAL) * len(said)
