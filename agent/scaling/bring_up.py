"""One machine, from nothing to answering calls; done twice, it finds the first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from agent.errors import NoStock, NotReady, UsageError
from agent.scaling.provider import Machine, MachineState, Offer, Provider, Stock, machine_name
from agent.scaling.worker_port import Readiness, WorkerPort

Say = Callable[[str], None]
_FIRST_SLOT = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What bringing a machine up may cost."""

    max_usd_per_hour: float
    """All machines of the environment together."""
    max_machines: int
    ready_within_s: float
    """How long it may take until it answers calls."""
    look_every_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Choice:
    """What would be asked for."""

    name: str
    there: Machine | None
    """The machine of that name, when it exists; then nothing is bought."""
    offers: tuple[Offer, ...]
    """Types to try in turn, all of them in stock and within the limits."""


async def choose(provider: Provider, env: str, limits: Limits) -> Choice:
    """Look at what is there and on offer; buys nothing.

    Raises:
        NoStock: no type of the settings is to be had.
        UsageError: a limit of the settings forbids another machine.
    """
    name = machine_name(env, _FIRST_SLOT)
    machines = await provider.machines()
    there = [one for one in machines if one.name == name]
    if there:
        return Choice(name, there[0], ())
    if len(machines) >= limits.max_machines:
        raise UsageError(
            f"{len(machines)} machines are there, and SCALE__MAX_MACHINES allows no more."
        )
    offers = await provider.offers()
    stocked = [one for one in offers if one.stock != Stock.NONE]
    if not stocked:
        raise NoStock(_no_stock(offers))
    spent = sum(one.usd_per_hour for one in machines)
    fitting = [one for one in stocked if spent + one.usd_per_hour <= limits.max_usd_per_hour]
    if not fitting:
        cheapest = min(one.usd_per_hour for one in stocked)
        raise UsageError(
            f"The cheapest machine in stock costs {cheapest:.2f} $ an hour, on top of "
            f"{spent:.2f} for those there: more than SCALE__MAX_USD_PER_HOUR allows."
        )
    return Choice(name, None, tuple(fitting))


async def bring_up(
    provider: Provider, choice: Choice, limits: Limits, token: SecretStr, say: Say
) -> Machine:
    """Create the machine unless it is there, and wait until it answers calls.

    Args:
        provider: where it comes from.
        choice: of :func:`choose`.
        limits: how long to wait.
        token: shared secret of its control port.
        say: is told what happens, in sentences.

    Raises:
        ProviderError: it could not be had.
        NotReady: it was had and does not answer calls; it still costs money.
    """
    if choice.there is not None:
        machine = choice.there
        say(f"{machine.name} is there already ({machine.type_name}).")
    else:
        machine = await provider.create(choice.name, [one.type_name for one in choice.offers])
        say(f"{machine.name} was asked for ({machine.type_name}, {machine.usd_per_hour:.2f} $/h).")
    return await _until_ready(provider, machine, limits, token, say)


async def _until_ready(
    provider: Provider, machine: Machine, limits: Limits, token: SecretStr, say: Say
) -> Machine:
    port = WorkerPort(machine.address, token)
    seen = Readiness(False, "it does not answer yet")
    try:
        async with asyncio.timeout(limits.ready_within_s):
            while True:
                machine = _still(machine, await provider.machines(), provider)
                before, seen = seen, await port.readiness()
                if seen.ready:
                    return machine
                if seen != before:
                    say(f"{machine.name} is not ready: {seen.why}.")
                await asyncio.sleep(limits.look_every_s)
    except TimeoutError:
        raise NotReady(
            f"{machine.name} does not answer calls after {limits.ready_within_s:.0f} s "
            f"({seen.why}) and costs {machine.usd_per_hour:.2f} $ an hour: look at its output, or "
            f"end it with `kural scale pod end {machine.name}`. {provider.log_hint(machine)}"
        ) from None
    finally:
        await port.aclose()


def _still(machine: Machine, machines: Sequence[Machine], provider: Provider) -> Machine:
    """The machine as the provider lists it now."""
    found = next((one for one in machines if one.id == machine.id), None)
    if found is None:
        raise NotReady(f"{machine.name} is gone: the provider does not list it any more.")
    if found.state == MachineState.FAILED:
        raise NotReady(
            f"{machine.name} has stopped by itself: end it with `kural scale pod end "
            f"{machine.name}`. {provider.log_hint(machine)}"
        )
    return found


def _no_stock(offers: Sequence[Offer]) -> str:
    if not offers:
        return (
            "None of the types in the settings is in the provider's catalogue: see docs/deploy.md."
        )
    names = ", ".join(one.type_name for one in offers)
    return f"No machine is to be had now of: {names}. Try again later or name more types."
