"""Texts that wait at the same moment are spoken together."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from agent.errors import VoiceUnavailable
from agent.speech.neural.batches import Batches
from agent.speech.neural.vits import Sound


class Slow:
    """Speaks when it is let; remembers what came together."""

    def __init__(self) -> None:
        self.begun, self.let = threading.Semaphore(0), threading.Semaphore(0)
        self.together: list[list[str]] = []
        self.fails: Exception | None = None

    def synthesise(self, texts: Sequence[str], speeds: Sequence[float]) -> list[Sound]:
        self.together.append(list(texts))
        self.begun.release()
        assert self.let.acquire(timeout=10)
        if self.fails:
            raise self.fails
        return [
            np.full(len(text), speed, np.float32) for text, speed in zip(texts, speeds, strict=True)
        ]


@pytest.fixture
def model() -> Slow:
    return Slow()


@pytest.fixture
def batches(model: Slow) -> Iterator[Batches]:
    made = Batches(model, 3)
    yield made
    model.let.release(100)
    made.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def wait_for(batches: Batches, number: int) -> None:
    while batches._waiting.qsize() < number:
        threading.Event().wait(0.001)


def say(batches: Batches, text: str, within_s: float = 10.0) -> Sound | None:
    return batches.say(text, 1.0, within_s=within_s, wanted=lambda: True)


def begin(
    threads: ThreadPoolExecutor, batches: Batches, *texts: str
) -> list["Future[Sound | None]"]:
    return [threads.submit(say, batches, text) for text in texts]


def test_a_text_alone_is_spoken_at_once_and_what_gathers_meanwhile_together(
    model: Slow, batches: Batches, threads: ThreadPoolExecutor
):
    first = begin(threads, batches, "a")
    assert model.begun.acquire(timeout=10)
    rest = begin(threads, batches, "bb", "ccc", "dddd", "eeeee")
    wait_for(batches, 4)
    model.let.release(3)
    sounds = [sound.result(10) for sound in first + rest]
    assert [len(sound) for sound in sounds if sound is not None] == [1, 2, 3, 4, 5]
    assert [len(texts) for texts in model.together] == [1, 3, 1]
    assert (batches.batches, batches.texts) == (3, 5)


def test_each_text_keeps_its_own_speed(model: Slow, batches: Batches, threads: ThreadPoolExecutor):
    model.let.release(10)
    made = [
        threads.submit(batches.say, "a", speed, within_s=10, wanted=lambda: True)
        for speed in (0.5, 1.0, 2.0)
    ]
    sounds = [sound.result(10) for sound in made]
    assert [float(sound[0]) for sound in sounds if sound is not None] == [0.5, 1.0, 2.0]


def test_what_nobody_wants_any_more_is_never_synthesised(
    model: Slow, batches: Batches, threads: ThreadPoolExecutor
):
    first = begin(threads, batches, "a")
    assert model.begun.acquire(timeout=10)
    gone = threads.submit(batches.say, "gone", 1.0, within_s=10, wanted=lambda: False)
    assert gone.result(10) is None
    last = begin(threads, batches, "z")
    model.let.release(3)
    assert all(sound.result(10) is not None for sound in first + last)
    assert all("gone" not in texts for texts in model.together)


def test_a_wait_that_is_too_long_ends_in_a_sentence(
    model: Slow, batches: Batches, threads: ThreadPoolExecutor
):
    with pytest.raises(VoiceUnavailable, match="in time"):
        say(batches, "a", within_s=0.05)


@pytest.mark.parametrize("fails", [VoiceUnavailable("The GPU is full."), KeyError("words")])
def test_a_batch_that_fails_fails_for_each_and_the_next_one_works(
    model: Slow, batches: Batches, threads: ThreadPoolExecutor, fails: Exception
):
    model.fails = fails
    failed = begin(threads, batches, "a")
    model.let.release()
    with pytest.raises(VoiceUnavailable) as caught:
        failed[0].result(10)
    assert "words" not in str(caught.value)
    model.fails = None
    model.let.release()
    assert say(batches, "b") is not None


def test_closing_refuses_those_who_wait_and_those_who_come(
    model: Slow, threads: ThreadPoolExecutor
):
    batches = Batches(model, 1)
    begin(threads, batches, "a")
    assert model.begun.acquire(timeout=10)
    waiting = begin(threads, batches, "b")
    wait_for(batches, 1)
    closing = threads.submit(batches.close)
    while not batches._closed:
        threading.Event().wait(0.001)
    model.let.release(3)
    closing.result(10)
    with pytest.raises(VoiceUnavailable, match="being closed"):
        waiting[0].result(10)
    with pytest.raises(VoiceUnavailable, match="being closed"):
        say(batches, "c")
