"""What speech makes of a name: ராஜபாளையம் is ராஜாளையம், திருச்செங்கோடு is திர்ச்செங்கோடு.

Sound keys undo what all dialects vary alike; these forms add the changes that a key would have to
pay for with false friends. They are made from every name of the tables by the same rules, so that a
town nobody has called about yet is known as well as the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

from agent.tamil.sound import PULLI
from agent.understanding.tables import read_toml

_CHANGES = 2
"""Changes that one form may have; a third makes names of different towns alike."""
_SHORTEST = 6
"""Letters of a name that is changed, and of a form: shorter ones are like common words."""
_SIGNS = "ாிீுூெேைொோௌ" + PULLI
_BROKEN = re.compile(f"(?:^|[{_SIGNS}]|[அ-ஔ])[{_SIGNS}]")
"""A vowel sign or pulli needs a consonant before it."""


@dataclass(frozen=True, slots=True)
class _Change:
    written: str
    spoken: str
    where: str

    def apply(self, name: str) -> Iterator[str]:
        """Yield the name with this change, at each place where it can be made."""
        at = name.find(self.written)
        while at >= 0:
            end = at + len(self.written)
            if self._fits(name, at, end):
                yield name[:at] + self.spoken + name[end:]
            at = name.find(self.written, at + 1)

    def _fits(self, name: str, at: int, end: int) -> bool:
        if self.where == "start":
            return at == 0
        return self.where == "any" or (at > 0 and (self.where == "inside" or end == len(name)))


def spoken_forms(name: str) -> tuple[str, ...]:
    """Return what callers may make of a name, without the name itself.

    Args:
        name: as the table writes it, without a qualifier in brackets.
    """
    name = name.lower()
    if len(name) < _SHORTEST:
        return ()
    found = {name: None}
    layer = [name]
    for _ in range(_CHANGES):
        layer = [form for old in layer for change in _changes() for form in change.apply(old)]
        layer = [form for form in layer if form not in found and not _BROKEN.search(form)]
        found.update(dict.fromkeys(layer))
    return tuple(form for form in found if form != name and len(form) >= _SHORTEST)


@cache
def _changes() -> tuple[_Change, ...]:
    changes: list[_Change] = []
    for rule in read_toml("spoken_names")["rule"]:
        pairs = list(product(rule["written"], rule["spoken"]))
        if rule.get("pairwise"):
            pairs = list(zip(rule["written"], rule["spoken"], strict=True))
        changes += [_Change(written, said, rule["where"]) for written, said in pairs]
    return tuple(change for change in changes if change.written != change.spoken)
