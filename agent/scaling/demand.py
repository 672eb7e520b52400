"""A month of calls, drawn from assumptions that are frozen as data (``data/demand.toml``)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.tickets.calendar import IST, public_holidays
from agent.toml_file import load_toml

SHIPPED = Path(__file__).with_name("data") / "demand.toml"
"""The month that comes with this version."""

DAY_S = 86_400
_HOUR_S = 3_600
_SHARES = 1e-6  # how far shares may be from one

_Share = Annotated[float, Field(ge=0, le=1)]
_Factor = Annotated[float, Field(ge=0, le=100)]
_Positive = Annotated[float, Field(gt=0, le=1_000_000)]
_Day = Annotated[list[_Share], Field(min_length=24, max_length=24)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Special(_Data):
    """A day that is not like others."""

    name: str
    day: Annotated[int, Field(ge=1, le=366)]
    """Counted from the first day, which is 1."""
    factor: _Factor
    """Share of the day's usual volume."""
    storm: bool = False
    """Whether its calls spread over the hours as on a storm day."""


class Outage(_Data):
    """Neighbours who call together."""

    a_day: Annotated[float, Field(ge=0, le=100)]
    """For each MLA on an ordinary day."""
    callers: Annotated[float, Field(ge=1, le=10_000)]
    within_s: _Positive


class Length(_Data):
    """One kind of call by its length."""

    name: str
    share: _Share
    mean_s: _Positive
    sigma: Annotated[float, Field(ge=0, le=3)]


class Demand(_Data):
    """What is assumed of callers. Immutable."""

    first_day: datetime.date
    calls_a_day: _Positive
    """On a working day for one MLA."""
    weekday: Annotated[list[_Factor], Field(min_length=7, max_length=7)]
    holiday: _Factor
    day_sigma: Annotated[float, Field(ge=0, le=2)]
    hours: _Day
    storm_hours: _Day
    special: list[Special] = []
    outage: Outage
    longest_s: _Positive
    length: Annotated[list[Length], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Demand:
        shares = {
            "hours": sum(self.hours),
            "storm_hours": sum(self.storm_hours),
            "the shares of length": sum(one.share for one in self.length),
        }
        for name, total in shares.items():
            if abs(total - 1) > _SHARES:
                raise ValueError(f"{name} must add to 1, not to {total:.4f}")
        return self

    @property
    def starts(self) -> datetime.datetime:
        """Midnight of the first day, Indian time."""
        return datetime.datetime.combine(self.first_day, datetime.time(), IST)


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of a span of time, by arrival."""

    arrives_s: NDArray[np.float64]
    """Seconds since midnight of the first day, ascending."""
    lasts_s: NDArray[np.float64]
    """How long each talks once it is answered."""
    days: int

    def __len__(self) -> int:
        return len(self.arrives_s)


def load_demand(path: Path = SHIPPED) -> Demand:
    """Read a file in the form of ``agent/scaling/data/demand.toml``.

    Raises:
        UnreadableInput: it is not such a file; the message names the first thing that is wrong.
    """
    return load_toml(path, Demand)


def draw_calls(demand: Demand, mlas: int, days: int, seed: int) -> Calls:
    """Draw the calls of ``days`` days for ``mlas`` MLAs; the same seed gives the same calls."""
    random = np.random.default_rng((seed, mlas))
    arrivals = [_day_calls(demand, mlas, day, random) for day in range(days)]
    arrives = np.sort(np.concatenate(arrivals))
    arrives = arrives[arrives < days * DAY_S]
    return Calls(arrives, _lengths(demand, len(arrives), random), days)


def usual_volume(demand: Demand, day: int) -> float:
    """Return the calls expected for one MLA on a day (0 is the first), outages left out."""
    date = demand.first_day + datetime.timedelta(days=day)
    factor = demand.weekday[date.weekday()]
    if date in public_holidays():
        factor = min(factor, demand.holiday)
    special = _special(demand, day)
    return demand.calls_a_day * factor * (special.factor if special else 1.0)


def _special(demand: Demand, day: int) -> Special | None:
    return next((one for one in demand.special if one.day == day + 1), None)


def _day_calls(
    demand: Demand, mlas: int, day: int, random: np.random.Generator
) -> NDArray[np.float64]:
    special = _special(demand, day)
    storm = special is not None and special.storm
    curve = demand.storm_hours if storm else demand.hours
    noise = random.lognormal(-(demand.day_sigma**2) / 2, demand.day_sigma)
    counts = random.poisson(np.array(curve) * usual_volume(demand, day) * mlas * noise)
    within = np.repeat(np.arange(24) * _HOUR_S, counts)
    usual = day * DAY_S + within + random.uniform(0, _HOUR_S, len(within))
    factor = special.factor**2 if special and storm else 1.0
    return np.concatenate([usual, *_outages(demand.outage, mlas * factor, day, random)])


def _outages(
    outage: Outage, mlas: float, day: int, random: np.random.Generator
) -> list[NDArray[np.float64]]:
    found = []
    for start in random.uniform(0, DAY_S, random.poisson(outage.a_day * mlas)):
        callers = int(random.geometric(1 / outage.callers))
        found.append(day * DAY_S + start + random.exponential(outage.within_s, callers))
    return found


def _lengths(demand: Demand, count: int, random: np.random.Generator) -> NDArray[np.float64]:
    shares = np.array([one.share for one in demand.length])
    kind = random.choice(len(shares), count, p=shares / shares.sum())
    sigma = np.array([one.sigma for one in demand.length])[kind]
    mean = np.array([one.mean_s for one in demand.length])[kind]
    lengths = random.lognormal(np.log(mean) - sigma**2 / 2, sigma)
    return np.clip(lengths, 1.0, demand.longest_s)
