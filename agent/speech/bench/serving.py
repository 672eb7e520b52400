"""The process of one arm: ``python -m agent.speech.bench.serving SPEC`` (see :class:`Spec`).

It says one JSON line when it answers, or why it does not, and dies with the bench.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time

from pydantic import BaseModel, ConfigDict

from agent.errors import AgentError
from agent.speech.bench.arms import Answers, Arm, Compute, LockedEars, LockedModel, ModelEach
from agent.speech.cublas import preload
from agent.speech.ears_server import serve_ears
from agent.speech.link import Frame, Handler, Responder, serve

_PR_SET_PDEATHSIG = 1


class Spec(BaseModel):
    """What to serve."""

    model_config = ConfigDict(frozen=True)

    arm: Arm | None
    """None: only answers, for the link alone."""
    url: str
    compute: Compute
    parent: int
    """Process id of the bench."""


async def echo(frame: Frame, respond: Responder) -> None:
    """Hold a request for ``hold_s``, then say for how long it was held."""
    began = time.perf_counter()
    if hold_s := float(frame.header.get("hold_s", 0)):
        await asyncio.sleep(hold_s)
    await respond.data({"held_s": time.perf_counter() - began, "bytes": len(frame.payload)})


async def run(spec: Spec) -> None:
    """Serve until SIGTERM."""
    ready = asyncio.Event()
    serving = asyncio.ensure_future(_serve(spec, ready))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, serving.cancel)
    telling = asyncio.ensure_future(_tell(ready))
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    finally:
        telling.cancel()
        await asyncio.wait({telling})


async def _serve(spec: Spec, ready: asyncio.Event) -> None:
    compute = spec.compute
    if compute.device == "cuda":
        preload()
    if spec.arm is not Arm.KURAL:
        handle = echo if spec.arm is None else _handler(spec.arm, compute)
        await serve(spec.url, handle, ready=ready)
        return
    from agent.speech.engine import Ears

    ears = Ears(
        compute.model,
        device=compute.device,
        compute_type=compute.compute_type,
        threads=compute.threads,
        language=compute.language,
        max_batch=compute.max_batch,
        device_index=compute.device_index,
        vram_gb=compute.vram_gb,
    )
    await serve_ears(ears, spec.url, ready=ready, prepare_threads=compute.threads)


def _handler(arm: Arm, compute: Compute) -> Handler:
    made: dict[Arm, type[LockedModel | LockedEars | ModelEach]] = {
        Arm.LOCK_LONG: LockedModel,
        Arm.LOCK_SHORT: LockedEars,
        Arm.MODEL_EACH: ModelEach,
    }
    answers: Answers = made[arm](compute)
    return answers.handle


async def _tell(ready: asyncio.Event) -> None:
    await ready.wait()
    _say({"ready": True})


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _die_with(parent: int) -> None:
    """Linux only; elsewhere only a bench that is killed leaves us behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request to the kernel
            os._exit(1)


def main() -> int:
    """Serve what the argument says."""
    spec = Spec.model_validate_json(sys.argv[1])
    _die_with(spec.parent)
    try:
        asyncio.run(run(spec))
    except AgentError as exc:
        _say({"error": str(exc)})
        return 1
    except Exception as exc:  # noqa: BLE001 - tokenizers raises Exception itself
        _say({"error": f"The speech model does not run here ({type(exc).__name__})."})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
