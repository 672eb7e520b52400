"""Pods of RunPod as machines, over its REST API version 2 (``https://api.runpod.io/v2``).

Its rules and what follows from them: a request places one type, so the list of types is tried
here; no idempotency key exists, so names are looked up before anything is bought and after an
answer was lost; a stopped pod may never get its GPU back, so pods are ended, never stopped; there
is no way in for UDP, so only an HTTP port is asked for, which its proxy serves over TLS.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from agent.errors import (
    Conflict,
    NoStock,
    OutcomeUnknown,
    ProviderAway,
    ProviderError,
    RequestRefused,
)
from agent.scaling import runpod_catalogue
from agent.scaling.pod_plan import MIN_CUDA, PodPlan
from agent.scaling.provider import Machine, MachineState, Offer, slot_of
from agent.scaling.runpod_answers import STATES, BillRecord, Pod, PodName, read_list, read_one
from agent.scaling.runpod_http import ATTEMPTS, RunPodHttp

logger = logging.getLogger(__name__)


class RunPod:
    """A :class:`~agent.scaling.provider.Provider`. Belongs to one event loop; close it."""

    def __init__(
        self,
        key: SecretStr,
        plan: PodPlan,
        *,
        url: str,
        proxy: str,
        within_s: float = 30.0,
        pause_s: float = 1.0,
    ) -> None:
        """Bind account and plan; no request is made.

        Args:
            key: of the account.
            plan: what pods are like.
            url: endpoint, without ``/v2``.
            proxy: address of a port of a pod, with ``{id}`` and ``{port}``.
            within_s: longest wait for one answer.
            pause_s: wait before the second try; the third waits four times as long.
        """
        self._plan = plan
        self._proxy = proxy
        self._http = RunPodHttp(
            key, url, secrets=plan.environment.values(), within_s=within_s, pause_s=pause_s
        )

    async def offers(self) -> list[Offer]:
        """See :class:`~agent.scaling.provider.Provider`; the catalogue is read at every call."""
        return await runpod_catalogue.offers(self._http, self._plan)

    async def machines(self) -> list[Machine]:
        """See :class:`~agent.scaling.provider.Provider`.

        Two machines may bear one name after an answer was lost; their ids differ.
        """
        answer = await self._http.repeated("GET", "/v2/pods")
        names = read_list(answer.body, "pods", PodName)
        ours = [
            read_one(item, Pod)
            for item, pod in zip(answer.body["pods"], names, strict=True)
            if slot_of(pod.name, self._plan.env) is not None
        ]
        return [self._machine(pod) for pod in ours if pod.status in STATES]

    async def create(self, name: str, types: Sequence[str]) -> Machine:
        """See :class:`~agent.scaling.provider.Provider`."""
        if (there := await self._named(name)) is not None:
            return there
        sizes = {} if self._plan.gpu else {one.type_name: one.vcpus for one in await self.offers()}
        refused: ProviderError = RequestRefused("No type of machine was named.")
        for kind in types:
            try:
                return await self._place(name, kind, sizes)
            except (NoStock, RequestRefused) as exc:  # perhaps this one type: the next may do
                if not isinstance(refused, NoStock):
                    refused = exc
        raise refused

    async def terminate(self, machine_id: str) -> None:
        """See :class:`~agent.scaling.provider.Provider`."""
        await self._http.repeated("DELETE", f"/v2/pods/{machine_id}", gone_is_fine=True)
        logger.info("pod ended", extra={"machine": machine_id})

    async def billed_usd(self, since: datetime) -> float:
        """What pods cost from ``since`` until now by RunPod's own books, all pods of the account.

        Whole hours: the hour in which ``since`` lies counts from its beginning.
        """
        start = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"startTime": start, "bucketSize": "hour"}
        answer = await self._http.repeated("GET", "/v2/billing/pods", query=query)
        return sum(one.totalAmount for one in read_list(answer.body, "records", BillRecord))

    def log_hint(self, machine: Machine) -> str:
        """See :class:`~agent.scaling.provider.Provider`."""
        return f"Its output is in the RunPod console: Pods, {machine.name} ({machine.id}), Logs."

    async def aclose(self) -> None:
        """Close connections; pods go on."""
        await self._http.aclose()

    async def _place(self, name: str, kind: str, sizes: dict[str, int]) -> Machine:
        """Ask for one pod of one type; after a lost answer its name says whether it exists."""
        try:
            answer = await self._http.once("POST", "/v2/pods", self._wish(name, kind, sizes))
            pod = read_one(answer.body, Pod)
        except ProviderAway as exc:
            if not exc.sent:
                raise
            return await self._after_doubt(name, exc)
        logger.info("pod asked for", extra={"machine": pod.id})
        return self._machine(pod)

    async def _after_doubt(self, name: str, doubt: ProviderAway) -> Machine:
        for attempt in range(ATTEMPTS):
            await self._http.pause(attempt)
            try:
                there = await self._named(name)
            except ProviderError:
                break
            if there is not None:
                return there
        raise OutcomeUnknown(
            f"RunPod may or may not have made {name}: look at its list before asking again."
        ) from doubt

    async def _named(self, name: str) -> Machine | None:
        """The machine of this name that lives.

        Raises:
            Conflict: there is one, but it has stopped by itself.
        """
        same = [one for one in await self.machines() if one.name == name]
        alive = [one for one in same if one.state != MachineState.FAILED]
        if same and not alive:
            raise Conflict(f"{name} has stopped by itself and is still there: end it first.")
        return alive[0] if alive else None

    def _machine(self, pod: Pod) -> Machine:
        return Machine(
            id=pod.id,
            name=pod.name,
            type_name=pod.type_name,
            state=STATES[pod.status],
            usd_per_hour=pod.cost,
            created_at=pod.createdAt.astimezone(UTC),
            address=self._proxy.replace("{id}", pod.id).replace("{port}", str(self._plan.port)),
        )

    def _wish(self, name: str, kind: str, sizes: dict[str, int]) -> dict[str, Any]:
        plan = self._plan
        wish: dict[str, Any] = {
            "name": name,
            "image": plan.image,
            "cloud": "SECURE",
            "disk": plan.disk_gb,
            "ports": [f"{plan.port}/http"],
            "env": dict(plan.environment),
            "args": plan.command,
            "dataCenterIds": list(plan.data_centers),
            "registry": plan.registry,
        }
        if plan.gpu:
            wish["gpu"] = {
                "id": kind,
                "count": 1,
                "minCudaVersion": MIN_CUDA,
                "minVcpuCountPerGpu": plan.min_vcpus,
                "minRamPerGpu": plan.min_memory_gb,
            }
        elif kind in sizes:
            wish["cpu"] = {"id": kind, "vcpuCount": sizes[kind]}
        else:
            raise RequestRefused(f"RunPod has no CPU type {kind} of the wanted size.")
        return {key: value for key, value in wish.items() if value}
