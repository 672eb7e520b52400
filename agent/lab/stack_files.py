"""Configuration files of the servers of a stack: everything on loopback, nothing asked outside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.lab.ports import LOOPBACK, Ports


@dataclass(frozen=True, slots=True)
class Keys:
    """What clients of one LiveKit server show."""

    key: str
    secret: str
    """At least 32 characters."""


def redis_options(ports: Ports, folder: Path) -> tuple[str, ...]:
    """Arguments of redis-server. What it knows (the trunk) outlives its restart."""
    options = {
        "bind": LOOPBACK,
        "port": ports.redis,
        "dir": folder,
        "appendonly": "yes",
        "save": "",
    }
    return tuple(part for name, value in options.items() for part in (f"--{name}", str(value)))


def livekit_file(ports: Ports, keys: Keys, webhooks: Sequence[str]) -> dict[str, Any]:
    """Settings of LiveKit server.

    Sound goes through one UDP port of loopback. Naming a port of loopback as STUN server keeps
    clients from asking public ones. It must not be the port of the sound: WebRTC clients take
    whatever comes from their STUN server for its answer and throw the rest away, so that none of
    them would ever connect; nobody listens on the UDP port of Redis. No TCP port for sound, which
    LiveKit would open to everybody.
    """
    settings: dict[str, Any] = {
        "port": ports.livekit,
        "bind_addresses": [LOOPBACK],
        "redis": {"address": f"{LOOPBACK}:{ports.redis}"},
        "keys": {keys.key: keys.secret},
        "rtc": {
            "node_ip": LOOPBACK,
            "use_external_ip": False,
            "enable_loopback_candidate": True,
            "interfaces": {"includes": ["lo"]},
            "ips": {"includes": [f"{LOOPBACK}/32"]},
            "udp_port": ports.media,
            "tcp_port": 0,
            "stun_servers": [f"{LOOPBACK}:{ports.redis}"],
        },
        "logging": {"level": "info", "json": False},
    }
    if webhooks:
        settings["webhook"] = {"api_key": keys.key, "urls": list(webhooks)}
    return settings


def sip_file(ports: Ports, keys: Keys) -> dict[str, Any]:
    """Settings of LiveKit SIP, which takes calls on loopback only.

    During a call it receives sound on all interfaces: its version 1.8 has no setting for that.
    """
    first, last = ports.sound
    return {
        "redis": {"address": f"{LOOPBACK}:{ports.redis}"},
        "api_key": keys.key,
        "api_secret": keys.secret,
        "ws_url": f"ws://{LOOPBACK}:{ports.livekit}",
        "sip_port": ports.sip,
        "listen_ip": LOOPBACK,
        "nat_1_to_1_ip": LOOPBACK,
        "rtp_port": f"{first}-{last}",
        "max_cpu_utilization": 1.0,  # a busy machine is what is tried here
        "logging": {"level": "info", "json": False},
        "use_external_ip": False,
    }


def write_private(path: Path, settings: dict[str, Any]) -> Path:
    """Write a settings file that holds keys, which only we may read. JSON is YAML as well."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return path
