"""A hub that answers, refuses, lies, breaks off and is not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.errors import AgentError, UsageError
from agent.speech.checkpoint import load_checkpoint
from agent.speech.engine import Ears
from agent.speech.fetch import Wish, fetch, parse_source
from agent.speech.fetch_hub import Hub, sha256_of
from tests.speech.conftest import SAID, Speak
from tests.speech.hub_server import COMMIT, Repository, StandInHub, running

NAME = "office/whisper-ta"
CHUNK = 10 << 20
"""What the library writes at once: less than that is lost when the connection breaks."""
CARD = "---\nlanguage: ta\nlicense: Apache-2.0\n---\n# A model\n"


@pytest.fixture
def hub(saying_model_dir: Path) -> Iterator[StandInHub]:
    """Serves a checkpoint with a card and a few files nobody needs."""
    with running(StandInHub()) as served:
        repository = served.serve(NAME, saying_model_dir)
        repository.files |= {"README.md": CARD.encode(), "training_args.bin": b"x", "a/b.json": b""}
        yield served


def go(hub: StandInHub, out: Path, revision: str = COMMIT, name: str = NAME) -> Path:
    wish = Wish(parse_source(f"{name}@{revision}"), out)
    return fetch(wish, Hub(hub.url), lambda line: None).folder


def enlarge(hub: StandInHub) -> bytes:
    """Put so much behind the model that half of it is more than one chunk."""
    hub.repositories[NAME].files["model.bin"] += bytes(2 * CHUNK)
    return hub.repositories[NAME].files["model.bin"]


def command(hub: StandInHub, *arguments: str) -> subprocess.Popen[str]:
    """The whole program, which finds the hub as people tell it."""
    return subprocess.Popen(
        [sys.executable, "-m", "agent", "engine", "fetch", *arguments],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_id_with_its_revision_becomes_a_model_that_hears(
    hub: StandInHub, tmp_path: Path, speak: Speak
) -> None:
    out = tmp_path / "models" / "ta"
    process = command(hub, f"{NAME}@{COMMIT}", "--out", str(out))
    shown, warned = process.communicate(timeout=60)
    assert process.returncode == 0, warned
    assert "licence apache-2.0 (model card)" in shown
    assert shown.splitlines()[-1] == f"{out} is ready: set SPEECH__MODEL={out}"
    assert "Short contexts stay off" in shown
    assert "downloading office/whisper-ta" in warned
    assert Ears(out, device="cpu").transcribe(speak(SAID, after=0.3)).text == SAID
    assert not out.with_name("ta.part").exists()


def test_the_record_says_what_was_fetched_from_where(hub: StandInHub, tmp_path: Path) -> None:
    out = go(hub, tmp_path / "m", revision="main")
    record = json.loads((out / "kural.json").read_text())
    assert record["source"]["id"] == NAME
    assert record["source"]["revision"] == "main"
    assert record["source"]["commit"] == COMMIT
    assert record["source"]["fetched"].startswith("20")
    assert record["license"] == "apache-2.0"
    assert record["sha256_model_bin"] == sha256_of(out / "model.bin")
    assert load_checkpoint(out).facts.short_context is False


def test_only_the_files_that_are_needed_are_asked_for(hub: StandInHub, tmp_path: Path) -> None:
    go(hub, tmp_path / "m")
    asked = {path for path, _ in hub.asked}
    assert {"model.bin", "vocabulary.json", "README.md"} <= asked
    assert not asked & {"training_args.bin", "a/b.json"}


@pytest.mark.parametrize(
    ("name", "revision", "refused", "says"),
    [
        ("office/nothing", "main", None, "There is no office/nothing on the hub"),
        (NAME, "v9", None, "no revision 'v9'"),
        (NAME, "main", (401, ""), "is private or does not exist"),
        (NAME, "main", (403, ""), "is private or does not exist"),
        (NAME, "main", (403, "GatedRepo"), "conditions to be accepted"),
        (NAME, "main", (418, ""), "HTTP status 418"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(
    hub: StandInHub,
    tmp_path: Path,
    name: str,
    revision: str,
    refused: tuple[int, str] | None,
    says: str,
) -> None:
    hub.repositories[NAME].refusal = refused
    with pytest.raises(AgentError, match=says) as caught:
        go(hub, tmp_path / "m", revision, name)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_hub_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    wish = Wish(parse_source(f"{NAME}@{COMMIT}"), tmp_path / "m")
    with pytest.raises(AgentError, match="hub cannot be reached") as caught:
        fetch(wish, Hub("http://127.0.0.1:9"), lambda line: None)
    assert not isinstance(caught.value, UsageError)
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks_once_goes_on_where_it_broke(
    hub: StandInHub, tmp_path: Path
) -> None:
    whole = enlarge(hub)
    hub.drops["model.bin"] = 1
    out = go(hub, tmp_path / "m")
    assert (out / "model.bin").read_bytes() == whole
    assert [asked for path, asked in hub.asked if path == "model.bin"] == ["", f"bytes={CHUNK}-"]


@pytest.mark.slow
def test_a_connection_that_breaks_for_good_leaves_nothing_that_looks_whole(
    hub: StandInHub, tmp_path: Path
) -> None:
    enlarge(hub)
    hub.drops["model.bin"] = -1
    out = tmp_path / "m"
    with pytest.raises(AgentError, match="what came whole is kept"):
        go(hub, out)
    assert not out.exists()
    assert out.with_name("m.part").is_dir()
    hub.drops.clear()
    hub.asked.clear()
    load_checkpoint(go(hub, out))
    assert {path for path, _ in hub.asked} == {"model.bin"}


def test_ctrl_c_stops_at_once_and_the_next_run_goes_on(hub: StandInHub, tmp_path: Path) -> None:
    enlarge(hub)
    hub.drops["model.bin"] = 0
    out = tmp_path / "m"
    process = command(hub, f"{NAME}@{COMMIT}", "--out", str(out))
    assert hub.halfway.wait(60)
    for _ in range(600):
        if any(path.stat().st_size >= CHUNK for path in tmp_path.rglob("*.incomplete")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, warned = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "what came whole is kept" in warned
    assert "Traceback" not in warned
    assert not out.exists()
    hub.drops.clear()
    hub.asked.clear()
    load_checkpoint(go(hub, out))
    assert {path for path, _ in hub.asked} == {"model.bin"}


def test_what_was_begun_for_another_revision_is_not_gone_on_with(
    hub: StandInHub, tmp_path: Path
) -> None:
    part = tmp_path / "m.part"
    (part / "originals").mkdir(parents=True)
    (part / "originals" / "model.bin").write_bytes(b"of another time")
    (part / "source.json").write_text(json.dumps({"id": NAME, "revision": "old"}))
    out = go(hub, tmp_path / "m")
    assert b"another time" not in (out / "model.bin").read_bytes()


def test_a_file_that_is_not_what_was_announced_is_thrown_away(
    hub: StandInHub, tmp_path: Path
) -> None:
    hub.repositories[NAME].lie = "model.bin"
    with pytest.raises(AgentError, match="not what the hub announced"):
        go(hub, tmp_path / "m")
    assert not (tmp_path / "m").exists()
    assert not list(tmp_path.rglob("model.bin"))


def test_a_disk_that_is_full_is_one_sentence(hub: StandInHub, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the writing fails in the same place."""
    size = len(hub.repositories[NAME].files["model.bin"])
    asked = f"{NAME}@{COMMIT}"
    code = (
        "import resource; from agent.cli import main;"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size // 2}, resource.RLIM_INFINITY)); main()"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *"engine fetch --out".split(), tmp_path / "m", asked],
        env={**os.environ, "HF_ENDPOINT": hub.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert "The disk is full" in process.stderr
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "m").exists()


def test_a_disk_too_small_is_told_before_the_weights_are_asked_for(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.speech.fetch._SPARE_BYTES", 1 << 60)
    with pytest.raises(AgentError, match="GB of disk"):
        go(hub, tmp_path / "m")
    assert "model.bin" not in {path for path, _ in hub.asked}


@pytest.mark.parametrize("answer", ["license", "no licence", "not Whisper", "adapter", "nothing"])
def test_what_will_be_refused_is_refused_before_the_weights_are_asked_for(
    hub: StandInHub, tmp_path: Path, answer: str
) -> None:
    files = {
        "license": {"README.md": b"---\nlicense: cc-by-nc-4.0\n---\n"},
        "no licence": {"README.md": b"# nothing said", "kural.json": b"{}"},
    }.get(answer)
    if files is not None:
        hub.repositories[NAME].files |= files
    else:
        config = b'{"model_type": "wav2vec2"}'
        hub.repositories[NAME] = Repository(
            {
                "not Whisper": {"config.json": config, "model.safetensors": b"0"},
                "adapter": {"adapter_config.json": b"{}", "adapter_model.safetensors": b"0"},
                "nothing": {"README.md": CARD.encode()},
            }[answer]
        )
    with pytest.raises(UsageError) as caught:
        go(hub, tmp_path / "m")
    assert len(str(caught.value).splitlines()) == 1
    assert not {path for path, _ in hub.asked} & {"model.bin", "model.safetensors"}
    assert list(tmp_path.iterdir()) == []


def test_the_hub_own_reading_of_the_card_counts_where_the_card_is_not_there(
    hub: StandInHub, tmp_path: Path
) -> None:
    del hub.repositories[NAME].files["README.md"]
    hub.repositories[NAME].card = {"license": "mit", "language": "ta"}
    record = json.loads((go(hub, tmp_path / "m") / "kural.json").read_text())
    assert record["license_record"] == {"name": "mit", "by": "hub", "own": False}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("office/whisper-ta", "needs a revision"),
        ("office/whisper-ta@", "needs a revision"),
        ("whisper", "neither a folder nor an id"),
        ("https://hub/office/whisper-ta@main", "neither a folder nor an id"),
        ("./no-such-folder", "neither a folder nor an id"),
    ],
)
def test_what_is_no_source_is_one_sentence_and_exit_code_two(
    tmp_path: Path, source: str, says: str
) -> None:
    result: Result = CliRunner().invoke(
        main, ["engine", "fetch", source, "--out", str(tmp_path / "m")]
    )
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
