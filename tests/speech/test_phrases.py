"""Phrases kept between the prompts: only those of our tables, only so many, never in the way."""

import asyncio
import contextlib
import os
import string
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.errors import VoiceUnavailable
from agent.recordings import known_phrases
from agent.speech.link import Frame, Responder, serve
from agent.speech.numerals import spell_numerals
from agent.speech.phrases import KeptPhrases, PhraseKeeper, write_known
from agent.speech.prompts_audio import PromptCache
from agent.speech.voice import VoiceClient, serve_voice
from agent.tamil.speller import spell_digits, spell_phone, spell_ticket

MB = 1_000_000
PLACES = ["கொரட்டூர்", "பல்லடம்", "Sriperumbudur"]
KNOWN = frozenset(known_phrases())
PCM = (3_000 * np.sin(np.arange(4_000) / 20)).astype(np.int16).tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_known(tmp_path / "phrases", PLACES)
    return tmp_path / "phrases"


def cache_of(folder: Path) -> PromptCache:
    return PromptCache(folder, "ta", 165, memory_bytes=0)


def keeper_of(folder: Path, limit_bytes: int = MB) -> PhraseKeeper:
    keeper = PhraseKeeper(folder, limit_bytes)
    keeper.look_again()
    return keeper


def wav_files(folder: Path) -> int:
    return len(list(folder.glob("*.wav")))


@contextlib.asynccontextmanager
async def answering(
    serving: Coroutine[Any, Any, None], keeper: PhraseKeeper
) -> AsyncIterator[None]:
    task = asyncio.create_task(serving)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(keeper.close)


@contextlib.asynccontextmanager
async def voice_that_keeps(url: str, keeper: PhraseKeeper) -> AsyncIterator[VoiceClient]:
    ready = asyncio.Event()
    async with answering(serve_voice(url, ready=ready, around=keeper.over), keeper):
        await ready.wait()
        client = VoiceClient(url)
        yield client
        await client.aclose()


async def say(client: VoiceClient, text: str) -> bytes:
    return b"".join([chunk async for chunk in client.synthesize(text, voice="ta", rate=165)])


async def test_the_voice_keeps_a_place_it_has_spoken_and_a_call_finds_it(
    folder: Path, tmp_path: Path
):
    async with voice_that_keeps(f"unix://{tmp_path / 'v.sock'}", keeper_of(folder)) as client:
        live = await say(client, "கொரட்டூர்,")
        await say(client, "நூறடி ரோடு")
    kept = KeptPhrases(cache_of(folder)).get("கொரட்டூர்,")
    assert kept is not None
    assert kept in live
    assert 2 * len(kept) > len(live)
    assert wav_files(folder) == 1


async def test_a_phrase_that_was_broken_off_is_not_kept(folder: Path, tmp_path: Path):
    async def breaks_off(frame: Frame, responder: Responder) -> None:
        await responder.data({}, PCM)
        raise VoiceUnavailable("Gone.")

    url, keeper = f"unix://{tmp_path / 'v.sock'}", keeper_of(folder)
    async with answering(serve(url, keeper.over(breaks_off)), keeper), asyncio.timeout(5):
        client = VoiceClient(url)
        while True:
            try:
                await say(client, "பல்லடம்")
            except VoiceUnavailable as exc:
                if "Gone" in str(exc):
                    break
        await client.aclose()
    assert wav_files(folder) == 0


async def test_a_folder_that_cannot_be_written_leaves_the_voice_speaking(tmp_path: Path):
    write_known(tmp_path / "phrases", PLACES)
    keeper = keeper_of(tmp_path / "phrases")
    for path in (tmp_path / "phrases").iterdir():
        path.unlink()
    (tmp_path / "phrases").rmdir()
    (tmp_path / "phrases").write_text("a file stands where the folder should be")
    async with voice_that_keeps(f"unix://{tmp_path / 'v.sock'}", keeper) as client:
        assert await say(client, "பல்லடம்")


