"""The supervisor with real voice processes: started, killed, hung, shared, orphaned."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.control import child
from agent.control.keeper import Patience
from agent.control.supervisor import Supervisor
from agent.errors import AgentError, ConfigurationError, EngineUnavailable, VoiceUnavailable
from agent.settings import Settings, SpeechSettings, TicketSettings
from agent.speech.voice import VoiceClient, serve_voice

PROJECT = Path(__file__).resolve().parents[2]
SENTENCE = "வணக்கம், உங்கள் புகாரைச் சொல்லுங்கள்"
BRISK = Patience(ready_within_s=30.0, check_every_s=0.2, answer_within_s=1.0, hung_after_s=0.5)
LIMIT_S = 30.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "var", speech=SpeechSettings())


async def voice_pid(settings: Settings) -> int:
    client = VoiceClient(settings.voice_url)
    try:
        return int((await client.stat())["pid"])
    finally:
        await client.aclose()


async def another_pid(settings: Settings, old: int) -> int:
    """The pid of a voice that answers and is not ``old``."""
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            if (pid := await voice_pid(settings)) != old:
                return pid
        except VoiceUnavailable:
            pass
        assert time.monotonic() < end, "no new voice process came"
        await asyncio.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie counts as alive here, it would be our fault."""
    return Path(f"/proc/{pid}").exists()


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


async def test_the_voice_speaks_inside_the_block_and_is_gone_after_it(settings: Settings):
    async with Supervisor(settings, ears=False) as supervisor:
        pid = await voice_pid(settings)
        assert supervisor.pids == {"voice": pid}
        client = VoiceClient(settings.voice_url)
        sound = [chunk async for chunk in client.synthesize(SENTENCE, voice="ta", rate=165)]
        await client.aclose()
        assert len(b"".join(sound)) > 2 * 22_050
    assert not alive(pid)
    assert supervisor.pids == {}
    assert list((settings.data_dir / "run").glob("*.sock")) == []
    assert (settings.data_dir / "log" / "voice.log").exists()


async def test_a_killed_voice_comes_back(settings: Settings):
    async with Supervisor(settings, ears=False) as supervisor:
        first = await voice_pid(settings)
        os.kill(first, signal.SIGKILL)
        second = await another_pid(settings, first)
        assert not alive(first)
        os.kill(second, signal.SIGTERM)
        third = await another_pid(settings, second)
        assert supervisor.pids == {"voice": third}
    assert not alive(third)


async def test_a_voice_that_hangs_is_ended_and_started_again(settings: Settings):
    async with Supervisor(settings, ears=False, patience=BRISK):
        first = await voice_pid(settings)
        os.kill(first, signal.SIGSTOP)
        second = await another_pid(settings, first)
        assert not alive(first)
    assert not alive(second)


async def test_a_second_supervisor_uses_the_voice_of_the_first(settings: Settings):
    async with Supervisor(settings, ears=False) as first:
        pid = await voice_pid(settings)
        async with Supervisor(settings, ears=False) as second:
            assert await voice_pid(settings) == pid
            assert (first.pids, second.pids) == ({"voice": pid}, {})
        assert await voice_pid(settings) == pid


async def test_two_that_start_at_once_make_one_voice(settings: Settings):
    first, second = Supervisor(settings, ears=False), Supervisor(settings, ears=False)
    async with first, second:
        pid = await voice_pid(settings)
        assert first.pids | second.pids == {"voice": pid}
        assert len(first.pids) + len(second.pids) == 1
    assert not alive(pid)


async def test_when_the_owner_leaves_the_second_takes_over(settings: Settings):
    async with Supervisor(settings, ears=False) as first:
        second = Supervisor(settings, ears=False, patience=BRISK)
        async with second:
            old = await voice_pid(settings)
            assert second.pids == {}
            await first.__aexit__(None, None, None)
            new = await another_pid(settings, old)
            assert second.pids == {"voice": new}
    assert not alive(new)


async def test_a_voice_started_by_hand_is_used(settings: Settings):
    ready = asyncio.Event()
    by_hand = asyncio.create_task(serve_voice(settings.voice_url, ready=ready))
    await ready.wait()
    async with Supervisor(settings, ears=False) as supervisor:
        assert await voice_pid(settings) == os.getpid()
        assert supervisor.pids == {}
    by_hand.cancel()
    await asyncio.gather(by_hand, return_exceptions=True)


async def test_a_part_with_an_address_from_outside_is_left_alone(tmp_path: Path):
    speech = SpeechSettings(voice_url="tcp://127.0.0.1:9", ears_url="tcp://127.0.0.1:9")
    settings = Settings(data_dir=tmp_path / "var", speech=speech)
    async with Supervisor(settings) as supervisor:
        assert supervisor.pids == {}
    assert not (tmp_path / "var").exists()


async def test_ears_that_cannot_start_are_reported_with_the_place_of_their_log(tmp_path: Path):
    settings = Settings(data_dir=tmp_path / "var", speech=SpeechSettings())
    hasty = Patience(ready_within_s=0.01)
    with pytest.raises(EngineUnavailable, match=r"ears\.log") as caught:
        async with Supervisor(settings, voice=False, patience=hasty):
            pytest.fail("no model loads in a hundredth of a second")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "var" / "log" / "ears.log").exists()


