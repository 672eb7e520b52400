"""What RunPod offers now: price, stock and size of the types a plan allows."""

from __future__ import annotations

from agent.scaling.pod_plan import MIN_CUDA, PodPlan
from agent.scaling.provider import Offer
from agent.scaling.runpod_answers import CpuType, GpuType, read_list
from agent.scaling.runpod_http import RunPodHttp


async def offers(http: RunPodHttp, plan: PodPlan) -> list[Offer]:
    """Types of the plan that RunPod knows, in the plan's order, those without stock included.

    Raises:
        ProviderError: the catalogue cannot be read.
    """
    found = await (_gpus(http, plan) if plan.gpu else _cpus(http, plan))
    known = {offer.type_name: offer for offer in found}
    return [known[name] for name in plan.types if name in known]


async def _gpus(http: RunPodHttp, plan: PodPlan) -> list[Offer]:
    answer = await http.repeated(
        "GET",
        "/v2/catalog/gpus",
        query={
            "include": "AVAILABILITY",
            "product": "POD",
            "cloud": "SECURE",
            "minCudaVersion": MIN_CUDA,
        },
    )
    return [
        Offer(
            type_name=kind.id,
            usd_per_hour=kind.price.secure,
            stock=kind.stock(plan.data_centers),
            vcpus=plan.min_vcpus,
            memory_gb=float(plan.min_memory_gb),
        )
        for kind in read_list(answer.body, "gpus", GpuType)
    ]


async def _cpus(http: RunPodHttp, plan: PodPlan) -> list[Offer]:
    """Each flavour in the size to order: stock is a matter of the size, so each size is asked."""
    sizes = {
        kind.id: count
        for kind in await _flavours(http, None)
        if (count := kind.vcpus(plan.min_vcpus, plan.min_memory_gb)) and kind.id in plan.types
    }
    return [
        _cpu_offer(kind, count, plan)
        for count in sorted(set(sizes.values()))
        for kind in await _flavours(http, count)
        if sizes.get(kind.id) == count
    ]


def _cpu_offer(kind: CpuType, vcpus: int, plan: PodPlan) -> Offer:
    return Offer(
        type_name=kind.id,
        usd_per_hour=round(kind.price.securePerVcpu * vcpus, 6),
        stock=kind.stock(plan.data_centers),
        vcpus=vcpus,
        memory_gb=kind.ramGbPerVcpu * vcpus,
    )


async def _flavours(http: RunPodHttp, vcpus: int | None) -> list[CpuType]:
    query = {"include": "AVAILABILITY", "product": "POD", "vcpuCount": str(vcpus)}
    answer = await http.repeated("GET", "/v2/catalog/cpus", query=query if vcpus else None)
    return read_list(answer.body, "cpus", CpuType)
