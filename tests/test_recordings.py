"""What a render leaves for calls: recordings of one engine, its level, the list of phrases."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from agent import recordings
from agent.conversation.readback import place_words
from agent.conversation.script import Prompt, Script
from agent.settings import Settings, SpeechSettings
from agent.speech.embedded import embedded_engine
from agent.speech.level import TARGET_DBOV
from agent.speech.prompts_audio import PromptCache, render_prompts, speaking_engine
from agent.speech.voice import VoiceClient
from agent.tamil.words import split_words
from agent.understanding.places import PlaceResolver
from tests.speech.test_voice import serving

SCRIPT = Script(
    {
        "greeting": Prompt(text="வணக்கம், உங்கள் புகாரைச் சொல்லுங்கள்."),
        "place": Prompt(text="உங்கள் ஊர் {place}, சரியா?"),
    }
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    speech = SpeechSettings(voice_url=f"unix://{tmp_path / 'voice.sock'}")
    return Settings(data_dir=tmp_path / "var", speech=speech)


async def test_a_render_leaves_recordings_level_and_list_and_a_second_one_nothing_new(
    settings: Settings,
):
    async with serving(settings.voice_url):
        first = await recordings.render_fixed_prompts(settings, SCRIPT)
        second = await recordings.render_fixed_prompts(settings, SCRIPT)
    assert (first.wanted, first.rendered, first.complete) == (3, 3, True)
    assert (second.cached, second.rendered, second.sound_bytes) == (3, 0, first.sound_bytes)
    assert first.sound_bytes > 100_000
    book = recordings.book_of(settings)
    assert book.knows(recordings.speaker_of(settings, "ta"), embedded_engine())
    assert abs(book.gain(embedded_engine(), "ta")) < 6
    known = (settings.prompt_cache_dir / "phrases" / "known.txt").read_text(encoding="utf-8")
    assert "கொரட்டூர்\n" in known


async def test_without_a_voice_nothing_is_noted(settings: Settings):
    report = await recordings.render_fixed_prompts(settings, SCRIPT)
    assert not report.complete
    assert not recordings.book_of(settings).knows(
        recordings.speaker_of(settings, "ta"), embedded_engine()
    )


async def test_prune_leaves_what_any_language_needs_and_removes_the_rest(settings: Settings):
    english = Script({"greeting": Prompt(text="Welcome.")}, "en")
    shorter = Script({"greeting": SCRIPT.prompts["greeting"]})
    async with serving(settings.voice_url):
        for script in (SCRIPT, english):
            assert (await recordings.render_fixed_prompts(settings, script)).complete
        folder = settings.prompt_cache_dir
        (folder / ".part-just-now").touch()
        assert recordings.prune_prompts(settings, {"ta": SCRIPT, "en": english}) == 0
        assert recordings.prune_prompts(settings, {"ta": shorter, "en": english}) == 2
        again = await recordings.render_fixed_prompts(settings, SCRIPT)
    assert (again.cached, again.rendered) == (1, 2)
    assert (folder / ".part-just-now").exists()
    assert (folder / "voices.json").exists()


class Named(VoiceClient):
    """A real client in front of a voice process that tells who speaks, as a pool does."""

    def __init__(self, url: str, engine: Callable[[str], str]) -> None:
        super().__init__(url)
        self._engine = engine

    async def synthesize(
        self,
        text: str,
        *,
        voice: str,
        rate: int,
        pitch: int = 50,
        on_engine: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        if on_engine is not None:
            on_engine(self._engine(text))
        async for chunk in super().synthesize(text, voice=voice, rate=rate, pitch=pitch):
            yield chunk


async def test_a_prompt_that_another_engine_spoke_is_not_recorded(settings: Settings):
    """The pool falls back in mid-render: one sentence must not change its voice."""
    texts = SCRIPT.fixed_pieces()
    cache = PromptCache(settings.prompt_cache_dir, "ta", 165, engine="neural 2")
    async with serving(settings.voice_url):
        client = Named(settings.voice_url, lambda text: "espeak" if "வணக்கம்" in text else "neural 2")
        assert await speaking_engine(client, cache, texts[1]) == "neural 2"
        report = await render_prompts(cache, client, texts)
        await client.aclose()
    assert report.failed == (texts[0],)
    assert cache.get(texts[0]) is None
    assert cache.get(texts[1]) is not None


async def test_who_speaks_is_the_caches_engine_where_nobody_says(settings: Settings):
    cache = PromptCache(settings.prompt_cache_dir, "ta", 165, engine="neural 2")
    client = VoiceClient(settings.voice_url)
    assert await speaking_engine(client, cache, "ஊர்") == "neural 2"
    await client.aclose()


def test_calls_play_the_engine_that_recorded_everything(settings: Settings):
    speaker = recordings.speaker_of(settings, "ta")
    recordings.book_of(settings).note(speaker, "neural 2", TARGET_DBOV)
    cache = recordings.prompt_cache(settings, recordings.book_of(settings), "ta")
    assert cache.engine == "neural 2"
    assert recordings.prompt_cache(settings, recordings.book_of(settings), "en").engine == (
        embedded_engine()
    )


def test_places_that_are_read_back_may_be_kept():
    """What is read back is the table's own name, so it is found in the list."""
    known = frozenset(recordings.known_phrases())
    places = PlaceResolver.load()
    for said in ("கொரட்டூர்", "பல்லடம்", "மதுரை", "திருநெல்வேலி டவுன்"):
        found = places.asked(said, split_words(said))
        assert found is not None
        assert place_words(found.place) in known
        assert place_words(found.place, "en") in known
