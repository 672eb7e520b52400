"""Decodes are tried twice, promoted, cancelled, kept when lost; waits are short."""

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
        self.calls: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final", call: str = "") -> Transcript:
        self.kinds.append(kind)
        self.calls.add(call)
        await self.gate.wait()
        if self.fail:
            raise self.fail.pop(0)
        return HEARD

    async def aclose(self) -> None:
        return


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "RETRY_AFTER_S", 0.01)
    monkeypatch.setattr(decoding, "RESTART_S", 0.0)
    monkeypatch.setattr(decoding, "BUSY_PAUSES_S", (0.001, 0.002, 0.004))


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def lost() -> list[EngineError]:
    return []


@pytest.fixture
def kept() -> list[tuple[bytes, float]]:
    return []


@pytest.fixture
async def decodes(
    ears: Ears, lost: list[EngineError], kept: list[tuple[bytes, float]]
) -> AsyncIterator[Decodes]:
    async def keep(pcm: bytes, end_s: float) -> None:
        await asyncio.sleep(0.01)  # as a disk would
        kept.append((pcm, end_s))

    decodes = Decodes(ears, lost.append, call="call-1", on_lost=keep)
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


async def test_ears_that_are_only_busy_are_asked_again_until_the_burst_is_over(
    ears: Ears, decodes: Decodes, lost: list[EngineError]
) -> None:
    ears.fail = [EngineBusy("Full.")] * 7
    assert await decodes.begin("final", b"") == HEARD
    assert lost == []


async def test_ears_that_are_gone_are_asked_for_as_long_as_a_restart_takes(
    ears: Ears, decodes: Decodes, lost: list[EngineError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "RESTART_S", 60)
    ears.fail = [EngineUnavailable("Gone.")] * 5
    assert await decodes.begin("final", b"") == HEARD
    assert len(ears.kinds) == 6
    assert lost == []


async def test_a_clause_is_tried_twice_as_a_clause(ears: Ears, decodes: Decodes) -> None:
    ears.fail = [EngineBusy("Full.")]
    assert await decodes.begin("clause", b"") == HEARD
    assert ears.kinds == ["clause", "clause"]


async def test_the_ears_are_told_which_call_it_is(ears: Ears, decodes: Decodes) -> None:
    await decodes.begin("preflight", b"")
    await decodes.begin("final", b"")
    assert ears.calls == {"call-1"}


@pytest.mark.parametrize("kind", ["final", "clause"])
async def test_what_fails_twice_is_reported_once_and_its_sound_is_kept(
    ears: Ears,
    decodes: Decodes,
    lost: list[EngineError],
    kept: list[tuple[bytes, float]],
    kind: Kind,
) -> None:
    ears.fail = [EngineUnavailable("Away."), EngineUnavailable("Gone.")]
    assert await decodes.begin(kind, b"sound", 3.5) is None
    assert [str(error) for error in lost] == ["Gone."]
    assert kept == [(b"sound", 3.5)]


async def test_sound_whose_second_try_is_cut_off_by_a_hang_up_is_kept(
    ears: Ears, decodes: Decodes, kept: list[tuple[bytes, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "RETRY_AFTER_S", 60)
    ears.fail = [EngineUnavailable("Gone.")]
    decodes.begin("final", b"sound", 3.5)
    while ears.fail:  # noqa: ASYNC110 - the first try is another task
        await asyncio.sleep(0.001)
    await decodes.aclose()
    assert kept == [(b"sound", 3.5)]


async def test_sound_that_hung_ears_still_have_at_a_hang_up_is_kept(
    ears: Ears, decodes: Decodes, kept: list[tuple[bytes, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "UNANSWERED_S", 0.0)
    ears.gate.clear()
    decodes.promote(decodes.begin("preflight", b"sou"), b"sound", 3.5)
    decodes.begin("preflight", b"s")
    await asyncio.sleep(0.01)
    await decodes.aclose()
    assert kept == [(b"sound", 3.5)]


async def test_a_cancelled_close_still_keeps_the_sound(
    ears: Ears, decodes: Decodes, kept: list[tuple[bytes, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "UNANSWERED_S", 0.0)
    ears.gate.clear()
    decodes.begin("final", b"sound", 3.5)
    await asyncio.sleep(0.001)
    closing = asyncio.create_task(decodes.aclose())
    await asyncio.sleep(0.001)
    closing.cancel()
    await asyncio.wait({closing})
    await decodes.aclose()
    assert kept == [(b"sound", 3.5)]


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


async def test_closing_cancels_what_still_runs_and_keeps_nothing_of_living_ears(
    ears: Ears, decodes: Decodes, kept: list[tuple[bytes, float]]
) -> None:
    ears.gate.clear()
    running = [decodes.begin("final", b""), decodes.begin("preflight", b"")]
    await asyncio.sleep(0)
    await decodes.aclose()
    assert all(task.cancelled() for task in running)
    assert kept == []
