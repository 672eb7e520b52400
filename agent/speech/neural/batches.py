"""Texts that wait at the same moment are spoken together.

While the model speaks one batch, further texts gather; the next batch takes all of them, up to a
limit. Nobody waits for company: a text that comes alone is spoken alone, at once.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from agent.errors import VoiceUnavailable
from agent.speech.neural.vits import Sound

_LOOK_EVERY_S = 0.03
"""How soon a text that nobody wants any more leaves the queue."""


class Model(Protocol):
    """What speaks; :class:`agent.speech.neural.vits.Vits` is one."""

    def synthesise(self, texts: Sequence[str], speeds: Sequence[float]) -> list[Sound]:
        """The sound of each text; raises VoiceUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class _Wish:
    text: str
    speed: float
    sound: Future[Sound] = field(default_factory=Future)


class Batches:
    """A model on a thread of its own. May be asked from many threads; close it.

    Args:
        model: used by that thread alone.
        most: texts of one batch.
    """

    def __init__(self, model: Model, most: int) -> None:
        self._model = model
        self._most = most
        self._waiting: queue.SimpleQueue[_Wish | None] = queue.SimpleQueue()
        self._closed = False
        self.batches = self.texts = 0
        """Spoken so far."""
        self._thread = threading.Thread(target=self._run, name="neural-voice", daemon=True)
        self._thread.start()

    def say(
        self, text: str, speed: float, *, within_s: float, wanted: Callable[[], bool]
    ) -> Sound | None:
        """Wait for the sound of ``text``.

        Args:
            text: one portion; the callers bound how many wait.
            speed: 1.0 = natural.
            within_s: longest wait, of which most may be for others' texts.
            wanted: asked every 30 ms whether somebody still listens.

        Returns:
            None when nobody does.

        Raises:
            VoiceUnavailable: it failed, took longer than ``within_s``, or is being closed.
        """
        if self._closed:
            raise VoiceUnavailable("The neural voice is being closed.")
        wish = _Wish(text, speed)
        self._waiting.put(wish)
        end = monotonic() + within_s
        while (left_s := end - monotonic()) > 0:
            try:
                return wish.sound.result(min(left_s, _LOOK_EVERY_S))
            except TimeoutError:
                if not wanted():
                    wish.sound.cancel()
                    return None
        wish.sound.cancel()
        raise VoiceUnavailable("The neural voice did not speak in time.")

    def close(self) -> None:
        """End after the batch being spoken; those who wait get VoiceUnavailable."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            taken = [self._waiting.get()]
            while len(taken) < self._most:
                try:
                    taken.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            # What was cancelled while it waited is never synthesised.
            wishes = [w for w in taken if w and w.sound.set_running_or_notify_cancel()]
            if wishes:
                self._speak(wishes)
        self._refuse_the_rest()

    def _speak(self, wishes: list[_Wish]) -> None:
        try:
            sounds = self._model.synthesise([w.text for w in wishes], [w.speed for w in wishes])
        except Exception as exc:  # noqa: BLE001 - the thread must live, whatever a library raises
            ours = isinstance(exc, VoiceUnavailable)
            sentence = str(exc) if ours else "The neural voice failed on this text."
            for wish in wishes:
                wish.sound.set_exception(VoiceUnavailable(sentence))
            return
        self.batches += 1
        self.texts += len(wishes)
        for wish, sound in zip(wishes, sounds, strict=True):
            wish.sound.set_result(sound)

    def _refuse_the_rest(self) -> None:
        while True:
            try:
                wish = self._waiting.get_nowait()
            except queue.Empty:
                return
            if wish and wish.sound.set_running_or_notify_cancel():
                wish.sound.set_exception(VoiceUnavailable("The neural voice is being closed."))
