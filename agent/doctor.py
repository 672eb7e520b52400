"""``kural doctor``: checks this machine and every configured service, one line each, with the mend.

Nothing is changed but a probe file in DATA_DIR, which is removed again. Services that are not
configured are said to be off, and nothing outside this machine is asked unless a setting names it.
"""

from __future__ import annotations

import asyncio
import ctypes.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from agent import settings as settings_module
from agent.errors import AgentError
from agent.settings import Settings, is_own_network

LEAST_FREE_BYTES = 1_000_000_000
"""Under a gigabyte on the disk of DATA_DIR is a warning: a full disk stops tickets."""
LEAST_CORES = 2
CONNECT_S = 5.0
"""How long a service on the network may take to answer."""
SAID = "தண்ணி வரல"
"""What the voice says to the ears: 'water is not coming', about a second."""
_ANSWERED = "answers a turn"


class State(StrEnum):
    """What a check came to."""

    OK = "ok"
    OFF = "off"
    """Not configured, and not needed."""
    WARN = "warn"
    """Calls are answered, but worse or not for long."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    state: State
    found: str
    mend: str = ""
    """What to do; empty when nothing is."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Check this machine and every configured service, one line each, with the mend.

    Exit code 1 when something is wrong; warnings leave it at 0.
    """
    wrong = False
    for check in examine(settings_module.load()):
        wrong |= check.state is State.WRONG
        click.echo(json.dumps(asdict(check), ensure_ascii=False) if as_json else _line(check))
    context.exit(1 if wrong else 0)


def examine(settings: Settings) -> Iterator[Check]:
    """Every check in turn; one that fails in a way nobody foresaw is a finding of its own."""
    for name, look in _CHECKS.items():
        try:
            yield look(settings)
        except AgentError as exc:
            yield Check(name, State.WRONG, "does not work", str(exc))
        except Exception as exc:  # noqa: BLE001 - a doctor reports, whatever he finds
            found = f"the check itself failed ({type(exc).__name__})"
            yield Check(name, State.WRONG, found, "Run the part on its own to see more.")


def machine(_settings: Settings) -> Check:
    """Processor, memory, Python."""
    cores = len(os.sched_getaffinity(0))
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = ".".join(map(str, sys.version_info[:3]))
    found = f"{cores} cores, {gibibytes:.0f} GiB, Python {python}"
    if cores < LEAST_CORES:
        return Check("machine", State.WARN, found, "One core carries one call; use two or more.")
    return Check("machine", State.OK, found)


def data_folder(settings: Settings) -> Check:
    """Whether DATA_DIR takes a synced file, and how much room is left."""
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            probe.write(b"probe")
            probe.flush()
            os.fsync(probe.fileno())
        sync_ms = 1000 * (time.perf_counter() - began)
    except OSError as exc:
        mend = "Set DATA_DIR to a folder this user may write."
        return Check("data folder", State.WRONG, f"{folder}: {exc.strerror}", mend)
    free = shutil.disk_usage(folder).free
    found = f"{folder}, {free / 1e9:.0f} GB free, a synced write takes {sync_ms:.0f} ms"
    if free < LEAST_FREE_BYTES:
        return Check("data folder", State.WARN, found, "Make room: a full disk stops tickets.")
    return Check("data folder", State.OK, found)


def encryption_key(settings: Settings) -> Check:
    """Where the key of names and numbers comes from; a lost key is never replaced in silence."""
    from agent.tickets.keyring import KEY_FILE

    if settings.tickets.encryption_key.get_secret_value():
        return Check("encryption key", State.OK, "from TICKETS__ENCRYPTION_KEY")
    path = settings.data_dir / KEY_FILE
    if path.is_file():
        mode = path.stat().st_mode & 0o077
        if mode:
            return Check(
                "encryption key", State.WARN, f"{path} may be read by others", f"chmod 600 {path}"
            )
        mend = "Keep a copy of it apart from the database: without it names and numbers are lost."
        return Check("encryption key", State.OK, str(path), mend)
    if (settings.data_dir / "kural.db").exists():
        mend = f"Bring back {path}: the tickets of this database cannot be read without it."
        return Check("encryption key", State.WRONG, "missing beside an existing database", mend)
    return Check("encryption key", State.OK, "is made with the first ticket")


def database(settings: Settings) -> Check:
    """Whether the ticket database answers."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from agent.tickets.database import open_engine

    engine = open_engine(settings.database_url)
    name = engine.dialect.name
    file = engine.url.database or ""
    if name == "sqlite" and not Path(file).exists():
        return Check("database", State.OK, "sqlite, is made with the first ticket")
    began = time.perf_counter()
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as exc:
        mend = "Start it, or correct TICKETS__DATABASE_URL; calls go on and rows follow later."
        return Check(
            "database", State.WRONG, f"{name} does not answer ({type(exc).__name__})", mend
        )
    finally:
        engine.dispose()
    took_ms = 1000 * (time.perf_counter() - began)
    return Check("database", State.OK, f"{name}, answers in {took_ms:.0f} ms")


