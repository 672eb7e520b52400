"""What can speak in the voice process, and its work beside the event loop.

Two engines are of this kind: espeak-ng (:mod:`agent.speech.espeak`) and a neural voice with
espeak-ng behind it (:mod:`agent.speech.neural.voice`). Neither is imported here: call processes
import this module, and espeak-ng (GPL-3) and torch are for the voice process alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from agent.settings import SpeechSettings

NATURAL_RATE = 165
"""Words a minute of a voice that speaks at its natural speed."""


class Sink(Protocol):
    """Takes one chunk of PCM; returns False to stop at once.

    An empty chunk only asks whether to go on. ``engine`` is the label of who made the sound where
    that is not the engine that was asked.
    """

    def __call__(self, chunk: bytes, engine: str = "", /) -> bool:
        """See above."""
        ...


class Chunk(NamedTuple):
    """A piece of speech."""

    pcm: bytes
    engine: str
    """Label of who made it."""


class VoiceEngine(Protocol):
    """Turns text into sound. Its methods block: they are for threads.

    Sound is PCM, int16 mono little-endian, at :data:`agent.speech.joins.SAMPLE_RATE`.
    """

    @property
    def label(self) -> str:
        """Name and version, as recordings carry it: another label is another sound."""
        ...

    @property
    def parallel(self) -> int:
        """Texts it may be asked to speak at the same time."""
        ...

    def describe(self) -> dict[str, Any]:
        """``engine`` (its name and version), and what else an operator should know.

        ``ready`` False = it is still being loaded, and another speaks for it until then.
        """
        ...

    def prepare(self) -> None:
        """Load what takes long. Texts may be spoken meanwhile.

        Raises:
            ConfigurationError: it can never work as it is set.
        """
        ...

    def speak(self, text: str, sink: Sink, *, voice: str, rate: int, pitch: int) -> None:
        """Hand the sound of ``text`` to ``sink``, chunk by chunk.

        Args:
            text: at most :data:`agent.speech.voice.MAX_TEXT_CHARS` characters, numbers spelled
                in words. One without letters and digits gives no sound and no error.
            sink: called in this thread.
            voice: ``ta``, ``ta+f5``: a language, and a variant where the engine has some.
            rate: words a minute; :data:`NATURAL_RATE` is natural.
            pitch: 0..99, 50 is natural; for engines that can change it.

        Raises:
            ConfigurationError: unknown voice, rate or pitch out of range.
            UnreadableInput: the text is too long.
            VoiceUnavailable: it could not be spoken.
        """
        ...

    def close(self) -> None:
        """Let go of threads; texts being spoken end with VoiceUnavailable."""
        ...


def load_engine(speech: SpeechSettings) -> VoiceEngine:
    """The voice the settings ask for; its :meth:`VoiceEngine.prepare` is yet to be called.

    Raises:
        ConfigurationError: the neural voice cannot work as it is set.
        VoiceUnavailable: espeak-ng cannot be loaded.
    """
    from agent.speech.espeak import Espeak  # GPL-3: only the voice process loads it

    if not speech.voice_model:
        return Espeak()
    from agent.speech.neural.voice import neural_voice

    return neural_voice(speech, Espeak())


async def prepared_beside(engine: VoiceEngine, serving: Coroutine[Any, Any, None]) -> None:
    """Run ``serving`` to its end while ``engine`` is prepared in a thread.

    Raises:
        ConfigurationError: the engine can never work; ``serving`` is cancelled first.
    """
    running = asyncio.ensure_future(serving)
    preparing = asyncio.ensure_future(asyncio.to_thread(engine.prepare))
    try:
        await asyncio.wait({running, preparing}, return_when=asyncio.FIRST_COMPLETED)
        if preparing.done():
            preparing.result()
        await running
    finally:
        for task in (running, preparing):
            task.cancel()
        await asyncio.gather(running, preparing, return_exceptions=True)


class Speaking:
    """An engine on threads of its own, as streams of sound. Owns the engine; close it."""

    def __init__(self, engine: VoiceEngine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(engine.parallel, thread_name_prefix="voice")

    def close(self) -> None:
        """End the engine and its threads; waits for the chunks being made."""
        self._engine.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def chunks(
        self, text: str, *, voice: str, rate: int, pitch: int = 50
    ) -> AsyncGenerator[Chunk, None]:
        """Sound as a thread makes it; closing this stops the synthesis at its next chunk.

        What is made and not yet taken is bounded by the length of the text, so a client that reads
        slowly never holds the thread that speaks for others. Raises as
        :meth:`VoiceEngine.speak`.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Chunk | None] = asyncio.Queue()
        unwanted = threading.Event()

        def take(chunk: bytes, engine: str = "", /) -> bool:
            if chunk:
                made = Chunk(chunk, engine or self._engine.label)
                loop.call_soon_threadsafe(queue.put_nowait, made)
            return not unwanted.is_set()

        def speak() -> None:
            try:
                if not unwanted.is_set():
                    self._engine.speak(text, take, voice=voice, rate=rate, pitch=pitch)
            finally:
                loop.call_soon_threadsafe(queue.put_nowait, None)

        speaking = loop.run_in_executor(self._threads, speak)
        try:
            while (chunk := await queue.get()) is not None:
                yield chunk
            await speaking
        finally:
            unwanted.set()
            speaking.add_done_callback(lambda done: done.cancelled() or done.exception())
