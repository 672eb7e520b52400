"""A change of ``.env`` reaches the voice while it speaks."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from agent.settings import Settings
from agent.speech.voice_chain import VoiceChain
from agent.speech.voice_watch import watch

ONE, TWO = "http://127.0.0.1:9", "http://127.0.0.1:10"


async def urls(chain: VoiceChain, wanted: list[str]) -> None:
    async with asyncio.timeout(5):
        while [row["url"] for row in chain.stat()["instances"]] != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TTS_API_URLS", raising=False)
    return tmp_path / ".env"


async def test_a_url_written_into_the_file_joins_the_pool_and_a_wrong_one_changes_nothing(
    env_file: Path,
):
    async with VoiceChain(Settings()) as chain:
        task = asyncio.create_task(watch(chain, every_s=0.02))
        try:
            await asyncio.sleep(0.05)
            write(env_file, f"TTS_API_URLS={ONE}\n")
            await urls(chain, [ONE])
            write(env_file, f"TTS_API_URLS={ONE},{TWO}\n")
            await urls(chain, [ONE, TWO])
            write(env_file, "TTS_API_URLS=not an address\n")
            await asyncio.sleep(0.1)
            await urls(chain, [ONE, TWO])
            write(env_file, "")
            await urls(chain, [])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_sighup_reads_at_once_and_the_older_name_is_known(env_file: Path):
    async with VoiceChain(Settings()) as chain:
        task = asyncio.create_task(watch(chain, every_s=3600))
        try:
            await asyncio.sleep(0.05)
            write(env_file, f"CHATTTS_API_URLS={TWO}\n")
            os.kill(os.getpid(), signal.SIGHUP)
            await urls(chain, [TWO])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
