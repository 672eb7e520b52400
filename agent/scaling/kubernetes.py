"""Replicas of a Kubernetes Deployment as machines, by the plain API of the cluster.

A Deployment knows a number, not names. So the number is changed (``scale`` subresource, with its
``resourceVersion``, so that two who count at once do not both win) and the pod that came is given
our name as an annotation. Which pod goes when the number falls is Kubernetes' choice: pods that
are not placed, not running or not ready go first, and only among equals the one with the least
``controller.kubernetes.io/pod-deletion-cost`` (documentation of ReplicaSet). A machine is therefore
ended only while no other pod would go before it.

Its service account needs: get, list and patch on pods; get and patch on deployments/scale.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC

from agent.errors import Conflict, OutcomeUnknown
from agent.scaling.kubernetes_api import Cluster, Pod
from agent.scaling.provider import Machine, MachineState, Offer, Stock, free_name, slot_of
from agent.settings import ScaleSettings

logger = logging.getLogger(__name__)

TYPE = "replica"
"""The one type there is."""
NAME = "kural/machine"
"""Annotation of a pod with our name of it."""
_COST = "controller.kubernetes.io/pod-deletion-cost"
_FIRST_TO_GO = "-2147483647"
_PORT = 8080
_LOOKS = 20


class Kubernetes:
    """A :class:`~agent.scaling.provider.Provider`. Belongs to one event loop; close it."""

    def __init__(
        self, settings: ScaleSettings, *, within_s: float = 15.0, look_every_s: float = 0.5
    ) -> None:
        """Bind cluster and Deployment; no request is made.

        Raises:
            ConfigurationError: the file of the authority is missing or wrong.
        """
        self._env = settings.env
        self._usd_per_hour = settings.usd_per_hour
        self._deployment = settings.kubernetes_deployment
        self._look_every_s = look_every_s
        self._cluster = Cluster(settings, within_s)

    async def offers(self) -> list[Offer]:
        """One type, of whose stock the cluster says nothing: a pod without a node waits."""
        return [Offer(TYPE, self._usd_per_hour, Stock.HIGH, 0, 0.0)]

    async def machines(self) -> list[Machine]:
        """See :class:`~agent.scaling.provider.Provider`.

        A pod that bears no name of ours yet (somebody scaled by hand, a node was lost) is listed
        under the lowest free one.
        """
        pods = await self._cluster.pods((await self._cluster.scale()).status.selector)
        named = {pod.metadata.uid: self._name(pod) for pod in pods if self._name(pod)}
        for pod in pods:
            if pod.metadata.uid not in named:
                named[pod.metadata.uid] = free_name(self._env, named.values())
        return [self._machine(pod, named[pod.metadata.uid]) for pod in pods]

    async def create(self, name: str, types: Sequence[str]) -> Machine:
        """See :class:`~agent.scaling.provider.Provider`; ``types`` has no meaning here."""
        for machine in await self.machines():
            if machine.name == name and machine.state != MachineState.ENDING:
                return machine
        scale = await self._cluster.scale()
        pods = _staying(await self._cluster.pods(scale.status.selector))
        if scale.spec.replicas <= len(pods):  # else one that was asked for before is still to come
            await self._cluster.set_replicas(scale, scale.spec.replicas + 1)
        known = {pod.metadata.uid for pod in pods}
        return await self._christened(name, known, scale.status.selector)

    async def terminate(self, machine_id: str) -> None:
        """See :class:`~agent.scaling.provider.Provider`.

        Raises:
            Conflict: another pod would go in its place, or somebody else is changing the number.
        """
        scale = await self._cluster.scale()
        pods = _staying(await self._cluster.pods(scale.status.selector))
        victim = next((pod for pod in pods if pod.metadata.name == machine_id), None)
        if victim is None:
            return
        if any(pod.rank < victim.rank for pod in pods):
            raise Conflict(
                "Another pod is not ready, and Kubernetes would end that one first: try again "
                "when it is."
            )
        if scale.spec.replicas != len(pods):
            if scale.spec.replicas < len(pods) and _COST in victim.metadata.annotations:
                return  # it was asked for before and is being carried out
            raise Conflict("The cluster is still carrying out another change: try again.")
        await self._cluster.annotate(machine_id, {_COST: _FIRST_TO_GO})
        await self._cluster.set_replicas(scale, len(pods) - 1)
        logger.info("replica ended", extra={"count": len(pods) - 1})

    def log_hint(self, machine: Machine) -> str:
        """See :class:`~agent.scaling.provider.Provider`."""
        return f"Its output: kubectl logs {machine.id}"

    async def aclose(self) -> None:
        """Close connections; pods go on."""
        await self._cluster.aclose()

    # -- names ----------------------------------------------------------------------------------

    def _name(self, pod: Pod) -> str:
        name = pod.metadata.annotations.get(NAME, "")
        return name if slot_of(name, self._env) is not None else ""

    async def _christened(self, name: str, known: set[str], selector: str) -> Machine:
        """Wait for a pod that was not there and bears no name, and give it this one."""
        for _ in range(_LOOKS):
            pods = _staying(await self._cluster.pods(selector))
            for pod in pods:
                if not self._name(pod) and (pod.metadata.uid not in known):
                    await self._cluster.annotate(pod.metadata.name, {NAME: name})
                    return self._machine(pod, name)
            await asyncio.sleep(self._look_every_s)
        raise OutcomeUnknown(
            f"The cluster took the number of replicas, but no pod came for {name}: see `kubectl "
            f"describe deployment {self._deployment}`, perhaps a quota is used up."
        )

    def _machine(self, pod: Pod, name: str) -> Machine:
        return Machine(
            id=pod.metadata.name,
            name=name,
            type_name=TYPE,
            state=_state(pod),
            usd_per_hour=self._usd_per_hour,
            created_at=pod.metadata.creationTimestamp.astimezone(UTC),
            address=_url(pod.status.podIP),
        )


def _staying(pods: list[Pod]) -> list[Pod]:
    return [pod for pod in pods if pod.metadata.deletionTimestamp is None]


def _state(pod: Pod) -> MachineState:
    if pod.metadata.deletionTimestamp is not None:
        return MachineState.ENDING
    return MachineState.RUNNING if pod.status.phase == "Running" else MachineState.STARTING


def _url(ip: str) -> str:
    if not ip:
        return ""
    return f"http://[{ip}]:{_PORT}" if ":" in ip else f"http://{ip}:{_PORT}"