@pytest.mark.parametrize(
    "text",
    [
        spell_ticket("204103274"),
        spell_phone("9842113576"),
        spell_digits("3576", 4),
        "204103274",
        "கொரட்டூர் 12",
        "கொரட்டூர் முருகன்",
        "கொரட்டூர்..",
        " கொரட்டூர்",
        "",
        "." * 70,
        None,
        7,
    ],
)
def test_numbers_and_free_words_are_never_known(folder: Path, text: object):
    write_known(folder, KNOWN)
    assert not keeper_of(folder).knows(text)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(
    st.one_of(
        st.text(max_size=80),
        st.text(string.ascii_letters + " ,.", max_size=30),
        st.text("கொரட்டூர் பல்லடம்.,?முன", max_size=25),
        st.integers(0, 10**10).map(lambda n: spell_digits(str(n))),
        st.integers(0, 10**9 - 1).map(lambda n: spell_ticket(f"{n:09}")),
        st.integers(6 * 10**9, 10**10 - 1).map(lambda n: spell_phone(str(n))),
        st.integers(1_000, 9_999).map(lambda n: spell_digits(str(n), 4)),
        st.sampled_from(PLACES).flatmap(
            lambda place: st.text(min_size=1, max_size=9).map(lambda more: place + more)
        ),
    )
)
def test_nothing_but_a_phrase_of_the_tables_is_ever_written(folder: Path, text: str):
    """Whatever is spoken: a file appears only for a table's phrase with at most one mark after."""
    keeper, cache = keeper_of(folder), cache_of(folder)
    for said in (text, spell_numerals(text)):
        if keeper.keep(cache, said, PCM):
            assert said in PLACES or said[:-1] in PLACES
            cache.path(said).unlink()
    assert wav_files(folder) == 0


def test_what_may_be_kept_holds_our_tables_and_no_digit_run():
    assert {"கொரட்டூர்", "பல்லடம்", "ஐந்து", "five", "மதுரை", "Madurai"} <= KNOWN
    assert "பழனி" not in KNOWN, "a person may be called so"
    digits = {spell_digits(f"{number:02}", 2) for number in range(100)}
    assert not KNOWN & digits


def test_without_its_list_nothing_is_kept(folder: Path):
    keeper = keeper_of(folder)
    (folder / "known.txt").unlink()
    keeper.look_again()
    assert not keeper.keep(cache_of(folder), "பல்லடம்", PCM)


def test_the_longest_unused_goes_when_the_limit_is_reached(folder: Path):
    places = [f"ஊர் {letter}" for letter in "கசதபமயரலவ"]
    write_known(folder, places)
    limit = 5 * (len(PCM) + 300)
    keeper, cache = keeper_of(folder, limit), cache_of(folder)
    for at, place in enumerate(places[:5]):
        assert keeper.keep(cache, place, PCM)
        os.utime(cache.path(place), (1_000 + at, 1_000 + at))
    assert KeptPhrases(cache).get(places[0]) == PCM  # used now: it must stay
    for place in places[5:]:
        assert keeper.keep(cache, place, PCM)
    assert sum(path.stat().st_size for path in folder.glob("*.wav")) <= limit
    assert cache.get(places[0]) is not None
    assert cache.get(places[1]) is None
    assert cache.get(places[-1]) is not None


def test_a_limit_of_nothing_keeps_nothing(folder: Path):
    async def answer(*_: object) -> None: ...

    assert PhraseKeeper(folder, 0).over(answer) is answer


def write_some(folder: Path, number: int) -> int:
    keeper = keeper_of(folder, 40 * (len(PCM) + 300))
    cache = cache_of(folder)
    names = [f"ஊர் {a}{b}" for a in "கசதபமய" for b in "ரலவனளற"]
    return sum(keeper.keep(cache, name, PCM) for name in names[number:] + names[:number])


def test_several_processes_may_write_one_folder(folder: Path):
    write_known(folder, [f"ஊர் {a}{b}" for a in "கசதபமய" for b in "ரலவனளற"])
    with ProcessPoolExecutor(3) as pool:
        assert sum(pool.map(write_some, [folder] * 3, [0, 12, 24])) >= 36
    cache = cache_of(folder)
    found = [cache.get(f"ஊர் {a}{b}") for a in "கசதபமய" for b in "ரலவனளற"]
    assert sum(pcm == PCM for pcm in found) == 36
    assert not list(folder.glob(".part-*"))


def test_a_list_that_has_not_changed_is_not_written_again(folder: Path):
    before = (folder / "known.txt").stat().st_mtime_ns
    assert write_known(folder, PLACES) == 3
    assert (folder / "known.txt").stat().st_mtime_ns == before