def journal_receiver(settings: Settings) -> Check:
    """Whether the second machine that takes journals is there, and lets us in."""
    from agent.tickets.durability import durability_of

    receiver = durability_of(settings).receiver
    if receiver is None:
        return Check("journal receiver", State.OFF, "no TICKETS__RECEIVER_URL; journals stay here")
    try:
        receiver.check()
    finally:
        receiver.close()
    return Check("journal receiver", State.OK, "answers and knows our token")


def gpu(settings: Settings) -> Check:
    """Driver, device, memory, cuBLAS and compute types, as far as there is a GPU."""
    wanted = settings.speech.device == "cuda"
    card = _nvidia_smi()
    if card is None and not wanted:
        return Check("GPU", State.OFF, "none; the ears use the processor")
    if card is None:
        mend = "Install the NVIDIA driver, or set SPEECH__DEVICE=cpu."
        return Check("GPU", State.WRONG, "SPEECH__DEVICE=cuda, but no driver answers", mend)
    from agent.speech.cublas import preload

    preload()
    import ctranslate2

    if not ctranslate2.get_cuda_device_count():
        mend = "pip install 'kural[gpu]' brings cuBLAS 12; the driver must be 525 or newer."
        return Check("GPU", State.WRONG, f"{card}; CTranslate2 sees no device", mend)
    types = ", ".join(sorted(ctranslate2.get_supported_compute_types("cuda")))
    return Check("GPU", State.OK, f"{card}; compute types {types}")


