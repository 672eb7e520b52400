"""A small RunPod on loopback: its REST API version 2 as far as we use it, and its moods.

Written after the published OpenAPI description (20 August 2026) and answers of the live service
that others have published. Faults are given in advance, one after another::

    fake.faults.append(Fault("lost", "POST"))      # the pod is made, the answer is not sent
    fake.faults.append(Fault("429", times=3))

By hand: ``python -m tests.scaling.fake_runpod --port 8901`` and then, in another shell,
``SCALE__RUNPOD_URL=http://127.0.0.1:8901
SCALE__RUNPOD_PROXY='http://127.0.0.1:8901/proxy/{id}-{port}' RUNPOD_API_KEY=key
./deploy-runpod.sh``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import click
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NO_STOCK = (
    "There are no longer any instances available with the requested specifications. Please refresh "
    "and try again."
)
PROBLEMS = {
    "400": "request could not be processed",
    "401": "missing bearer token",
    "402": "Your account balance is too low to rent a pod",
    "403": "access denied",
    "404": "resource not found",
    "409": "pod state does not allow this action",
    "422": "Request validation failed.",
    "429": "rate limit exceeded for the minute window",
    "500": "internal error",
    "503": "service unavailable",
}
KNOWN = {
    "name": str,
    "image": str,
    "cloud": str,
    "disk": int,
    "ports": list,
    "env": dict,
    "args": str,
    "dataCenterIds": list,
    "registry": str,
    "gpu": dict,
    "cpu": dict,
}
KNOWN_GPU = {
    "id": str,
    "count": int,
    "minCudaVersion": str,
    "allowedCudaVersions": list,
    "minVcpuCountPerGpu": int,
    "minRamPerGpu": int,
}
KNOWN_CPU = {"id": str, "vcpuCount": int}


@dataclass
class Fault:
    """One request that goes wrong: a status, or hang, lost, garbage, wrong_form, drip, no_stock."""

    kind: str
    method: str = ""
    """Only requests with this method; empty = any."""
    path: str = ""
    """Only paths that contain this."""
    times: int = 1
    retry_after: str = "1"


@dataclass
class FakePod:
    """A pod and what its worker says."""

    id: str
    name: str
    wish: dict[str, Any]
    usd_per_hour: float
    created: float
    ended: float | None = None
    broken: str = ""
    """EXITED or ERROR once it has stopped by itself."""
    ready: bool | None = None
    """What /ready says; None = ready as soon as it runs."""
    draining: bool = False
    active_calls: int = 0
    unsent: int = 0


@dataclass
class FakeRunPod:
    """The service. Start it with ``async with``; times are seconds of :attr:`clock`."""

    key: str = "key"
    clock: Callable[[], float] = time.time
    provisioning_s: float = 0.0
    starting_s: float = 0.0
    quota: int | None = None
    """Requests a minute; None = unlimited."""
    balance_usd: float = 100.0
    gpus: dict[str, tuple[float, str]] = field(
        default_factory=lambda: {
            "NVIDIA RTX 4000 Ada Generation": (0.28, "HIGH"),
            "NVIDIA RTX 2000 Ada Generation": (0.24, "MEDIUM"),
            "NVIDIA GeForce RTX 4090": (0.74, "HIGH"),
        }
    )
    """Type -> price an hour and stock."""
    cpus: dict[str, tuple[float, str]] = field(
        default_factory=lambda: {"cpu5c": (0.035, "HIGH"), "cpu3c": (0.03, "MEDIUM")}
    )
    """Flavour -> price an hour of one vCPU and stock."""
    pods: dict[str, FakePod] = field(default_factory=dict)
    """Every pod ever made, by id."""
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request that came, in order."""
    url: str = ""
    token: str = ""
    """What /drain of a pod wants; empty = it takes none."""

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self._recent: list[float] = []
        self._over = asyncio.Event()
        self.hanging = asyncio.Event()
        """Set once a request waits for an answer that will not come."""

    # -- what a test looks at and changes ---------------------------------------------------------

    @property
    def proxy(self) -> str:
        """For SCALE__RUNPOD_PROXY."""
        return f"{self.url}/proxy/{{id}}-{{port}}"

    def alive(self) -> list[FakePod]:
        """Pods that cost money."""
        return [pod for pod in self.pods.values() if pod.ended is None]

    def vanish(self, pod_id: str) -> None:
        """The host is gone, and the pod with it."""
        self.pods[pod_id].ended = self.clock()

    def billed_usd(self) -> float:
        """What all pods together have cost."""
        return sum(
            pod.usd_per_hour * ((pod.ended or self.clock()) - pod.created) / 3600
            for pod in self.pods.values()
        )

    def add(self, name: str, **changes: Any) -> FakePod:
        """Put a pod there that somebody made before."""
        wish = {"image": "an/image:1", "gpu": {"id": "NVIDIA GeForce RTX 4090", "count": 1}}
        pod = FakePod(f"pod{next(self._ids):04}", name, wish, 0.74, self.clock() - 86_400)
        for key, value in changes.items():
            setattr(pod, key, value)
        self.pods[pod.id] = pod
        return pod

    def status(self, pod: FakePod) -> str:
        age = self.clock() - pod.created
        if pod.ended is not None:
            return "TERMINATED"
        if pod.broken:
            return pod.broken
        if age < self.provisioning_s:
            return "PROVISIONING"
        return "STARTING" if age < self.provisioning_s + self.starting_s else "RUNNING"

    # -- the server ---------------------------------------------------------------------------

    async def __aenter__(self) -> FakeRunPod:
        await self.start(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int) -> None:
        app = web.Application(middlewares=[self._gate])
        app.router.add_get("/v2/pods", self._list)
        app.router.add_post("/v2/pods", self._create)
        app.router.add_get("/v2/pods/{id}", self._get)
        app.router.add_delete("/v2/pods/{id}", self._delete)
        app.router.add_get("/v2/catalog/gpus", self._gpus)
        app.router.add_get("/v2/catalog/cpus", self._cpus)
        app.router.add_get("/v2/billing/pods", self._billing)
        app.router.add_route("*", "/proxy/{id}-{port}/{what}", self._worker)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self._over.set()
        await self._runner.cleanup()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/proxy/"):
            return await handler(request)
        self.requests.append((request.method, request.path))
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return self._problem("401")
        if (wait := self._over_quota()) is not None:
            return self._problem("429", retry_after=str(wait))
        if (fault := self._fault(request)) is not None:
            return await self._go_wrong(fault, request, handler)
        answer = await handler(request)
        answer.headers.update(self._limits())
        return answer

    def _fault(self, request: web.Request) -> Fault | None:
        for fault in self.faults:
            if fault.method in ("", request.method) and fault.path in request.path:
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    async def _go_wrong(
        self, fault: Fault, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        match fault.kind:
            case "hang":
                self.hanging.set()
                await self._over.wait()
                return self._problem("503")
            case "lost":
                await handler(request)
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case "lost_500":
                await handler(request)
                return self._problem("500")
            case "garbage":
                await handler(request)
                return web.Response(body=b"<html>\xff", content_type="text/html")
            case "wrong_form":
                return web.json_response({"pods": [{"name": 7}], "gpus": {}, "cpus": 1})
            case "no_stock":
                return self._problem("400", NO_STOCK)
        return self._problem(fault.kind, retry_after=fault.retry_after)

    def _over_quota(self) -> int | None:
        now = self.clock()
        self._recent = [moment for moment in self._recent if now - moment < 60]
        if self.quota is not None and len(self._recent) >= self.quota:
            return max(1, int(60 - (now - self._recent[0])))
        self._recent.append(now)
        return None

    def _limits(self) -> dict[str, str]:
        left = (self.quota or 60) - len(self._recent)
        return {
            "RateLimit": f'"minute";r={max(0, left)};t=60, "hour";r=2800;t=1812',
            "RateLimit-Policy": f'"minute";q={self.quota or 60};w=60, "hour";q=3000;w=3600',
        }

    def _problem(
        self, status: str, detail: str = "", *, errors: tuple[str, ...] = (), retry_after: str = ""
    ) -> web.Response:
        body: dict[str, Any] = {
            "title": "Problem",
            "status": int(status),
            "detail": detail or PROBLEMS[status],
        }
        if errors:
            body["errors"] = list(errors)
        headers = self._limits()
        if status == "429" and retry_after:
            headers["Retry-After"] = retry_after
        return web.Response(
            status=int(status),
            text=json.dumps(body),
            content_type="application/problem+json",
            headers=headers,
        )

    # -- pods ---------------------------------------------------------------------------------

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"pods": [self._shown(pod) for pod in self.alive()]})

    async def _get(self, request: web.Request) -> web.Response:
        pod = self.pods.get(request.match_info["id"])
        if pod is None or pod.ended is not None:
            return self._problem("404")
        return web.json_response(self._shown(pod))

    async def _create(self, request: web.Request) -> web.Response:
        wish = await request.json()
        if wrong := self._wrong(wish):
            return self._problem("422", errors=wrong)
        kind, price, stock = self._priced(wish)
        if kind == "":
            return self._problem("400", "unknown compute type")
        if price > self.balance_usd - self.billed_usd():
            return self._problem("402")
        if stock == "NONE":
            return self._problem("400", NO_STOCK)
        pod = FakePod(f"pod{next(self._ids):04}", wish["name"], wish, price, self.clock())
        self.pods[pod.id] = pod
        return web.json_response(self._shown(pod), status=201)

    async def _delete(self, request: web.Request) -> web.Response:
        pod = self.pods.get(request.match_info["id"])
        if pod is None or pod.ended is not None:
            return self._problem("404")
        pod.ended = self.clock()
        return web.Response(status=204)

    def _wrong(self, wish: Any) -> tuple[str, ...]:
        if not isinstance(wish, dict):
            return ("$: must be an object",)
        found = [*unknown("$", wish, KNOWN)]
        if not wish.get("name") or not wish.get("image"):
            found.append("$: name and image are required")
        if ("gpu" in wish) == ("cpu" in wish):
            found.append("$: exactly one of gpu and cpu is required")
        found += unknown("$.gpu", wish.get("gpu", {}), KNOWN_GPU)
        found += unknown("$.cpu", wish.get("cpu", {}), KNOWN_CPU)
        vcpus = wish.get("cpu", {}).get("vcpuCount", 2)
        if vcpus < 2 or vcpus & (vcpus - 1):
            found.append("$.cpu.vcpuCount: must be a power of two")
        return tuple(found)

    def _priced(self, wish: dict[str, Any]) -> tuple[str, float, str]:
        if "gpu" in wish:
            kind = wish["gpu"]["id"]
            price, stock = self.gpus.get(kind, (0.0, "NONE"))
            return (kind if kind in self.gpus else ""), price, stock
        kind = wish["cpu"]["id"]
        price, stock = self.cpus.get(kind, (0.0, "NONE"))
        return (kind if kind in self.cpus else ""), price * wish["cpu"]["vcpuCount"], stock

    def _shown(self, pod: FakePod) -> dict[str, Any]:
        status = self.status(pod)
        shown = {
            "id": pod.id,
            "name": pod.name,
            "status": status,
            "actions": ["stop", "restart", "terminate"],
            "image": pod.wish["image"],
            "args": pod.wish.get("args", ""),
            "env": pod.wish.get("env", {}),
            "ports": pod.wish.get("ports", []),
            "cloud": "SECURE",
            "cost": 0.0 if status in ("EXITED", "TERMINATED") else pod.usd_per_hour,
            "createdAt": datetime.fromtimestamp(pod.created, UTC).isoformat(),
            "startedAt": None,
        }
        return shown | {key: pod.wish[key] for key in ("gpu", "cpu") if key in pod.wish}

    # -- catalogue and bill -------------------------------------------------------------------

    async def _gpus(self, request: web.Request) -> web.Response:
        asked = request.query.get("include") == "AVAILABILITY"
        if asked and "product" not in request.query:
            return self._problem("400", "include=AVAILABILITY requires product")
        listed = [
            {"id": kind, "name": kind, "price": {"secure": price, "community": price}}
            | (available(stock) if asked else {})
            for kind, (price, stock) in self.gpus.items()
        ]
        return web.json_response({"gpus": listed})

    async def _cpus(self, request: web.Request) -> web.Response:
        asked = request.query.get("include") == "AVAILABILITY"
        if asked and "product" not in request.query:
            return self._problem("400", "include=AVAILABILITY requires product")
        listed = [
            {
                "id": kind,
                "name": kind,
                "vcpu": {"min": 2, "max": 32},
                "ramGbPerVcpu": 2.0,
                "price": {"securePerVcpu": price, "serverlessPerVcpu": price},
            }
            | (available(stock) if asked else {})
            for kind, (price, stock) in self.cpus.items()
        ]
        return web.json_response({"cpus": listed})

    async def _billing(self, request: web.Request) -> web.Response:
        since = datetime.fromisoformat(request.query["startTime"]).timestamp()
        records = [
            {
                "podId": pod.id,
                "totalAmount": pod.usd_per_hour
                * max(0.0, (pod.ended or self.clock()) - max(since, pod.created))
                / 3600,
            }
            for pod in self.pods.values()
        ]
        return web.json_response({"records": records, "metadata": {}})

    # -- the worker in a pod, through RunPod's proxy --------------------------------------------

    async def _worker(self, request: web.Request) -> web.Response:
        pod = self.pods.get(request.match_info["id"])
        if pod is None or self.status(pod) != "RUNNING":
            return web.Response(status=502, text="bad gateway")
        if request.match_info["what"] == "ready":
            ready = pod.ready is not False and not pod.draining
            return web.json_response({"ready": ready}, status=200 if ready else 503)
        if request.match_info["what"] != "drain":
            return web.Response(status=404)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        pod.draining = pod.draining or request.method == "POST"
        return web.json_response(
            {"draining": pod.draining, "active_calls": pod.active_calls, "unsent": pod.unsent}
        )


