"""One voice for each language a call can be held in, behind the one TTS the session knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from livekit.agents import tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from agent.speech.tts import PooledStream, PooledTTS


class LanguageTTS(tts.TTS[None]):
    """Speaks each sentence with the voice of the language that holds when it begins.

    Args:
        voices: language -> voice; all of one sample rate.
        first: the language spoken where another has no voice.
        language: gives the language of the call now.
    """

    def __init__(
        self, voices: Mapping[str, PooledTTS], *, first: str, language: Callable[[], str]
    ) -> None:
        self._voices = dict(voices)
        self._first = self._voices[first]
        self._language = language
        super().__init__(
            capabilities=self._first.capabilities,
            sample_rate=self._first.sample_rate,
            num_channels=self._first.num_channels,
        )
        for voice in self._voices.values():
            voice.on("error", self._pass_error)
            voice.on("metrics_collected", self._pass_metrics)

    def spoken_by(self, language: str) -> PooledTTS:
        """The voice of a language; that of the first where it has none."""
        return self._voices.get(language, self._first)

    @property
    def model(self) -> str:
        """Name of the voice that would speak now, for metrics."""
        return self._voice.model

    @property
    def provider(self) -> str:
        """Who speaks, for metrics."""
        return self._voice.provider

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> PooledStream:
        """A stream for one utterance of the agent."""
        return self._voice.stream(conn_options=conn_options)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """The sound of a whole text."""
        return self._voice.synthesize(text, conn_options=conn_options)

    async def aclose(self) -> None:
        """Close every voice; their common client stays open."""
        for voice in self._voices.values():
            voice.off("error", self._pass_error)
            voice.off("metrics_collected", self._pass_metrics)
            await voice.aclose()

    @property
    def _voice(self) -> PooledTTS:
        return self.spoken_by(self._language())

    def _pass_error(self, error: Any) -> None:
        self.emit("error", error)

    def _pass_metrics(self, metrics: Any) -> None:
        self.emit("metrics_collected", metrics)
