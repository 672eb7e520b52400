"""LiveKit's side of a worker's connection, as far as offers go: registers, offers, assigns."""

import asyncio
import contextlib
from typing import Any

from aiohttp import WSMsgType, web
from livekit.protocol import agent as proto
from livekit.protocol import models

from tests.loopback import on_loopback


class AgentsPort:
    """A server at ``url`` that one worker at a time registers with."""

    def __init__(self):
        self.url = ""
        self.registered = asyncio.Event()
        self.answers = {}
        self.statuses = []
        self.assigns = True
        self.away = False
        self._news = asyncio.Condition()
        self._socket: Any = None
        self._jobs = {}

    async def offer(self, *names):
        """Offer calls at the same moment and return {name: the worker's answer}."""
        for name in names:
            job = proto.Job(id=name, type=proto.JT_ROOM, room=models.Room(name=name, sid=name))
            self._jobs[name] = job
            await self._send(availability=proto.AvailabilityRequest(job=job))
        async with self._news:
            await self._news.wait_for(lambda: set(names) <= set(self.answers))
        return {name: self.answers[name] for name in names}

    async def end(self, name):
        """End a call."""
        await self._send(termination=proto.JobTermination(job_id=name))

    async def until_status(self, wanted):
        """The first status from now on for which ``wanted`` is true."""
        seen = len(self.statuses)
        async with self._news:
            await self._news.wait_for(lambda: any(map(wanted, self.statuses[seen:])))
        return next(status for status in self.statuses[seen:] if wanted(status))

    async def drop(self):
        """Break the connection and take none until ``away`` is false again."""
        self.away = True
        self.registered.clear()
        await self._socket.close()

    async def handle(self, request):
        if self.away:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type != WSMsgType.BINARY:
                break
            await self._take(socket, proto.WorkerMessage.FromString(message.data))
        return socket

    async def _take(self, socket, message):
        match message.WhichOneof("message"):
            case "register":
                self._socket = socket
                await self._send(register=proto.RegisterWorkerResponse(worker_id="AW_1"))
                self.registered.set()
            case "availability":
                answer = message.availability
                async with self._news:
                    self.answers[answer.job_id] = answer
                    self._news.notify_all()
                if answer.available and self.assigns:
                    job = self._jobs[answer.job_id]
                    await self._send(assignment=proto.JobAssignment(job=job, token="t"))
            case "update_worker":
                async with self._news:
                    self.statuses.append(message.update_worker)
                    self._news.notify_all()

    async def _send(self, **fields):
        await self._socket.send_bytes(proto.ServerMessage(**fields).SerializeToString())


@contextlib.asynccontextmanager
async def agents_port():
    """Listens on a free port of this machine."""
    port = AgentsPort()
    app = web.Application()
    app.add_routes([web.get("/agent", port.handle)])
    async with on_loopback(app) as address:
        port.url = f"ws://{address}"
        yield port
