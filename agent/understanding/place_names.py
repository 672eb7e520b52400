"""Every spelling of every place, from the tables of this package."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from agent.understanding.place_entries import Beyond, Entry, Seat, Size
from agent.understanding.tables import read_csv, read_toml

_SIDES = {
    "கிழக்கு": ("ஈஸ்ட்", "ஈஸ்ட்டு"), "மேற்கு": ("வெஸ்ட்", "வெஸ்ட்டு"),
    "வடக்கு": ("நார்த்", "நார்த்து"), "தெற்கு": ("சவுத்", "சவுத்து"),
}  # fmt: skip
"""Sides of a town, and how English says them in Tamil script."""
PARENTHESIS = re.compile(r"\s*\([^)]*\)")
"""The qualifier of a name, which is not spoken."""
_CONFIDENCE = {"high": 1.0, "medium": 0.8}
_SEAT_CONFIDENCE = 0.95


def _spellings(*names: str) -> Iterator[str]:
    for name in names:
        if not name:
            continue
        yield name
        bare = PARENTHESIS.sub("", name)
        if bare != name:
            yield bare


def seat_names() -> Iterator[tuple[str, Entry]]:
    """Yield every spelling of every constituency."""
    for row in read_csv("constituencies"):
        seats = ((int(row["number"]), _SEAT_CONFIDENCE),)
        entry = Entry(row["name_en"], row["name_ta"], Size.SEAT, seats, f"seat:{row['name_en']}")
        aliases = row["aliases_en"].split("|") + row["aliases_ta"].split("|")
        # "சேலம் (மேற்கு)": a part of a city, whose bare name is the whole city.
        spellings = [row["name_en"], row["name_ta"], *aliases]
        for name in filter(None, spellings):
            yield name.replace("(", " ").replace(")", " "), entry


def locality_names() -> Iterator[tuple[str, Entry]]:
    """Yield every spelling of every town, village and neighbourhood."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in read_csv("localities"):
        rows[row["locality_en"]].append(row)
    districts = {row["district_en"] for row in read_csv("districts")}
    aliases: dict[str, list[str]] = defaultdict(list)
    for row in read_csv("place_aliases"):
        aliases[row["locality_en"]] += [row["alias_en"], row["alias_ta"]]
    towns = _town_names()
    for name, group in rows.items():
        first = group[0]
        seats = tuple((int(r["constituency_no"]), _CONFIDENCE[r["confidence"]]) for r in group)
        entry = Entry(
            name,
            PARENTHESIS.sub("", first["locality_ta"]),
            _size(first["kind"], len(seats), name in districts),
            seats,
            f"locality:{name}:{first['confidence']}",
        )
        known_as = [name, first["locality_ta"], *aliases[name]]
        known_as += [short for full in known_as for short in _shortened(full, towns)]
        known_as += [mixed for full in known_as for mixed in _mixed(full)]
        for spelling in _spellings(*known_as):
            yield spelling, entry


def _town_names() -> dict[str, list[str]]:
    """Return the other names of each district town, in either script."""
    names: dict[str, list[str]] = {}
    for row in read_csv("districts"):
        for script in ("en", "ta"):
            short = [name for name in row[f"aliases_{script}"].split("|") if name]
            names[row[f"district_{script}"]] = short
    return names


def _shortened(name: str, towns: dict[str, list[str]]) -> list[str]:
    """Return "Nellai Town" for "Tirunelveli Town"."""
    town, _, part = name.partition(" ")
    if not part or part.startswith("("):
        return []
    return [f"{short} {part}" for short in towns.get(town, ())]


def _mixed(name: str) -> list[str]:
    """Return "அண்ணா நகர் வெஸ்ட்" and "வெஸ்ட் அண்ணா நகர்" for "அண்ணா நகர் மேற்கு"."""
    town, _, side = name.rpartition(" ")
    said = _SIDES.get(side, ())
    return [mixed for word in said if town for mixed in (f"{town} {word}", f"{word} {town}")]


def _size(kind: str, seats: int, district_town: bool) -> Size:
    if kind == "road":
        return Size.ROAD
    if seats > 1 and (district_town or (kind == "town" and seats > 2)):
        return Size.CITY
    return {"taluk": Size.TALUK, "town": Size.TOWN}.get(kind, Size.SMALL)


def district_names(seats: list[Seat]) -> Iterator[tuple[str, Entry]]:
    """Yield every spelling of every district."""
    for row in read_csv("districts"):
        name = row["district_en"]
        inside = [(seat.number, 0.6) for seat in seats if seat.district_en == name]
        inside += [(int(n), 0.5) for n in row["also_seats"].split("|") if n]
        entry = Entry(name, row["district_ta"], Size.DISTRICT, tuple(inside), f"district:{name}")
        aliases = row["aliases_en"].split("|") + row["aliases_ta"].split("|")
        for spelling in _spellings(name, row["district_ta"], *aliases):
            yield spelling, entry


def place_phrases() -> Iterator[str]:
    """Yield every name under which we speak of a place of the tables, Tamil and English.

    Names that people bear too are left out: a phrase kept from here names nobody.
    """
    seats = [
        Seat(int(r["number"]), r["name_en"], r["name_ta"], r["district_en"], r["district_ta"])
        for r in read_csv("constituencies")
    ]
    personal = set(read_toml("places")["personal"])
    for source in (seat_names(), locality_names(), district_names(seats)):
        for _, entry in source:
            names = {entry.name_ta, entry.name_en}
            if personal.isdisjoint(name.lower() for name in names):
                yield from names


def outside_names() -> Iterator[tuple[str, Entry]]:
    """Yield places that are not in Tamil Nadu."""
    data = read_toml("places")
    for kind in Beyond:
        for name in data[kind.value]:
            yield name, Entry(name, name, Size.OUTSIDE, (), kind.value)
