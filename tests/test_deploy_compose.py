"""deploy/compose.yaml and the files around LiveKit: everything they name is there."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from livekit.protocol import sip as sip_api
from pydantic import SecretStr

from agent import settings
from agent.cli import COMMANDS
from agent.settings import Settings
from deploy import dockerfile
from tests.deployed import DEPLOY, KNOWN, ROOT, read, seconds

COMPOSE = read(DEPLOY / "compose.yaml")[0]
SERVICES = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("kural-")}
NOT_SETTINGS = {"POSTGRES_PASSWORD", "COMPOSE_PROFILES"}
"""In .env for compose alone."""
SIP_KEYS = set(
    "ws_url redis sip_port rtp_port use_external_ip health_port hide_inbound_port logging".split()
)
"""Of the configuration of LiveKit SIP (its pkg/config/config.go), which ignores what it does not
know."""


def each(kind):
    return [(name, one[kind]) for name, one in SERVICES.items() if kind in one]


def test_every_image_has_a_version():
    for name, image in each("image"):
        assert re.search(r":v?\d+(\.\d+)+(-\w+)?$", image), name


def test_every_image_we_build_is_a_stage_of_the_dockerfile():
    stages = {
        stage.name for stage in dockerfile.parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    }
    built = {one["image"]: one["build"] for one in OURS.values() if "build" in one}
    assert {one["target"] for one in built.values()} == {"worker", "engine-gpu"}
    assert {one["target"] for one in built.values()} <= stages
    assert all((DEPLOY / one["context"]).resolve() == ROOT for one in built.values())
    assert {one["image"] for one in OURS.values()} == set(built)


def test_our_services_are_given_settings_that_exist():
    for name, service in OURS.items():
        assert set(service["environment"]) <= set(KNOWN), name


def test_what_is_put_in_from_the_env_file_is_a_setting_or_composes_own():
    text = "\n".join(
        line
        for line in (DEPLOY / "compose.yaml").read_text(encoding="utf-8").splitlines()
        if not line.lstrip().startswith("#")
    )
    named = set(re.findall(r"\$\{(\w+)", text))
    assert named
    assert named - NOT_SETTINGS <= set(KNOWN)


def test_no_secret_is_written_down():
    secret = {name for name, kind in KNOWN.items() if kind is SecretStr} | {"POSTGRES_PASSWORD"}
    for name, environment in each("environment"):
        for key in set(environment) & (secret | {"LIVEKIT_KEYS"}):
            assert "${" in environment[key], (name, key)


def test_the_settings_of_the_worker_are_accepted(monkeypatch, tmp_path):
    """With what .env must hold, and compose's own on top."""
    monkeypatch.chdir(tmp_path)
    given = {
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "secret",
        "POSTGRES_PASSWORD": "password",
        "TICKETS__ENCRYPTION_KEY": "a2V5",
    }
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**given, **SERVICES["worker"]["environment"]}.items():
        monkeypatch.setenv(name, _filled(value, given))
    read_back = settings.load()
    assert read_back.database_url == "postgresql+psycopg://kural:password@127.0.0.1:5432/kural"
    assert read_back.control.host == "127.0.0.1"


def _filled(text, given):
    return re.sub(r"\$\{(\w+)(?::[-?][^}]*)?\}", lambda hit: given.get(hit[1], ""), text)


def test_live_calls_get_the_time_to_end():
    worker = SERVICES["worker"]
    drain_s = float(worker["environment"]["LIVEKIT__DRAIN_TIMEOUT_S"])
    assert drain_s > Settings().call.max_call_s
    for name in ("worker", "livekit", "sip"):
        assert seconds(SERVICES[name]["stop_grace_period"]) > drain_s, name


def test_nothing_is_open_to_the_network_but_sip():
    for name, ports in each("ports"):
        assert all(port.startswith("127.0.0.1:") for port in ports), name
    assert SERVICES["worker"]["environment"]["CONTROL__HOST"] == "127.0.0.1"
    assert "tcp://127.0.0.1:9090" in SERVICES["engine"]["command"]
    livekit = read(DEPLOY / "livekit.yaml")[0]
    assert livekit["bind_addresses"] == ["127.0.0.1"]
    assert livekit["rtc"]["ips"]["includes"] == ["127.0.0.1/32"]
    assert livekit["rtc"]["tcp_port"] == 0  # it would not heed bind_addresses


def test_every_folder_and_volume_that_is_mounted_is_there():
    for name, volumes in each("volumes"):
        for volume in volumes:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), (name, source)
            else:
                assert source in COMPOSE["volumes"], (name, source)


