"""What must be there before a worker starts, said in one sentence where it is missing."""

from __future__ import annotations

import ctypes.util
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import ConfigurationError
from agent.speech.neural.folder import check_licence, open_folder

if TYPE_CHECKING:
    from agent.settings import Settings


def check(settings: Settings, command: str) -> None:
    """Refuse to start with one clear sentence where the start could only fail later.

    Raises:
        ConfigurationError: what is missing and what to do.
    """
    if command in ("start", "dev", "connect"):
        _check_livekit(settings)
    if command == "start":
        _check_model(settings)
        _check_voice(settings)
        _check_worker_port(settings)
    if command == "console" and ctypes.util.find_library("portaudio") is None:
        raise ConfigurationError(
            "The console needs the PortAudio library, in text mode too: "
            "install it with `apt-get install libportaudio2`."
        )


def _check_livekit(settings: Settings) -> None:
    given = {
        "LIVEKIT_URL": settings.livekit_url,
        "LIVEKIT_API_KEY": settings.livekit_api_key.get_secret_value(),
        "LIVEKIT_API_SECRET": settings.livekit_api_secret.get_secret_value(),
    }
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise ConfigurationError(
            f"A worker needs LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET; not set: "
            f"{', '.join(missing)}. See secrets.example.txt."
        )


def _check_worker_port(settings: Settings) -> None:
    """LiveKit's own code opens it much later, and would end with a traceback."""
    control = settings.control
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            control.host, control.worker_port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        raise ConfigurationError(
            f"LiveKit's health port {control.worker_port} on {control.host} cannot be opened "
            f"({exc.strerror}): end who uses it, or set CONTROL__WORKER_PORT and CONTROL__HOST."
        ) from None


def _check_model(settings: Settings) -> None:
    card = settings.speech.model / "kural.json"
    if settings.speech.allow_demo_model or not card.is_file():
        return
    if json.loads(card.read_text(encoding="utf-8")).get("demo"):
        raise ConfigurationError(
            "The demo speech model has only ever heard a synthetic voice, so it must not answer "
            "citizens: set SPEECH__MODEL to a real checkpoint, or SPEECH__ALLOW_DEMO_MODEL=true "
            "for a demonstration."
        )


def _check_voice(settings: Settings) -> None:
    """A neural voice must be whole, and its licence one a public office may use."""
    speech = settings.speech
    if speech.voice_model:
        check_licence(open_folder(Path(speech.voice_model)), speech.voice_license)
