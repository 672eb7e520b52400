"""A small Kubernetes on loopback: one Deployment, its scale, its pods, and how replicas go.

What a ReplicaSet does on its own is done at :meth:`FakeCluster.settle`, so that a test can stand
between the change of the number and its effect.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

BASE = "/apis/apps/v1/namespaces/line/deployments/kural-worker/scale"
PODS = "/api/v1/namespaces/line/pods"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


@dataclass
class FakeReplica:
    name: str
    born: datetime
    phase: str = "Running"
    ready: bool = True
    node: str = "node-1"
    annotations: dict[str, str] = field(default_factory=dict)
    deleted: datetime | None = None

    def shown(self) -> dict[str, Any]:
        metadata = {
            "name": self.name,
            "uid": f"uid-{self.name}",
            "creationTimestamp": self.born.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "annotations": self.annotations,
        }
        if self.deleted:
            metadata["deletionTimestamp"] = self.deleted.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "metadata": metadata,
            "spec": {"nodeName": self.node},
            "status": {
                "phase": self.phase,
                "podIP": "10.1.2.3" if self.node else "",
                "conditions": [{"type": "Ready", "status": str(self.ready)}],
            },
        }

    def rank(self) -> tuple[bool, bool, bool, int, float]:
        """As the ReplicaSet controller sorts: who is first here is deleted first."""
        cost = int(self.annotations.get(DELETION_COST, "0"))
        running = self.phase == "Running"
        return bool(self.node), running, self.ready, cost, -self.born.timestamp()


class FakeCluster:
    """Start it with ``async with``."""

    def __init__(self, replicas: int = 0, token: str = "token") -> None:
        self.token = token
        self.wanted = 0
        self.version = 1
        self.replicas: list[FakeReplica] = []
        self.quota = 100
        self.acts_at_once = True
        self.faults: list[int | str] = []
        """A status, or "lost", for the next requests that change something."""
        self.patches: list[tuple[str, Any]] = []
        self._ids = itertools.count(1)
        self._start = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
        self.set(replicas)

    def set(self, wanted: int) -> None:
        self.wanted, self.version = wanted, self.version + 1
        if self.acts_at_once:
            self.settle()

    def settle(self) -> None:
        """Make the pods as many as are wanted."""
        while len(staying := [one for one in self.replicas if one.deleted is None]) > self.wanted:
            min(staying, key=FakeReplica.rank).deleted = self._start + timedelta(hours=1)
        for _ in range(min(self.wanted, self.quota) - len(staying)):
            number = next(self._ids)
            born = self._start + timedelta(seconds=number)
            self.replicas.append(FakeReplica(f"kural-worker-{number}", born))

    def named(self, name: str) -> FakeReplica:
        return next(one for one in self.replicas if one.name == name)

    async def __aenter__(self) -> FakeCluster:
        app = web.Application(middlewares=[self._gate])
        app.router.add_get(BASE, self._scale)
        app.router.add_patch(BASE, self._patch_scale)
        app.router.add_get(PODS, self._list)
        app.router.add_patch(PODS + "/{name}", self._patch_pod)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"kind": "Status", "code": 401}, status=401)
        if request.method == "PATCH":
            assert request.content_type == "application/merge-patch+json"
            self.patches.append((request.path, json.loads(await request.read())))
            fault = self.faults.pop(0) if self.faults else None
            if isinstance(fault, int):
                headers = {"Retry-After": "2"} if fault == 429 else None
                return web.json_response({"code": fault}, status=fault, headers=headers)
            if fault == "lost":
                await handler(request)
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
        answer: web.StreamResponse = await handler(request)
        return answer

    def _shown(self) -> dict[str, Any]:
        return {
            "kind": "Scale",
            "metadata": {"name": "kural-worker", "resourceVersion": str(self.version)},
            "spec": {"replicas": self.wanted} if self.wanted else {},
            "status": {"replicas": len(self.replicas), "selector": "app=kural,part=worker"},
        }

    async def _scale(self, _: web.Request) -> web.Response:
        return web.json_response(self._shown())

    async def _patch_scale(self, request: web.Request) -> web.Response:
        change = self.patches[-1][1]
        if change["metadata"]["resourceVersion"] != str(self.version):
            return web.json_response({"code": 409}, status=409)
        self.set(change["spec"]["replicas"])
        return web.json_response(self._shown())

    async def _list(self, request: web.Request) -> web.Response:
        assert request.query["labelSelector"] == "app=kural,part=worker"
        return web.json_response({"items": [one.shown() for one in self.replicas]})

    async def _patch_pod(self, request: web.Request) -> web.Response:
        replica = self.named(request.match_info["name"])
        replica.annotations.update(self.patches[-1][1]["metadata"]["annotations"])
        return web.json_response(replica.shown())