def test_every_service_waits_for_services_that_say_when_they_are_well():
    for name, wanted in each("depends_on"):
        for other, how in wanted.items():
            assert other in SERVICES, (name, other)
            if how["condition"] == "service_healthy" and other not in OURS:
                assert "healthcheck" in SERVICES[other], (name, other)


def test_health_checks_and_commands_need_no_shell_to_pass_signals_on():
    for name, check in each("healthcheck"):
        assert check.get("disable") or check["test"][0] == "CMD", name
    for name, command in each("command"):
        assert isinstance(command, list), name


def test_our_commands_exist():
    for name, service in OURS.items():
        command = service.get("command")
        assert command is None or (command[0] == "kural" and command[1] in COMMANDS), name


def test_our_services_may_write_their_data_and_nothing_else():
    for name, service in OURS.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


# -- LiveKit --------------------------------------------------------------------------------------


def livekit_server():
    folder = os.environ.get("KURAL_SERVERS") or str(Path.home() / ".cache/kural/servers")
    return shutil.which("livekit-server") or shutil.which("livekit-server", path=folder)


@pytest.mark.skipif(livekit_server() is None, reason="livekit-server is not built here")
def test_livekit_takes_its_configuration():
    """It reads strictly: an unknown key is an error."""
    done = subprocess.run(
        [livekit_server(), "--config", str(DEPLOY / "livekit.yaml"), "ports"],
        env={
            "LIVEKIT_KEYS": "key: a-secret-of-at-least-thirty-two-letters",
            "HOME": "/nonexistent",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "7880" in done.stdout
    assert "50000" in done.stdout


def test_livekit_sip_and_workers_meet_at_the_same_addresses():
    livekit, sip = read(DEPLOY / "livekit.yaml")[0], read(DEPLOY / "sip.yaml")[0]
    url = SERVICES["worker"]["environment"]["LIVEKIT_URL"]
    assert url == f"ws://127.0.0.1:{livekit['port']}" == sip["ws_url"]
    assert SERVICES["sip"]["environment"]["LIVEKIT_WS_URL"] == url
    assert livekit["redis"] == sip["redis"]
    assert SERVICES["redis"]["ports"] == [sip["redis"]["address"] + ":6379"]
    assert str(sip["health_port"]) in SERVICES["sip"]["healthcheck"]["test"][-1]


def test_the_ports_of_one_machine_do_not_meet():
    livekit, sip = read(DEPLOY / "livekit.yaml")[0], read(DEPLOY / "sip.yaml")[0]
    control = Settings().control
    single = [
        *(livekit["port"], livekit["rtc"]["tcp_port"], sip["sip_port"], sip["health_port"]),
        *(control.port, control.worker_port, 9090, 6379, 5432),
    ]
    assert len(set(single)) == len(single)
    sound = [int(port) for port in sip["rtp_port"].split("-")]
    web = (livekit["rtc"]["port_range_start"], livekit["rtc"]["port_range_end"])
    assert sound[1] < web[0]
    assert not [port for port in single if sound[0] <= port <= sound[1] or web[0] <= port <= web[1]]


def test_the_configuration_of_sip_has_no_key_it_would_ignore():
    config = read(DEPLOY / "sip.yaml")[0]
    assert set(config) <= SIP_KEYS
    assert config["logging"]["level"] == "warn"  # at info it logs callers' numbers


def test_the_trunk_is_one_livekit_takes_and_lets_in_its_provider_only():
    text = (DEPLOY / "sip" / "trunk.example.json").read_text(encoding="utf-8")
    trunk = ParseDict(json.loads(text), sip_api.CreateSIPInboundTrunkRequest()).trunk
    assert trunk.allowed_addresses
    assert all(re.fullmatch(r"\+91\d{10}", number) for number in trunk.numbers)
    assert trunk.max_call_duration.seconds > Settings().call.max_call_s


def test_the_one_dispatch_rule_names_our_agent_once():
    text = (DEPLOY / "sip" / "dispatch.example.json").read_text(encoding="utf-8")
    rule = ParseDict(json.loads(text), sip_api.CreateSIPDispatchRuleRequest()).dispatch_rule
    assert [agent.agent_name for agent in rule.room_config.agents] == [
        Settings().livekit.agent_name
    ]
    assert rule.rule.dispatch_rule_individual.room_prefix


def test_the_file_of_livekit_cloud_has_the_two_tables_lk_reads():
    config = tomllib.loads((DEPLOY / "livekit.example.toml").read_text(encoding="utf-8"))
    assert {name: list(table) for name, table in config.items()} == {
        "project": ["subdomain"],
        "agent": ["id"],
    }