def _nvidia_smi() -> str | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = "--query-gpu=name,driver_version,memory.total"
    try:
        done = subprocess.run(
            [program, query, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=CONNECT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return "; ".join(done.stdout.strip().splitlines()) or None


def voice(settings: Settings) -> Check:
    """Whether the voice speaks."""
    began = time.perf_counter()
    samples = len(asyncio.run(_spoken(settings))) // 2
    took_ms = 1000 * (time.perf_counter() - began)
    if not samples:
        mend = "Set SPEECH__VOICE to a known voice."
        return Check("voice", State.WRONG, "no sound came", mend)
    where = settings.speech.voice_url or "in a process of its own"
    found = (
        f"{settings.speech.voice} {where}, {samples / 22_050:.1f} s of speech in {took_ms:.0f} ms"
    )
    return Check("voice", State.OK, found)


async def _spoken(settings: Settings) -> bytes:
    from agent.speech.voice import VoiceClient, one_shot

    speech = settings.speech
    if not speech.voice_url:
        return await one_shot(SAID, voice=speech.voice, rate=speech.voice_rate)
    client = VoiceClient(speech.voice_url, speech.token.get_secret_value())
    try:
        chunks = client.synthesize(SAID, voice=speech.voice, rate=speech.voice_rate)
        return b"".join([chunk async for chunk in chunks])
    finally:
        await client.aclose()


def ears(settings: Settings) -> Check:
    """Whether the ears write down what the voice says: model, device, time of a transcription."""
    import numpy as np

    from agent.speech.audio import resample

    said = np.frombuffer(asyncio.run(_spoken(settings)), np.int16)
    sound = np.pad(resample(said, 22_050, 16_000), (8_000, 8_000))
    began = time.perf_counter()
    if settings.speech.ears_url:
        name, demo, text = asyncio.run(_asked(settings, sound.tobytes()))
        where = "at SPEECH__EARS_URL"
    else:
        from agent.speech.ears_command import load_ears

        loaded = load_ears(settings.speech)
        where = f"loaded in {time.perf_counter() - began:.1f} s"
        began = time.perf_counter()
        text = loaded.transcribe(sound).text
        name, demo = loaded.checkpoint.name, loaded.checkpoint.facts.demo
    took_ms = 1000 * (time.perf_counter() - began)
    found = f"{name} {where}, {len(sound) / 16_000:.1f} s transcribed in {took_ms:.0f} ms: {text!r}"
    if not text:
        mend = "Set SPEECH__MODEL to a checkpoint that knows Tamil."
        return Check("ears", State.WARN, found, mend)
    if demo:
        mend = "It knows a synthetic voice only: set SPEECH__MODEL before citizens call."
        return Check("ears", State.WARN, found, mend)
    return Check("ears", State.OK, found)


async def _asked(settings: Settings, pcm: bytes) -> tuple[str, bool, str]:
    from agent.speech.ears_client import EarsClient

    speech = settings.speech
    client = EarsClient(speech.ears_url, speech.token.get_secret_value(), CONNECT_S)
    try:
        stat = await client.stat()
        transcript = await client.transcribe(pcm)
    finally:
        await client.aclose()
    return str(stat.get("model")), bool(stat.get("demo")), transcript.text


def prompts(settings: Settings) -> Check:
    """Whether every sentence is there, and how many are rendered."""
    from agent.conversation.script import Script

    script = Script.load(settings.call.prompts_dir)
    fixed = len(script.fixed_pieces())
    rendered = len(list(settings.prompt_cache_dir.glob("*.wav")))
    found = f"{len(script.prompts)} sentences, {fixed} fixed pieces, {rendered} sound files cached"
    if rendered < fixed:
        mend = "kural prompts render (a worker does it at its start)."
        return Check("prompts", State.OK, found, mend)
    return Check("prompts", State.OK, found)


def language_model(settings: Settings) -> Check:
    """Whether the language models answer a turn in time, in the agreed form."""
    llm = settings.llm
    if not llm.url:
        return Check("language model", State.OFF, "none; rules alone")
    answers = asyncio.run(_models_asked(settings))
    found = "; ".join(f"{name} {said}" for name, said in answers.items())
    if all(_ANSWERED in said for said in answers.values()):
        return Check("language model", State.OK, found)
    mend = "Look at the server, its model's name and key, and LLM__FIRST_TOKEN_S."
    well = any(_ANSWERED in said for said in answers.values())
    return Check("language model", State.WARN if well else State.WRONG, found, mend)


async def _models_asked(settings: Settings) -> dict[str, str]:
    from agent.understanding.models import build_chain

    chain = build_chain(settings)
    answers = {}
    try:
        for server in chain.servers:
            began = time.perf_counter()
            try:
                await chain.ask_one(server, SAID, None, chain.patience.deadline_s)
            except AgentError as exc:
                answers[server.name] = str(exc)
            else:
                took_ms = 1000 * (time.perf_counter() - began)
                answers[server.name] = f"{_ANSWERED} in {took_ms:.0f} ms"
    finally:
        await chain.aclose()
    return answers


def cloud(settings: Settings) -> Check:
    """Whether callers' words may leave this network, and where to."""
    where = ["Deepgram"] if settings.cloud_recogniser else []
    where += [name.capitalize() for name in settings.cloud_voices]
    urls = (settings.llm.url, settings.llm.second_url, *settings.tts_instances)
    abroad = {urlsplit(url).hostname or "" for url in urls if url and not is_own_network(url)}
    where += sorted(abroad)
    if not settings.cloud_words:
        return Check("cloud", State.OFF, "words stay in this network")
    mend = "The notice callers hear must say so."
    return Check("cloud", State.OK, f"words may go to {', '.join(where)}", mend)


def livekit(settings: Settings) -> Check:
    """Whether the LiveKit server answers at its address."""
    given = [
        settings.livekit_url,
        settings.livekit_api_key.get_secret_value(),
        settings.livekit_api_secret.get_secret_value(),
    ]
    if not any(given):
        return Check("LiveKit", State.OFF, "not configured; console and kural call need none")
    if not all(given):
        mend = "Set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET; see secrets.example.txt."
        return Check("LiveKit", State.WRONG, "only partly configured", mend)
    parts = urlsplit(settings.livekit_url)
    port = parts.port or (443 if parts.scheme in ("wss", "https") else 80)
    began = time.perf_counter()
    try:
        asyncio.run(_reach(parts.hostname or "", port))
    except (OSError, TimeoutError):
        mend = "Start it, or correct LIVEKIT_URL."
        return Check("LiveKit", State.WRONG, f"nobody answers on port {port}", mend)
    took_ms = 1000 * (time.perf_counter() - began)
    return Check("LiveKit", State.OK, f"answers on port {port}, {took_ms:.0f} ms")


def capacity(settings: Settings) -> Check:
    """How many calls a worker here would take at once, and why so many."""
    from agent.capacity.profile import load_profile

    found = load_profile(settings)
    calls = f"{found.calls} call{'s' * (found.calls > 1)} at once"
    if found.source == "default":
        mend = "kural capacity calibrate, or set LIVEKIT__MAX_CALLS."
        return Check("capacity", State.WARN, f"{calls}. {found.why}", mend)
    return Check("capacity", State.OK, f"{calls}: {found.why}")


def worker(settings: Settings) -> Check:
    """What a worker of these settings that runs on this machine says about itself."""
    import aiohttp

    control = settings.control
    token = (
        "" if control.token.get_secret_value() else "; POST /drain is off without CONTROL__TOKEN"
    )
    try:
        said = asyncio.run(_asked_worker(f"http://{control.host}:{control.port}/ready"))
        missing: dict[str, str] = said["missing"]
        found = f"port {control.port}: {said['active_calls']} of {said['capacity']} calls"
    except (OSError, TimeoutError, aiohttp.ClientError, ValueError, KeyError, TypeError):
        return Check("worker", State.OFF, f"none answers on port {control.port}{token}")
    if missing:
        reasons = "; ".join(f"{name}: {sentence}" for name, sentence in missing.items())
        return Check("worker", State.WARN, f"{found}, not ready", reasons)
    return Check("worker", State.OK, f"{found}, ready{token}")


async def _asked_worker(url: str) -> dict[str, Any]:
    import aiohttp

    async with (
        asyncio.timeout(CONNECT_S),
        aiohttp.ClientSession() as session,
        session.get(url) as answer,
    ):
        facts: dict[str, Any] = await answer.json()
        return facts


async def _reach(host: str, port: int) -> None:
    async with asyncio.timeout(CONNECT_S):
        _reader, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()


def console_audio(_settings: Settings) -> Check:
    """PortAudio, which only the console needs."""
    if ctypes.util.find_library("portaudio"):
        return Check("console audio", State.OK, "PortAudio is there")
    mend = "apt-get install libportaudio2, if `python agent.py console` is wanted."
    return Check("console audio", State.OFF, "no PortAudio", mend)


_CHECKS: dict[str, Callable[[Settings], Check]] = {
    "machine": machine,
    "data folder": data_folder,
    "encryption key": encryption_key,
    "database": database,
    "journal receiver": journal_receiver,
    "GPU": gpu,
    "voice": voice,
    "ears": ears,
    "prompts": prompts,
    "language model": language_model,
    "cloud": cloud,
    "LiveKit": livekit,
    "capacity": capacity,
    "worker": worker,
    "console audio": console_audio,
}


def _line(check: Check) -> str:
    mend = f"\n{'':24}-> {check.mend}" if check.mend else ""
    return f"{check.state.value:<6} {check.name:<16} {check.found}{mend}"
