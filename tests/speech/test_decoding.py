"""Decodes are tried twice, promoted, cancelled; waits are short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agent.errors import EngineBusy, EngineError, EngineUnavailable
from agent.speech import decoding
from agent.speech.decoding import Decodes, Kind
from agent.speech.transcript import Transcript

HEARD = Transcript("தண்ணி", 1.0, "ta", 1.0)


class Ears:
    """Raises what it is given, in order, then answers."""

    def __init__(self) -> None:
        self.fail: list[EngineError] = []
        self.kinds: list[Kind] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final") -> Transcript:
        self.kinds.append(kind)
        await self.gate.wait()
        if self.fail:
            raise self.fail.pop(0)
        return HEARD

    async def aclose(self) -> None:
        return


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "RETRY_AFTER_S", 0.01)
    monkeypatch.setattr(decoding, "RESTART_S", 0.02)


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def lost() -> list[EngineError]:
    return []


@pytest.fixture
async def decodes(ears: Ears, lost: list[EngineError]) -> AsyncIterator[Decodes]:
    decodes = Decodes(ears, lost.append)
    async with asyncio.timeout(10):
        yield decodes
        await decodes.aclose()


@pytest.mark.parametrize("error", [EngineBusy("Full."), EngineUnavailable("Gone.")])
async def test_a_final_is_tried_twice(
    ears: Ears, decodes: Decodes, lost: list[EngineError], error: EngineError
) -> None:
    ears.fail = [error]
    assert await decodes.begin("final", b"") == HEARD
    assert ears.kinds == ["final", "final"]
    assert lost == []


async def test_a_final_that_fails_twice_is_reported_once(
    ears: Ears, decodes: Decodes, lost: list[EngineError]
) -> None:
    ears.fail = [EngineBusy("Full."), EngineUnavailable("Gone.")]
    assert await decodes.begin("final", b"") is None
    assert [str(error) for error in lost] == ["Gone."]


async def test_a_preflight_is_tried_once_and_its_failure_is_no_loss(
    ears: Ears, decodes: Decodes, lost: list[EngineError]
) -> None:
    ears.fail = [EngineBusy("Full.")]
    assert await decodes.begin("preflight", b"") is None
    assert ears.kinds == ["preflight"]
    assert lost == []


async def test_a_promoted_preflight_is_the_answer(ears: Ears, decodes: Decodes) -> None:
    ears.gate.clear()
    final = decodes.promote(decodes.begin("preflight", b""), b"")
    ears.gate.set()
    assert await final == HEARD
    assert ears.kinds == ["preflight"]


async def test_a_promoted_preflight_that_failed_is_decoded_again(
    ears: Ears, decodes: Decodes
) -> None:
    ears.fail = [EngineBusy("Full.")]
    assert await decodes.promote(decodes.begin("preflight", b""), b"") == HEARD
    assert ears.kinds == ["preflight", "final"]


async def test_a_promoted_preflight_that_was_cancelled_is_decoded_again(
    ears: Ears, decodes: Decodes
) -> None:
    ears.gate.clear()
    preflight = decodes.begin("preflight", b"")
    preflight.cancel()
    final = decodes.promote(preflight, b"")
    ears.gate.set()
    assert await final == HEARD


async def test_closing_cancels_what_still_runs(ears: Ears, decodes: Decodes) -> None:
    ears.gate.clear()
    running = [decodes.begin("final", b""), decodes.begin("preflight", b"")]
    await asyncio.sleep(0)
    await decodes.aclose()
    assert all(task.cancelled() for task in running)
