"""``kural say``: a text becomes a WAV file, by the voice that speaks to callers."""

from __future__ import annotations

import asyncio
import io
import sys
import wave
from contextlib import aclosing
from pathlib import Path

import click

from agent import settings as settings_module
from agent.errors import UnreadableInput, UsageError, VoiceUnavailable
from agent.settings import Settings
from agent.speech.numerals import spell_numerals, voice_language
from agent.speech.pieces import portions, spoken_form
from agent.speech.voice import VOICE_SAMPLE_RATE, VoiceClient, one_shot

MAX_CHARS = 20_000
"""Longest text of one file: about 25 minutes, 65 MB."""


@click.command()
@click.argument("text")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="WAV file to write.")
@click.option("--voice", help="Name of the voice, e.g. ta or ta+f5  [default: SPEECH__VOICE].")
@click.option("--rate", type=int, help="Words a minute  [default: SPEECH__VOICE_RATE].")
def command(text: str, out: Path, voice: str | None, rate: int | None) -> None:
    """Speak TEXT into a WAV file (- reads the text from standard input).

    Figures, short forms and, for a Tamil voice, English words are said as words. The running
    voice process speaks when there is one, else a process started for this text alone.
    """
    settings = settings_module.load()
    written = _words(text)
    _check_target(out)
    chosen = voice or settings.speech.voice
    words = spell_numerals(written, voice_language(chosen))
    speed = rate if rate is not None else settings.speech.voice_rate
    pcm = asyncio.run(_speak(settings, words, chosen, speed))
    if not pcm:
        raise UsageError("This text holds nothing that can be pronounced; give it some letters.")
    _write(out, pcm)
    click.echo(f"{out}: {len(pcm) / 2 / VOICE_SAMPLE_RATE:.2f} s")


def _words(text: str) -> str:
    if text == "-":
        if sys.stdin is None:
            raise UsageError("Standard input is closed: give the text itself, or pipe it in.")
        try:
            text = sys.stdin.read(MAX_CHARS + 1)
        except UnicodeDecodeError:
            raise UnreadableInput("Standard input is not UTF-8 text; convert it first.") from None
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise UnreadableInput("The text is not UTF-8; convert it first.")
    if len(text) > MAX_CHARS:
        raise UnreadableInput(f"The text is longer than {MAX_CHARS:,} characters; split it.")
    if not spoken_form(text):
        raise UsageError("This text holds nothing that can be pronounced; give it some letters.")
    return text


def _check_target(out: Path) -> None:
    if out.suffix.lower() != ".wav":
        raise UsageError("The file of --out must end in .wav; only WAV is written.")
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name a file inside it.")
    if not out.parent.is_dir():
        raise UsageError(f"The folder {out.parent} does not exist; make it first.")


async def _speak(settings: Settings, text: str, voice: str, rate: int) -> bytes:
    client = VoiceClient(settings.voice_url, settings.speech.token.get_secret_value())
    try:
        return b"".join([await _portion(client, part, voice, rate) for part in portions(text)])
    finally:
        await client.aclose()


async def _portion(client: VoiceClient, text: str, voice: str, rate: int) -> bytes:
    try:
        async with aclosing(client.synthesize(text, voice=voice, rate=rate)) as chunks:
            return b"".join([chunk async for chunk in chunks])
    except VoiceUnavailable:
        return await one_shot(text, voice=voice, rate=rate)


def _write(out: Path, pcm: bytes) -> None:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(VOICE_SAMPLE_RATE)
        file.writeframes(pcm)
    unfinished = out.with_name(f".{out.name}.part")
    try:
        unfinished.write_bytes(content.getvalue())
        unfinished.replace(out)
    except OSError as exc:
        unfinished.unlink(missing_ok=True)
        raise UsageError(f"{out} cannot be written ({exc.strerror}).") from None
