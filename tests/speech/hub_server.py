"""A model hub on the loopback that speaks the public hub's protocol, and can be rude.

It serves the two routes a fetch needs: what a revision holds, and a file of a commit, with ranges.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Repository:
    """One checkpoint, under one commit."""

    files: dict[str, bytes]
    revisions: tuple[str, ...] = (COMMIT, "main")
    card: dict[str, Any] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None
    """HTTP status and the hub's error code instead of an answer."""
    lie: str = ""
    """File whose announced digest is another one."""


@dataclass
class StandInHub:
    """What is served and how badly; ``asked`` is what came in."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    drops: dict[str, int] = field(default_factory=dict)
    """File -> how many times its sending breaks off in the middle; -1 = nothing after the first
    half ever comes, 0 = the sending stands still there until the other side goes."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of each GET of a file."""
    url: str = ""
    halfway: threading.Event = field(default_factory=threading.Event)

    def serve(self, name: str, folder: Path, **more: Any) -> Repository:
        """Offer a folder as ``owner/name``."""
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        self.repositories[name] = Repository(files, **more)
        return self.repositories[name]

    async def describe(self, request: web.Request) -> web.Response:
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        repository = self.repositories.get(name)
        if repository is None:
            return refusal(404, "RepoNotFound")
        if repository.refusal is not None:
            return refusal(*repository.refusal)
        if request.match_info["revision"] not in repository.revisions:
            return refusal(404, "RevisionNotFound")
        siblings = [
            {"rfilename": path, "size": len(data), "blobId": sha1(data), **large(path, data)}
            for path, data in repository.files.items()
        ]
        if repository.lie:
            wrong = next(one for one in siblings if one["rfilename"] == repository.lie)
            wrong["lfs"] = {**wrong["lfs"], "sha256": "0" * 64}
        found = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings}
        return web.json_response({**found, "tags": [], "cardData": repository.card or None})

    async def file(self, request: web.Request) -> web.StreamResponse:
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        path = request.match_info["path"]
        data = self.repositories[name].files.get(path)
        if data is None:
            return refusal(404, "EntryNotFound")
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{sha1(data)}"'}
        if request.method == "HEAD":
            return web.Response(headers={**headers, "Content-Length": str(len(data))})
        asked = request.headers.get("Range", "")
        self.asked.append((path, asked))
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return await self._send(request, path, data[start:], headers)

    async def _send(
        self, request: web.Request, path: str, data: bytes, headers: dict[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=206 if "Content-Range" in headers else 200)
        response.headers.update(headers)
        response.content_length = len(data)
        rude = self.drops.get(path)
        if rude == -1 and "Content-Range" in headers:
            assert request.transport is not None
            request.transport.close()
            return response
        await response.prepare(request)
        if rude is None:
            await response.write(data)
            return response
        await response.write(data[: len(data) // 2])
        self.halfway.set()
        while rude == 0 and request.transport is not None:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)
        if rude == 1:
            del self.drops[path]
        if request.transport is not None:
            request.transport.close()
        return response

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/models/{owner}/{name}/revision/{revision}", self.describe)
        app.router.add_get("/{owner}/{name}/resolve/{revision}/{path}", self.file)
        return app


@contextmanager
def running(hub: StandInHub) -> Iterator[StandInHub]:
    """Serve in a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(hub.application(), shutdown_timeout=0)

    async def start() -> str:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    hub.url = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield hub
    finally:
        try:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


def refusal(status: int, code: str) -> web.Response:
    return web.json_response({"error": code}, status=status, headers={"X-Error-Code": code})


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def large(path: str, data: bytes) -> dict[str, Any]:
    """What the hub says of files kept in large-file storage."""
    if not path.endswith((".bin", ".safetensors")):
        return {}
    digest = hashlib.sha256(data).hexdigest()
    return {"lfs": {"sha256": digest, "size": len(data), "pointerSize": 134}}
