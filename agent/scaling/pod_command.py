"""``kural scale pod``: machines of RunPod by hand, which ``deploy-runpod.sh`` uses."""

from __future__ import annotations

import asyncio

import click

from agent import settings as settings_module
from agent.errors import NotReady, UsageError
from agent.scaling.bring_up import Choice, Limits, bring_up, choose
from agent.scaling.pod_plan import PodPlan, bare_plan, plan_of
from agent.scaling.provider import Machine, MachineState, Provider
from agent.scaling.providers import control_token, open_runpod
from agent.scaling.worker_port import WorkerPort
from agent.settings import ScaleSettings, Settings

_LOOK_EVERY_S = 5.0


_look_every = click.option(
    "--look-every",
    type=click.FloatRange(0.01, 60),
    default=_LOOK_EVERY_S,
    show_default=True,
    help="Seconds between two looks at it.",
)


@click.group()
def pod() -> None:
    """Machines of RunPod, by hand."""


@pod.command()
@click.option(
    "--instance-type",
    type=click.Choice(["cpu", "gpu"]),
    help="Kind of machine  [default: SCALE__INSTANCE].",
)
@click.option("--dry-run", is_flag=True, help="Check and say what would be done; buy nothing.")
@_look_every
def up(instance_type: str | None, dry_run: bool, look_every: float) -> None:
    """Start one machine, or find the one that is there, and wait until it answers calls."""
    settings = settings_module.load()
    plan = plan_of(settings, gpu=None if instance_type is None else instance_type == "gpu")
    asyncio.run(_up(settings, plan, dry_run=dry_run, look_every_s=look_every))


@pod.command(name="list")
def list_() -> None:
    """Show the machines of this environment, and what they cost."""
    asyncio.run(_list(settings_module.load()))


@pod.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Also when nobody knows whether it has calls.")
@_look_every
def end(name: str, force: bool, look_every: float) -> None:
    """Let a machine finish its calls and send its tickets, then end it for good."""
    settings = settings_module.load()
    asyncio.run(_end(settings, name, force=force, look_every_s=look_every))


async def _up(settings: Settings, plan: PodPlan, *, dry_run: bool, look_every_s: float) -> None:
    limits = _limits(settings.scale, look_every_s)
    provider = open_runpod(settings, plan)
    try:
        choice = await choose(provider, plan.env, limits)
        if dry_run:
            _say_choice(choice, plan)
            return
        machine = await bring_up(
            provider, choice, limits, control_token(settings), lambda text: click.echo(text)
        )
        click.echo(f"{machine.name} answers calls. Its control port: {machine.address}")
    finally:
        await provider.aclose()


def _say_choice(choice: Choice, plan: PodPlan) -> None:
    if (there := choice.there) is not None:
        click.echo(f"{there.name} is there already ({there.type_name}, {there.state.value}).")
        return
    types = [f"{one.type_name} ({one.usd_per_hour:.2f} $/h)" for one in choice.offers]
    click.echo(f"Would ask for {choice.name}: {', else '.join(types)}")
    click.echo(f"  image {plan.image}, at least {plan.min_vcpus} vCPUs, {plan.min_memory_gb} GB")
    click.echo(f"  with the settings {', '.join(sorted(plan.environment))}")
    click.echo("Nothing was bought.")


async def _list(settings: Settings) -> None:
    provider = open_runpod(settings, bare_plan(settings))
    try:
        machines = await provider.machines()
    finally:
        await provider.aclose()
    for one in sorted(machines, key=lambda machine: machine.name):
        price = f"{one.usd_per_hour:.2f} $/h"
        click.echo(f"{one.name}  {one.state.value:8}  {price}  {one.type_name}  {one.id}")
    click.echo(f"{len(machines)} in all, {sum(one.usd_per_hour for one in machines):.2f} $/h")


async def _end(settings: Settings, name: str, *, force: bool, look_every_s: float) -> None:
    provider = open_runpod(settings, bare_plan(settings))
    try:
        same = [one for one in await provider.machines() if one.name == name]
        if not same:
            raise UsageError(f"There is no machine {name}: see `kural scale pod list`.")
        for machine in same:
            if not force:
                await _emptied(settings, provider, machine, look_every_s)
            await provider.terminate(machine.id)
            click.echo(f"{machine.name} ({machine.id}) is ended.")
    finally:
        await provider.aclose()


async def _emptied(
    settings: Settings, provider: Provider, machine: Machine, look_every_s: float
) -> None:
    """Return once nothing is lost with the machine.

    Raises:
        NotReady: it cannot be asked.
    """
    if machine.state != MachineState.RUNNING:
        raise NotReady(
            f"{machine.name} does not run, so nobody knows whether tickets lie on its disk: add "
            f"--force to end it all the same. {provider.log_hint(machine)}"
        )
    port = WorkerPort(machine.address, control_token(settings))
    try:
        state = await port.drain()
        said = -1
        while not state.empty:
            if (left := state.active_calls + state.unsent) != said:
                click.echo(f"{state.active_calls} calls and {state.unsent} unsent lines are left.")
                said = left
            await asyncio.sleep(look_every_s)
            state = await port.drain_state()
    finally:
        await port.aclose()


def _limits(scale: ScaleSettings, look_every_s: float) -> Limits:
    return Limits(
        max_usd_per_hour=scale.max_usd_per_hour,
        max_machines=scale.max_machines,
        ready_within_s=scale.ready_within_s,
        look_every_s=look_every_s,
    )
