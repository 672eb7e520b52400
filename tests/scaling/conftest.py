import math
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

import pytest

LINE = re.compile(r"^ {2}(\w+) = (.+) = (-?[\d.]+) (\S.*)$")


class Recompute:
    """Reads printed formulas and computes them again with nothing of the package."""

    def lines(self, text):
        """Yield (name, numbers of the formula, printed value, unit)."""
        for line in text.splitlines():
            if found := LINE.match(line):
                name, formula, value, unit = found.groups()
                yield name, formula.split(" = ")[-1], value, unit

    def evaluate(self, formula):
        assert re.fullmatch(r"(?:[\d.+*/(), -]|ceil|floor|max|erlang_b)+", formula), formula
        known = {
            "D": Decimal,
            "ceil": lambda x: x.to_integral_value(ROUND_CEILING),
            "floor": lambda x: x.to_integral_value(ROUND_FLOOR),
            "max": max,
            "erlang_b": self.erlang_b,
            "__builtins__": {},
        }
        return eval(re.sub(r"[\d.]+", lambda number: f"D('{number.group()}')", formula), known)

    def erlang_b(self, load, blocking):
        """By the sum of Erlang's formula in logarithms, not by the recursion of the package."""
        load, blocking = float(load), float(blocking)
        slots = 1
        while True:
            terms = [n * math.log(load) - math.lgamma(n + 1) for n in range(slots + 1)]
            most = max(terms)
            lost = math.exp(terms[-1] - most) / sum(math.exp(one - most) for one in terms)
            if lost <= blocking:
                return Decimal(slots)
            slots += 1

    def rounded(self, value, printed):
        places = len(printed.partition(".")[2])
        return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@pytest.fixture
def recompute():
    return Recompute()
