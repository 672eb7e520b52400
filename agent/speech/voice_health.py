"""How the voice is: the process, and every instance of its pool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent import settings as settings_module
from agent.settings import Settings
from agent.speech.voice import VoiceClient

_HEAD = ("instance", "state", "outstanding", "served", "p50 s", "p95 s", "last error", "address")


async def health_check(
    *, check_all: bool = False, settings: Settings | None = None
) -> dict[str, Any]:
    """Ask the running voice process how it and its instances are.

    Args:
        check_all: have every instance speak a word first (a real synthesis whose sound is
            checked), rather than tell what is known from the requests of calls.
        settings: where it answers; read from the environment by default.

    Returns:
        ``engine``, ``pid``, counts (``open``, ``served``, ``refused``, ``waiting``), ``spoken``
        (who spoke how often), ``fell_back_ratio``, ``cloud`` and ``instances``: a list of
        ``instance``, ``url``, ``state`` (new, well, suspect, out), ``outstanding``, ``served``,
        ``p50_s``, ``p95_s`` (to the first sound), ``failures`` (in a row), ``last_error``.

    Raises:
        VoiceUnavailable: the voice process does not answer.
    """
    settings = settings or settings_module.load()
    client = VoiceClient(settings.voice_url, settings.speech.token.get_secret_value())
    try:
        return await (client.check() if check_all else client.stat())
    finally:
        await client.aclose()


def all_well(health: dict[str, Any]) -> bool:
    """Whether no instance needs looking after."""
    return all(row["state"] == "well" for row in health.get("instances", []))


def table(health: dict[str, Any]) -> str:
    """The same for people."""
    spoken = health.get("spoken", {})
    lines = [
        f"{health['engine']}, process {health['pid']}: {health['open']} open, "
        f"{health['served']} served, {health['refused']} refused"
    ]
    if total := sum(spoken.values()):
        who = ", ".join(f"{name} {count}" for name, count in spoken.items() if count)
        lines.append(f"{total} texts spoken by: {who}")
    if health.get("cloud"):
        lines.append(f"behind the pool: {', '.join(health['cloud'])}")
    rows = health.get("instances", [])
    if not rows:
        return "\n".join([*lines, "no instances set (TTS_API_URLS): the embedded voice speaks"])
    well = sum(row["state"] == "well" for row in rows)
    lines.append(f"{well} of {len(rows)} instances well, {health['waiting']} requests waiting")
    return "\n".join([*lines, *_columns([_HEAD, *(_cells(row) for row in rows)])])


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    shown = [row["instance"], row["state"], row["outstanding"], row["served"]]
    shown += ["-" if row[name] is None else f"{row[name]:.3f}" for name in ("p50_s", "p95_s")]
    return tuple(map(str, [*shown, row["last_error"] or "-", row["url"]]))


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = list(rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table
    ]
