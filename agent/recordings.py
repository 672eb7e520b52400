"""What is kept as sound for the calls of a machine: the prompts, and the phrases between them.

The one place that knows sentences, tables and voices at once; calls read what it leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from agent.speech.embedded import embedded_engine
from agent.speech.phrases import KeptPhrases, phrase_folder, write_known
from agent.speech.prompts_audio import (
    Progress,
    PromptCache,
    RenderReport,
    prune,
    render_prompts,
    speaking_engine,
)
from agent.speech.voice import VoiceClient
from agent.speech.voice_book import Speaker, VoiceBook
from agent.tamil import speller as tamil
from agent.tamil import speller_english as english
from agent.understanding.place_names import place_phrases

if TYPE_CHECKING:
    from agent.conversation.script import Script
    from agent.observability.metrics import Meters
    from agent.settings import Settings
    from agent.speech.tts import PooledTTS

MOST_DAYS = 366
"""Numbers of days up to this are kept; each is one cardinal, never a run of digits."""


def voices_of(settings: Settings) -> dict[str, str]:
    """Language -> name of the voice that speaks it."""
    return {"ta": settings.speech.voice, "en": settings.speech.voice_en}


def speaker_of(settings: Settings, language: str) -> Speaker:
    """The voice of a language as it is asked for."""
    return Speaker(voices_of(settings)[language], settings.speech.voice_rate)


def book_of(settings: Settings) -> VoiceBook:
    """What earlier renders found out about the voices."""
    return VoiceBook(settings.prompt_cache_dir)


def prompt_cache(settings: Settings, book: VoiceBook, language: str) -> PromptCache:
    """The recorded prompts of a language, by the engine that has recorded them all."""
    speaker = speaker_of(settings, language)
    return PromptCache(
        settings.prompt_cache_dir,
        speaker.voice,
        speaker.rate,
        pitch=speaker.pitch,
        engine=book.engine(speaker, embedded_engine()),
    )


def kept_phrases(settings: Settings, cache: PromptCache) -> KeptPhrases:
    """The phrases kept for the voice and engine of these prompts."""
    return KeptPhrases(
        PromptCache(
            phrase_folder(settings.prompt_cache_dir),
            cache.voice,
            cache.rate,
            pitch=cache.pitch,
            engine=cache.engine,
            memory_bytes=0,  # a call says a place twice at most
        )
    )


def build_voice(
    settings: Settings, script: Script, client: VoiceClient, meters: Meters
) -> PooledTTS:
    """The voice of a script's language for one call; ``client`` stays the caller's to close."""
    from agent.speech.tts import PooledTTS  # LiveKit, which the commands do without

    book = book_of(settings)
    cache = prompt_cache(settings, book, script.language)
    return PooledTTS(
        client,
        cache,
        script.fixed_pieces(),
        voice=cache.voice,
        rate=cache.rate,
        pitch=cache.pitch,
        phrases=kept_phrases(settings, cache),
        book=book,
        meters=meters,
    )


async def render_fixed_prompts(
    settings: Settings, script: Script, progress: Progress | None = None
) -> RenderReport:
    """Bring the cache of fixed prompts up to date with the script and the voice of its language.

    When another engine speaks for the voice than the recordings are by, all are recorded anew;
    calls go over to them once they are complete.
    """
    book, language, texts = book_of(settings), script.language, script.fixed_pieces()
    cache = prompt_cache(settings, book, language)
    token = settings.speech.token.get_secret_value()
    client = VoiceClient(settings.voice_url, token=token)
    try:
        engine = await speaking_engine(client, cache, texts[0]) if texts else cache.engine
        if engine != cache.engine:
            cache = PromptCache(
                settings.prompt_cache_dir,
                cache.voice,
                cache.rate,
                pitch=cache.pitch,
                engine=engine,
            )
        report = await render_prompts(cache, client, texts, progress)
    finally:
        await client.aclose()
    with contextlib.suppress(OSError):  # a disk that is full: calls go on as they were
        await asyncio.to_thread(_note, settings, script, cache, report)
    return report


def prune_prompts(settings: Settings, scripts: Mapping[str, Script]) -> int:
    """Remove recordings no language needs any more; returns how many."""
    book = book_of(settings)
    caches = [prompt_cache(settings, book, language) for language in scripts]
    texts = [script.fixed_pieces() for script in scripts.values()]
    return prune(settings.prompt_cache_dir, caches, texts)


def known_phrases() -> Iterator[str]:
    """Every phrase that may be kept: the places of our tables, numbers of days.

    In Tamil and in English. Nothing of a caller: his words, name and numbers are in no table.
    """
    yield from place_phrases()
    for number in range(MOST_DAYS + 1):
        yield tamil.spell_number(number)
        yield english.spell_number(number)


def _note(settings: Settings, script: Script, cache: PromptCache, report: RenderReport) -> None:
    write_known(phrase_folder(settings.prompt_cache_dir), known_phrases())
    book, speaker = book_of(settings), speaker_of(settings, script.language)
    if report.complete and (report.rendered or not book.knows(speaker, cache.engine)):
        book.note(speaker, cache.engine, cache.level_dbov(script.fixed_pieces()))
