"""What the parts of a call are wired to: who hears it, and what becomes of words nobody heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from livekit import rtc
from livekit.agents import stt
from pydantic import SecretStr

from agent.callers.caller_voice import OneShotVoice, render_all
from agent.complaint import Slot
from agent.conversation.note_keeper import VoiceNoteKeeper
from agent.conversation.prompt_check import STATUSES
from agent.conversation.steps import FlowState
from agent.errors import EngineUnavailable
from agent.settings import CloudSettings, DeepgramSettings, Settings, SpeechSettings
from agent.speech.stt import WhisperSTT
from agent.speech.vad import load_vad
from agent.tickets.models import TicketStatus
from agent.tickets.voice_notes import VoiceNotes
from agent.wiring import Parts, build_parts, build_recogniser
from tests.loopback import on_loopback

SAID = "எங்க தெருவில மூணு நாளா தண்ணி வரல"


def settings_of(
    folder: Path, *, allowed: bool = False, key: str = "", url: str = "http://127.0.0.1:9/"
) -> Settings:
    """Ears that nobody started, and perhaps a cloud."""
    return Settings(
        data_dir=folder,
        speech=SpeechSettings(ears_url=f"unix://{folder / 'nobody.sock'}"),
        cloud=CloudSettings(allowed=allowed),
        deepgram=DeepgramSettings(api_key=SecretStr(key), url=url),
    )


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = build_parts(settings_of(tmp_path), audio=False)
    yield parts
    parts.store.close()


@pytest.fixture
async def cloud_url() -> AsyncIterator[str]:
    """Somebody who answers as Deepgram does."""

    async def listen(_request: web.Request) -> web.Response:
        best = {"transcript": "தண்ணி வரல", "confidence": 0.9, "words": []}
        return web.json_response(
            {
                "metadata": {"request_id": "1"},
                "results": {"channels": [{"alternatives": [best]}]},
            }
        )

    app = web.Application()
    app.router.add_post("/v1/listen", listen)
    async with on_loopback(app) as address:
        yield f"http://{address}/v1/listen"


def keeper_of(parts: Parts) -> VoiceNoteKeeper:
    return VoiceNoteKeeper(parts.settings.data_dir, parts.store.cipher, "call-1")


async def say_to(parts: Parts) -> stt.SpeechData:
    """One sentence to the recogniser of a call; the first final."""
    said = (await render_all(OneShotVoice(), [SAID], "ta"))[SAID]
    sound = np.concatenate([np.zeros(8000, np.int16), said, np.zeros(16_000, np.int16)])
    keeper = keeper_of(parts)
    whisper = WhisperSTT(
        build_recogniser(parts),
        load_vad(),
        on_lost=lambda pcm, _: keeper.keep_lost(pcm, FlowState()),
    )
    stream = whisper.stream()
    async with asyncio.timeout(30):
        for i in range(0, len(sound), 320):
            chunk = sound[i : i + 320]
            stream.push_frame(rtc.AudioFrame(chunk.tobytes(), 16_000, 1, len(chunk)))
        stream.end_input()
        finals = [e async for e in stream if e.type is stt.SpeechEventType.FINAL_TRANSCRIPT]
    await stream.aclose()
    await whisper.aclose()
    return finals[0].alternatives[0]


@pytest.mark.parametrize(
    ("allowed", "key", "leaves"),
    [(False, "", False), (True, "", False), (False, "key-1", False), (True, "key-1", True)],
)
def test_words_leave_the_machine_only_where_that_is_allowed_and_possible(
    tmp_path: Path, allowed: bool, key: str, leaves: bool
) -> None:
    parts = build_parts(settings_of(tmp_path, allowed=allowed, key=key), audio=False)
    assert parts.cloud_words is leaves
    parts.store.close()


async def test_an_utterance_that_nobody_could_decode_is_kept_as_a_voice_note(
    parts: Parts, tmp_path: Path
) -> None:
    heard = await say_to(parts)
    assert heard.text == ""
    assert heard.metadata == {"failed": True}
    notes = VoiceNotes(tmp_path, parts.store.cipher)
    (path,) = notes.of_call("call-1")
    sound = np.frombuffer(notes.read(path), np.int16)
    assert len(sound) > 2 * 16_000
    assert np.abs(sound).max() > 1000


async def test_the_cloud_hears_what_dead_ears_cannot_and_nothing_is_kept(
    tmp_path: Path, cloud_url: str
) -> None:
    parts = build_parts(
        settings_of(tmp_path, allowed=True, key="key-1", url=cloud_url), audio=False
    )
    heard = await say_to(parts)
    assert heard.text == "தண்ணி வரல"
    assert heard.confidence == 0.9
    assert heard.metadata is not None
    assert set(heard.metadata["timings"]) == {"cloud_s"}
    assert VoiceNotes(tmp_path, parts.store.cipher).all() == ()
    parts.store.close()


async def test_a_cloud_that_is_not_allowed_is_not_asked(tmp_path: Path, cloud_url: str) -> None:
    parts = build_parts(settings_of(tmp_path, key="key-1", url=cloud_url), audio=False)
    assert (await say_to(parts)).text == ""
    parts.store.close()


@pytest.mark.parametrize(
    "state", [FlowState(consent=False), FlowState(expect=Slot.VOICE_NOTE)], ids=["refused", "note"]
)
async def test_lost_sound_is_not_kept_where_it_was_refused_or_is_recorded_anyway(
    parts: Parts, tmp_path: Path, state: FlowState
) -> None:
    await keeper_of(parts).keep_lost(b"\1\0" * 10, state)
    assert VoiceNotes(tmp_path, parts.store.cipher).all() == ()


async def test_a_caller_who_refused_is_not_heard_by_the_cloud(
    tmp_path: Path, cloud_url: str
) -> None:
    parts = build_parts(
        settings_of(tmp_path, allowed=True, key="key-1", url=cloud_url), audio=False
    )
    ears = build_recogniser(parts, may_leave=lambda: False)
    with pytest.raises(EngineUnavailable):
        await ears.transcribe(bytes(32_000))
    await ears.aclose()
    parts.store.close()


async def test_notes_of_one_call_are_numbered_on(parts: Parts, tmp_path: Path) -> None:
    for _ in range(2):  # the second time as after a restart
        keeper = keeper_of(parts)
        assert all(await asyncio.gather(keeper.keep(b"\1\0" * 10), keeper.keep(b"\2\0" * 10)))
    paths = VoiceNotes(tmp_path, parts.store.cipher).of_call("call-1")
    assert [path.name[:11] for path in paths] == [f"call-1-000{n}" for n in (1, 2, 3, 4)]


def test_the_line_can_tell_every_status_a_ticket_may_have() -> None:
    assert set(STATUSES) == {status.value for status in TicketStatus}