def available(stock: str) -> dict[str, Any]:
    """The part of a catalogue entry that is only there when it was asked for."""
    if stock == "NONE":
        return {"availability": "NONE"}
    place = {"id": "AP-IN-1", "name": "India 1", "availability": stock}
    return {"availability": stock, "dataCenters": [place]}


def unknown(where: str, given: Any, known: dict[str, type]) -> list[str]:
    """What a strict validator says of an object."""
    if not isinstance(given, dict):
        return [f"{where}: must be an object"]
    wrong = [f"{where}: additional properties '{key}' not allowed" for key in given.keys() - known]
    wrong += [
        f"{where}.{key}: wrong type"
        for key, value in given.items()
        if key in known and not isinstance(value, known[key])
    ]
    return wrong


async def serve(fake: FakeRunPod, port: int) -> None:
    await fake.start(port)
    click.echo(f"A RunPod that costs nothing answers at {fake.url} (key: {fake.key}).")
    try:
        await asyncio.Event().wait()
    finally:
        await fake.stop()


@click.command()
@click.option("--port", default=8901, show_default=True)
@click.option("--key", default="key", show_default=True)
@click.option("--start-s", default=5.0, show_default=True, help="Seconds until a pod runs.")
@click.option("--fault", "faults", multiple=True, help="KIND or METHOD:KIND, as in POST:402.")
def main(port: int, key: str, start_s: float, faults: tuple[str, ...]) -> None:
    """A RunPod for trying things by hand."""
    fake = FakeRunPod(key=key, provisioning_s=start_s / 2, starting_s=start_s / 2)
    for text in faults:
        method, _, kind = text.rpartition(":")
        fake.faults.append(Fault(kind, method))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(fake, port))


if __name__ == "__main__":
    main()
