"""Voices on the internet, through LiveKit's plugins: Cartesia and Sarvam. Words leave the machine.

Made only where the settings allow it and a key is set; the plugins are optional packages. A voice
that failed three times in a row is left alone for a growing time.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import AsyncGenerator, Callable
from types import ModuleType
from typing import TYPE_CHECKING

import aiohttp
from livekit.agents import APIConnectOptions, APIError, tts

from agent.breaker import Breaker, Way
from agent.errors import ConfigurationError, VoiceUnavailable
from agent.speech.incoming import BadSound, Incoming
from agent.speech.joins import SAMPLE_RATE

if TYPE_CHECKING:
    from agent.settings import Settings

_log = logging.getLogger(__name__)

_CARTESIA_LANGUAGES = {"ta": "ta", "en": "en"}
_SARVAM_LANGUAGES = {"ta": "ta-IN", "en": "en-IN"}

Make = Callable[[aiohttp.ClientSession, str], "tts.TTS[None]"]
"""Makes the plugin's voice for a language (``ta`` or ``en``)."""


class CloudVoice:
    """One cloud voice. Belongs to one event loop."""

    def __init__(self, name: str, make: Make) -> None:
        self.name = name
        self._make = make
        self._breaker = Breaker()
        self._session: aiohttp.ClientSession | None = None
        self._voices: dict[str, tts.TTS[None]] = {}

    def away(self, now: float) -> bool:
        """Whether it is left alone at this moment; a request now and then tries it again."""
        return self._breaker.way(now) is Way.AVOID

    def heard(self) -> None:
        """It spoke."""
        self._breaker.answered()

    def failed(self, now: float) -> None:
        """It did not speak, or not in time."""
        self._breaker.failed(now)

    async def speak(
        self, text: str, *, language: str, within_s: float
    ) -> AsyncGenerator[bytes, None]:
        """PCM (int16 mono, 22,050 Hz) of ``text``, from the moment it sounds.

        Args:
            text: something that can be pronounced.
            language: ``ta`` or ``en``.
            within_s: seconds the plugin may take for its connection and for silence in between.

        Raises:
            VoiceUnavailable: it gave no speech, or broke off.
        """
        incoming = Incoming("audio/pcm", SAMPLE_RATE)
        once = APIConnectOptions(max_retry=0, timeout=within_s)
        try:
            async with self._voice(language).synthesize(text, conn_options=once) as spoken:
                async for event in spoken:
                    if pcm := incoming.push(event.frame.data.tobytes()):
                        yield pcm
            if pcm := incoming.finish():
                yield pcm
        except (APIError, BadSound, aiohttp.ClientError, OSError, ValueError) as exc:
            # Not the error's own text: it may quote what was to be said.
            _log.warning("cloud voice failed", extra={"error": type(exc).__name__})
            raise VoiceUnavailable("The cloud voice did not speak.") from None

    async def aclose(self) -> None:
        """Close its connections."""
        voices, self._voices = list(self._voices.values()), {}
        for voice in voices:
            await voice.aclose()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _voice(self, language: str) -> tts.TTS[None]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        if language not in self._voices:
            self._voices[language] = self._make(self._session, language)
        return self._voices[language]


def cloud_voices(settings: Settings) -> list[CloudVoice]:
    """The cloud voices that the settings allow, in the order in which they are asked.

    Must be called in the main thread: a plugin registers itself when it is imported.

    Raises:
        ConfigurationError: a key is set but its plugin is not installed.
    """
    makers = {"cartesia": _cartesia, "sarvam": _sarvam}
    return [CloudVoice(name, makers[name](settings)) for name in settings.cloud_voices]


def _cartesia(settings: Settings) -> Make:
    plugin, given = _plugin("cartesia"), settings.cartesia
    voice = {"voice": given.voice} if given.voice else {}

    def make(session: aiohttp.ClientSession, language: str) -> tts.TTS[None]:
        made: tts.TTS[None] = plugin.TTS(
            api_key=given.api_key.get_secret_value(),
            model=given.model,
            language=_CARTESIA_LANGUAGES[language],
            sample_rate=SAMPLE_RATE,
            word_timestamps=False,
            base_url=given.url,
            http_session=session,
            **voice,
        )
        return made

    return make


def _sarvam(settings: Settings) -> Make:
    plugin, given = _plugin("sarvam"), settings.sarvam

    def make(session: aiohttp.ClientSession, language: str) -> tts.TTS[None]:
        made: tts.TTS[None] = plugin.TTS(
            api_key=given.api_key.get_secret_value(),
            model=given.model,
            target_language_code=_SARVAM_LANGUAGES[language],
            speaker=given.voice or None,
            speech_sample_rate=SAMPLE_RATE,
            output_audio_codec="wav",
            base_url=given.url,
            http_session=session,
        )
        return made

    return make


def _plugin(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"livekit.plugins.{name}")
    except ImportError:
        raise ConfigurationError(
            f"The setting {name.upper()}__API_KEY is set but its plugin is not installed: "
            f'pip install "kural[{name}]", or take the key away.'
        ) from None