async def test_one_part_that_cannot_start_takes_the_other_down_with_it(tmp_path: Path):
    speech = SpeechSettings(model=tmp_path / "no-model")
    settings = Settings(data_dir=tmp_path / "var", speech=speech)
    with pytest.raises(AgentError):
        async with Supervisor(settings, patience=BRISK):
            pytest.fail("there is no model")
    with pytest.raises(VoiceUnavailable):
        await voice_pid(settings)


async def test_a_data_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "var").write_text("a file, not a folder")
    settings = Settings(data_dir=tmp_path / "var", speech=SpeechSettings())
    with pytest.raises(VoiceUnavailable, match="DATA_DIR"):
        async with Supervisor(settings, ears=False):
            pytest.fail("nothing can be written")


def test_from_code_without_a_loop(settings: Settings):
    supervisor = Supervisor(settings, ears=False)
    supervisor.start()
    pid = asyncio.run(voice_pid(settings))
    assert supervisor.pids == {"voice": pid}
    supervisor.stop()
    supervisor.stop()
    assert not alive(pid)


def test_from_code_without_a_loop_a_failure_reaches_the_caller(tmp_path: Path):
    (tmp_path / "var").write_text("a file, not a folder")
    settings = Settings(data_dir=tmp_path / "var", speech=SpeechSettings())
    supervisor = Supervisor(settings, ears=False)
    with pytest.raises(VoiceUnavailable):
        supervisor.start()


PARENT = """
import sys, time
from pathlib import Path
from agent.control.supervisor import Supervisor
from agent.settings import Settings, SpeechSettings
supervisor = Supervisor(Settings(data_dir=Path(sys.argv[1]), speech=SpeechSettings()), ears=False)
supervisor.start()
print(supervisor.pids["voice"], flush=True)
{then}
"""


def parent(settings: Settings, then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT.format(then=then), str(settings.data_dir)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )


@pytest.mark.parametrize(
    ("then", "number"),
    [
        ("time.sleep(600)", signal.SIGKILL),
        ("time.sleep(600)", signal.SIGTERM),
        ("sys.exit(0)", None),
        ("raise SystemExit('it ended without stop()')", None),
    ],
)
def test_whatever_ends_the_parent_ends_the_child(
    settings: Settings, then: str, number: signal.Signals | None
):
    with parent(settings, then) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        if number is not None:
            assert alive(pid)
            process.send_signal(number)
        process.wait(LIMIT_S)
    until(lambda: not alive(pid), "the voice outlived its parent")


async def test_after_a_sigkill_of_the_owner_a_new_supervisor_starts_its_own(settings: Settings):
    process = parent(settings, "time.sleep(600)")
    with process:
        assert process.stdout is not None
        old = int(await asyncio.to_thread(process.stdout.readline))
        process.kill()
    async with Supervisor(settings, ears=False) as supervisor:
        new = await another_pid(settings, old)
        assert supervisor.pids == {"voice": new}


def test_children_get_our_settings_but_not_the_keys_of_database_and_livekit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TICKETS__ENCRYPTION_KEY", "secret")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret")
    monkeypatch.setenv("SPEECH__VOICE_RATE", "200")
    monkeypatch.setenv("speech__language", "xx")
    speech = SpeechSettings(voice_rate=140, model=Path("models/demo-ta"))
    tickets = TicketSettings()
    env = child.environment(Settings(data_dir=tmp_path, speech=speech, tickets=tickets))
    assert "secret" not in env.values()
    assert "xx" not in env.values()
    assert env["SPEECH__VOICE_RATE"] == "140"
    assert env["SPEECH__VOICE_URL"] == f"unix://{tmp_path}/run/voice.sock"
    assert Path(env["SPEECH__MODEL"]).is_absolute()
    assert env["PATH"] == os.environ["PATH"]


def test_a_log_that_grew_too_large_is_moved_aside_and_written_on(tmp_path: Path):
    log = tmp_path / "voice.log"
    with log.open("ab") as writer:
        writer.write(b"x" * (child.LOG_BYTES + 1))
        writer.flush()
        child.trim_log(log)
        writer.write(b"more\n")
    assert log.read_bytes() == b"more\n"
    assert (tmp_path / "voice.log.1").stat().st_size == child.LOG_BYTES + 1
    child.trim_log(log)
    assert log.read_bytes() == b"more\n"
    child.trim_log(tmp_path / "none.log")


async def test_wrong_settings_are_told_in_the_words_of_the_child(tmp_path: Path):
    """Its log lies in a folder that may be gone when the sentence is read (`kural call`)."""
    speech = SpeechSettings(model=tmp_path / "no-model")
    with pytest.raises(ConfigurationError, match=r"The speech model folder .*no-model is missing"):
        async with Supervisor(Settings(data_dir=tmp_path / "var", speech=speech), voice=False):
            pass
