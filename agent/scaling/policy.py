"""How many machines, decided: what is seen and the time in, actions with their reasons out (pure).

Up at once, down slowly, and never at a caller's cost: a machine goes only after it was drained,
has no call and holds no unsent line, by its own word of this minute. What cannot be read is not
guessed: the decision is to hold.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from agent.scaling.fleet import (
    Action,
    Choice,
    Decision,
    Drain,
    Figures,
    Order,
    Phase,
    Seen,
    State,
    Terminate,
    phase_of,
)
from agent.scaling.foresight import arrivals_at, foreseen, remember_arrivals
from agent.scaling.machine_mix import MachineType, cheapest_mix
from agent.scaling.policy_config import Config
from agent.tickets.calendar import IST

_HOUR = timedelta(hours=1)
_HOUR_S = 3600.0
_PHASES = tuple(Phase)


def plan(state: State, now: datetime, config: Config) -> Decision:
    """Decide what to do now.

    Args:
        state: what is seen, with the memory of the decision before.
        now: the time, timezone-aware.
        config: how to decide.
    """
    if reason := _unreadable(state, now, config):
        held = replace(state.memory, surplus_since=None, idle_since=None, accounted_since=None)
        return Decision((), (f"Hold: {reason}.",), held)
    return _Planner(state, now, config).decide()


def _unreadable(state: State, now: datetime, config: Config) -> str:
    if state.failed:
        return state.failed
    age_s = (now - state.read_at).total_seconds()
    if abs(age_s) > config.stale_s:
        return f"the last reading is {age_s:.0f} s old"
    return ""


class _Planner:
    """One decision in the making."""

    def __init__(self, state: State, now: datetime, config: Config) -> None:
        self.state, self.now, self.config = state, now, config
        stale = timedelta(seconds=config.stale_s)
        limit = timedelta(seconds=config.start_limit_s)
        self.by_phase: dict[Phase, list[Seen]] = {phase: [] for phase in _PHASES}
        for machine in state.machines:
            self.by_phase[phase_of(machine, now, stale, limit)].append(machine)
        self.memory = remember_arrivals(state.memory, state.arrived, now, config)
        self.actions: list[Action] = []
        self.why: list[str] = []
        self.hourly = sum(machine.usd_per_hour for machine in state.machines)

    def decide(self) -> Decision:
        self._look()
        self._remember()
        self._return_empty()
        self._reap()
        if self._money_is_up():
            self._drain_all()
        elif self.have < self.want or len(self.coming) < self._least():
            self._order()
        else:
            self._let_go()
        if not self.why:
            self.why.append(f"Enough: {self.have} places for {self.want} wanted.")
        return Decision(tuple(self.actions), tuple(self.why), self.memory, self._figures())

    # --- what is needed, what is there ---------------------------------------------------------
    def _look(self) -> None:
        config, state = self.config, self.state
        ahead = timedelta(seconds=config.tiers.cold_start.p95_s + config.stale_s)
        self.open = config.schedule.is_open_within(self.now, ahead)
        here = state.active + state.unserved + (0 if self.open else state.after_hours)
        ready_s = config.tiers.cold_start.p95_s
        self.expected, self.deviation = foreseen(here, self.memory, self.now, ready_s, config)
        self.soon_per_s = arrivals_at(self.memory, self.now + timedelta(seconds=ready_s), config)
        self.want = self._want()
        self.coming = self.by_phase[Phase.SERVING] + self.by_phase[Phase.STARTING]
        self.have = sum(machine.capacity for machine in self.coming)
        self.serving = sum(machine.capacity for machine in self.by_phase[Phase.SERVING])
        telling = self.coming + self.by_phase[Phase.DRAINING]
        known = sum(machine.reading.calls for machine in telling if machine.reading)
        self.unaccounted = max(0, state.active - known)

    def _want(self) -> int:
        config, state = self.config, self.state
        if self._answer_path_does():
            return 0
        calls = math.ceil(self.expected + config.margin * self.deviation) + config.buffer
        if state.unserved:
            calls = max(calls, state.active + state.unserved)
        spare = config.tiers.at(calls).spare
        lost = [machine.capacity for machine in state.machines if machine.alive]
        return max(1, calls + spare * max(lost, default=0))

    def _answer_path_does(self) -> bool:
        """Whether it is outside hours and the answer path can carry alone what comes."""
        path = self.config.answer_path_calls
        if self.open or not path:
            return False
        usual = self.memory.arrivals_per_s * self.config.answer_path_s
        now = self.state.after_hours + self.state.unserved
        return now < path and usual + 2.0 * math.sqrt(usual) <= path

    def _least(self) -> int:
        """Machines that must stay."""
        if self.open:
            return max(1, self.config.open_machines)
        return 0 if self.want == 0 else 1

    # --- memory --------------------------------------------------------------------------------
    def _remember(self) -> None:
        memory = self.memory
        hour_ago = self.now - _HOUR
        self.memory = replace(
            memory,
            since=memory.since or self.now,
            acted=tuple([one for one in memory.acted if one > hour_ago]) if memory.acted else (),
            idle_since=self._since(memory.idle_since, self.want == 0),
            accounted_since=self._since(memory.accounted_since, self.unaccounted == 0),
            surplus_since=self._since(memory.surplus_since, self._victim() is not None),
        )

    def _since(self, before: datetime | None, true: bool) -> datetime | None:
        return (before or self.now) if true else None

    def _lasted(self, since: datetime | None, seconds: float) -> bool:
        return since is not None and (self.now - since).total_seconds() >= seconds

    # --- down ----------------------------------------------------------------------------------
    def _return_empty(self) -> None:
        for machine in self.by_phase[Phase.DRAINING]:
            reading = machine.reading
            if reading is not None and reading.calls == 0 and reading.unsent == 0:
                self._act(Terminate(machine.id), f"Give back {machine.name}: drained and empty.")

    def _reap(self) -> None:
        for machine in self.by_phase[Phase.BROKEN]:
            if self._held_nothing(machine):
                self._act(Terminate(machine.id), f"Give back {machine.name}: it runs no more.")
            else:
                self.why.append(
                    f"Keep {machine.name} for a person: it broke and may have unsent lines on it."
                )
        for machine in self.by_phase[Phase.SILENT]:
            if self._never_used(machine):
                self._act(Terminate(machine.id), f"Give back {machine.name}: it never came up.")
            else:
                self.why.append(f"Keep {machine.name}: it does not answer, so what it holds is")
                self.why[-1] += " not known."

    def _held_nothing(self, machine: Seen) -> bool:
        """Whether a broken machine was empty, or a person has had a day to look at it."""
        reading = machine.reading
        if reading is None:
            return self._never_used(machine) or self._lasted(
                machine.created_at, self.config.broken_keep_s
            )
        emptied = reading.draining and reading.calls == 0 and reading.unsent == 0
        return emptied or self._lasted(reading.at, self.config.broken_keep_s)

    def _never_used(self, machine: Seen) -> bool:
        """Whether it is certain that it had no call.

        It never answered, and all along every call in progress was on a machine that did.
        """
        since = self.memory.accounted_since
        return (
            machine.reading is None
            and self.memory.since is not None
            and self.memory.since <= machine.created_at
            and self._lasted(since, self.config.accounted_s)
        )

    def _victim(self) -> Seen | None:
        """The machine that could go: fewest calls, then the dearest, then the oldest."""
        serving = self.by_phase[Phase.SERVING]
        if len(serving) <= self._least():
            return None
        spare = self.serving - self.want
        ready = [machine for machine in serving if machine.capacity <= spare]
        return min(
            ready,
            key=lambda m: (m.reading.calls if m.reading else 0, -m.usd_per_hour, m.created_at),
            default=None,
        )

    def _let_go(self) -> None:
        victim = self._victim()
        if victim is None:
            return
        last = len(self.by_phase[Phase.SERVING]) == 1
        since, needed_s = self.memory.surplus_since, self.config.surplus_s
        if last:
            since, needed_s = self.memory.idle_since, self.config.idle_s
        if not self._lasted(since, needed_s):
            self.why.append(f"Wait: {victim.name} is too many, but not yet for {needed_s:.0f} s.")
        elif self._may_act():
            calls = victim.reading.calls if victim.reading else 0
            rest = "the answer path does" if last else "the others carry all"
            self._act(Drain(victim.id), f"Drain {victim.name} with {calls} calls: {rest}.")
            self.memory = replace(self.memory, surplus_since=None)

    def _drain_all(self) -> None:
        for machine in self.by_phase[Phase.SERVING]:
            self._act(Drain(machine.id), f"Drain {machine.name}: the day's money is spent.")
        if not self.by_phase[Phase.SERVING]:
            self.why.append("No machine until midnight: the day's money is spent.")

    # --- up ------------------------------------------------------------------------------------
    def _order(self) -> None:
        short = max(1, self.want - self.have)
        if reason := self._no_order():
            self.why.append(f"Short of {short} places, but {reason}.")
            return
        choices = self._choices()
        mix = cheapest_mix(short, tuple(_as_type(one) for one in choices))
        hourly, count = self.hourly, len(self.state.machines) - len(self.by_phase[Phase.BROKEN])
        for name in (name for name, many in mix.items() for _ in range(many)):
            types = self._affordable(name, choices, hourly)
            if count >= self.config.max_machines or not types or not self._may_act():
                self.why.append(f"Short of {short} places, but at a limit: {self._limit(count)}.")
                return
            price = max(one.usd_per_hour for one in choices if one.type_name in types)
            hourly, count = hourly + price, count + 1
            self._act(
                Order(types),
                f"Order a {name}: {self.want} places wanted, {self.have} there or coming.",
            )

    def _no_order(self) -> str:
        until = self.memory.no_order_until
        if until is not None and self.now < until:
            return "the last orders failed: waiting"
        if not self.state.choices:
            return "no machine of a known capacity is in stock"
        return ""

    def _choices(self) -> tuple[Choice, ...]:
        """Types of the tier that are in stock, else all that are."""
        tiers, choices = self.config.tiers, self.state.choices
        ids = {tiers.machine[name].id for name in tiers.at(self.want).machines}
        return tuple(one for one in choices if one.type_name in ids) or choices

    def _affordable(
        self, first: str, choices: tuple[Choice, ...], hourly: float
    ) -> tuple[str, ...]:
        """The wanted type and what may be had instead, each within both caps."""
        others = sorted(choices, key=lambda one: one.usd_per_hour / max(1, one.capacity))
        order = sorted(others, key=lambda one: one.type_name != first)
        room = [one for one in order if self._within(hourly + one.usd_per_hour)]
        return tuple(one.type_name for one in room)

    def _within(self, hourly: float) -> bool:
        """Whether so much an hour leaves money for an hour of work and the winding down."""
        day = self.state.spent_today_usd + hourly * self._reserve_h(_HOUR_S)
        return hourly <= self.config.usd_per_hour and day <= self.config.usd_per_day

    def _reserve_h(self, work_s: float) -> float:
        """Hours of today that must be paid for if everything began to wind down after the work."""
        local = self.now.astimezone(IST)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        left_s = (midnight - local).total_seconds()
        tail_s = self.config.wind_down_s + self.config.start_limit_s
        return min(left_s, work_s + tail_s) / _HOUR_S

    def _money_is_up(self) -> bool:
        config, spent = self.config, self.state.spent_today_usd
        most = self.hourly * (config.wind_down_s + config.start_limit_s) / _HOUR_S
        if not self.hourly or spent + most < config.usd_per_day:
            return False
        return spent + self.hourly * self._reserve_h(0.0) >= config.usd_per_day

    def _limit(self, count: int) -> str:
        config = self.config
        if count >= config.max_machines:
            return f"{count} machines"
        if not self._may_act():
            return f"{config.actions_per_hour} actions an hour"
        return f"{config.usd_per_hour:g} USD an hour, {config.usd_per_day:g} USD a day"

    # --- bookkeeping ---------------------------------------------------------------------------
    def _may_act(self) -> bool:
        return len(self.memory.acted) < self.config.actions_per_hour

    def _act(self, action: Action, why: str) -> None:
        self.actions.append(action)
        self.why.append(why)
        if not isinstance(action, Terminate):
            self.memory = replace(self.memory, acted=(*self.memory.acted, self.now))

    def _figures(self) -> Figures:
        return Figures(
            active=self.state.active,
            unserved=self.state.unserved,
            arrivals_per_min=self.memory.arrivals_per_s * 60,
            soon_per_min=self.soon_per_s * 60,
            expected=self.expected,
            want=self.want,
            have=self.have,
            open=self.open,
            usd_per_hour=self.hourly,
            spent_today_usd=self.state.spent_today_usd,
        )


def _as_type(choice: Choice) -> MachineType:
    return MachineType(choice.type_name, choice.capacity, Decimal(str(choice.usd_per_hour)))
