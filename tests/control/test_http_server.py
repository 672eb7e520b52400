"""The control port over the real panel: what it answers, and how it refuses."""

import asyncio
import contextlib
import json
import socket

import aiohttp
import pytest
from pydantic import SecretStr

from agent.capacity.profile import Capacity
from agent.control.http_server import MAX_BODY_BYTES, ControlServer
from agent.control.panel import Panel
from agent.control.watch import PartsWatch
from agent.errors import ConfigurationError
from agent.settings import ControlSettings, Settings, SpeechSettings
from agent.speech.link import serve
from agent.tickets.store import TicketStore

TOKEN = "drain-me"


@pytest.fixture
def settings(tmp_path):
    speech = SpeechSettings(
        ears_url=f"unix://{tmp_path / 'ears.sock'}", voice_url=f"unix://{tmp_path / 'voice.sock'}"
    )
    return Settings(
        _env_file=None,
        data_dir=tmp_path,
        speech=speech,
        control=ControlSettings(port=0, token=SecretStr(TOKEN)),
    )


@pytest.fixture
def store(settings):
    store = TicketStore.from_settings(settings)
    yield store
    store.close()


@pytest.fixture
def panel(settings, store):
    panel = Panel(settings, Capacity(5, "setting", ""), PartsWatch(settings), store)
    yield panel
    panel.close()


@contextlib.contextmanager
def listening(control, panel):
    server = ControlServer(control, panel)
    port = server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@pytest.fixture
def address(settings, panel):
    with listening(settings.control, panel) as url:
        yield url


async def ask(url, method="GET", **options):
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, **options) as answer,
    ):
        text = await answer.text()
        return answer.status, json.loads(text) if text.startswith("{") else text


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@contextlib.asynccontextmanager
async def part_at(url, facts):
    """Somebody who answers as ears or voice do."""

    async def handle(frame, respond):
        op = frame.header["op"]
        await respond.data(facts if op == "stat" else {}, b"")

    ready = asyncio.Event()
    serving = asyncio.ensure_future(serve(url, handle, ready=ready))
    await ready.wait()
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_a_process_that_runs_is_alive(address):
    assert await ask(f"{address}/health") == (200, {"alive": True})


async def test_ready_names_everything_that_is_missing(address):
    status, said = await ask(f"{address}/ready")
    assert status == 503
    assert said["ready"] is False
    assert set(said["missing"]) == {"livekit", "ears", "voice"}
    assert (said["active_calls"], said["capacity"]) == (0, 5)


async def test_ears_and_voice_that_answer_are_missing_no_more(address, settings):
    ears = {"ready": True, "pressure": 0.5, "waiting": 3}
    async with part_at(settings.ears_url, ears), part_at(settings.voice_url, {}):
        async with asyncio.timeout(20):
            # It is asked over HTTP: there is no event to wait for.
            while set((await ask(f"{address}/ready"))[1]["missing"]) != {"livekit"}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        _, said = await ask(f"{address}/ready")
        assert said["load"] == pytest.approx(0.35)
        _, text = await ask(f"{address}/metrics")
        assert "kural_engine_queue_depth 3.0" in text


async def test_a_database_that_is_away_is_named(address, store, monkeypatch, tmp_path):
    store.database.close()
    (tmp_path / "kural.db").unlink(missing_ok=True)
    (tmp_path / "kural.db").mkdir()
    _, said = await ask(f"{address}/ready")
    assert said["missing"]["database"] == "Does not answer; complaints wait in journals."


async def test_metrics_are_prometheus_text_with_load_and_capacity(address):
    status, text = await ask(f"{address}/metrics")
    assert status == 200
    assert "kural_capacity_calls 5.0" in text
    assert "# TYPE kural_load_ratio gauge" in text
    assert "kural_calls_active 0.0" in text


async def test_drain_tells_calls_and_unsent_lines(address, store):
    store.journal_dir.mkdir(exist_ok=True)
    (store.journal_dir / "gone.jsonl").write_text("{}\n{}\n")
    expected = {"draining": False, "active_calls": 0, "unsent": 2}
    assert await ask(f"{address}/drain") == (200, expected)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), (bearer("wrong"), 401), (bearer("drain-mé"), 401), (bearer(TOKEN), 503)],
)
async def test_drain_wants_the_token(address, headers, status):
    """The right one gets as far as a worker that has not started."""
    got, said = await ask(f"{address}/drain", "POST", headers=headers)
    assert got == status
    assert said["error"].endswith(".")


async def test_without_a_token_nobody_drains(panel):
    with listening(ControlSettings(port=0), panel) as url:
        status, said = await ask(f"{url}/drain", "POST", headers=bearer(""))
    assert (status, said) == (
        403,
        {"error": "No CONTROL__TOKEN is set, so only SIGTERM drains this worker."},
    )


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"now": true}', b"\xff\xfe\x00", b"null"])
async def test_a_body_that_means_nothing_is_refused(address, body):
    status, said = await ask(f"{address}/drain", "POST", headers=bearer(TOKEN), data=body)
    assert (status, said["error"]) == (400, "The body of POST /drain must be empty or {}.")


async def test_a_large_body_is_refused(address):
    body = b" " * (MAX_BODY_BYTES + 1)
    status, said = await ask(f"{address}/drain", "POST", headers=bearer(TOKEN), data=body)
    assert (status, said["error"]) == (413, "The body is larger than 4096 bytes.")


async def test_wrong_methods_and_addresses_are_answered_in_one_sentence(address):
    status, said = await ask(f"{address}/ready", "DELETE")
    assert (status, said["error"]) == (405, "This address is asked with GET, HEAD.")
    status, said = await ask(f"{address}/nowhere")
    assert (status, said["error"]) == (404, "There are /health, /ready, /metrics and /drain.")


def test_a_port_that_is_taken_is_one_sentence(panel):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = ControlSettings(port=other.getsockname()[1])
        server = ControlServer(taken, panel)
        with pytest.raises(ConfigurationError, match=r"set CONTROL__PORT and CONTROL__HOST\.$"):
            server.start()
        server.stop()


def test_stopping_twice_or_before_anything_was_asked_is_fine(panel):
    server = ControlServer(ControlSettings(port=0), panel)
    server.start()
    server.stop()
    server.stop()
