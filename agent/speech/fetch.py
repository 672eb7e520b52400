"""A published speech model becomes a folder the ears can load.

Everything is gathered and made in ``FOLDER.part`` and renamed when it is whole, so a folder that
is there is complete. What is refused (no Whisper, no licence, nothing to convert it with) is
refused before the weights are downloaded. Files that came whole before an
interruption are kept.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import AgentError, UsageError
from agent.speech.checkpoint import load_checkpoint
from agent.speech.fetch_convert import check_converter, check_language, complete, convert
from agent.speech.fetch_hub import Hub, Listing, sha256_of
from agent.speech.fetch_layout import (
    FACTS_FILE,
    MODEL_FILE,
    Kind,
    Parts,
    check_config,
    parts_of,
    read_json,
)
from agent.speech.fetch_licence import Stated, agreed, card_metadata, licence_in

EXAMPLE = "vasista22/whisper-tamil-small@<commit>"
_HUB_ID = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(.*))?", re.ASCII)
_CARD = "README.md"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SPARE_BYTES = 64 << 20
_CONVERTED_SHARE = 1.2
"""Of the weights' size, for what is made of them: float32 in one kind, copies in between."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the checkpoint comes from: a hub or a folder."""

    title: str
    """How it is called in messages and in the record."""
    name: str
    """Name of the folder it goes into, when none is given."""
    hub_name: str = ""
    revision: str = ""
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    source: Source
    out: Path
    quantization: str = "float16"
    license: str = ""
    """Stated by hand."""
    accepted: str = ""
    """Licence accepted by name."""
    force: bool = False
    language: str = "ta"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What lies there now."""

    folder: Path
    license: Stated
    converted: Mapping[str, str] = field(default_factory=dict)
    """What converted it; empty when it was taken as it is."""


def parse_source(text: str) -> Source:
    """Tell a folder from an id of the hub.

    Raises:
        UsageError: it is neither, or the revision is missing.
    """
    found = _HUB_ID.fullmatch(text)
    if found and found[2]:
        return Source(text, found[1].split("/")[1], found[1], found[2])
    folder = Path(text).expanduser()
    if folder.is_dir():
        name = folder.resolve().name
        return Source(f"the folder {name}", name, folder=folder)
    if found:
        raise UsageError(
            f"{text} needs a revision, because what lies under a name may change: say "
            f"{found[1]}@COMMIT with a commit from its page, as in {EXAMPLE}."
        )
    raise UsageError(
        f"{text} is neither a folder nor an id of the hub; name ./FOLDER or OWNER/NAME@REVISION."
    )


def fetch(wish: Wish, hub: Hub, say: Callable[[str], None]) -> Fetched:
    """Bring a checkpoint, convert it if need be, and put it in place with its record.

    Args:
        wish: what and where.
        hub: asked only when the source is not a folder.
        say: told one line before each long step.

    Raises:
        AgentError: one sentence; nothing new is in place then.
    """
    out = wish.out
    part = out.with_name(f"{out.name}.part")
    _check_out(wish)
    with _no_room_told(out), _alone(part):
        _begin(part, wish.source)
        try:
            gathered = _gather(wish, hub, part, say)
            made = _make(wish, gathered, part / "model", say)
            _put_in_place(part / "model", out)
        except UsageError:
            shutil.rmtree(part, ignore_errors=True)  # nothing to go on with
            raise
        finally:
            shutil.rmtree(part / "model", ignore_errors=True)
            if not (part / "originals").exists():
                shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(part, ignore_errors=True)
    return Fetched(out, gathered.license, made)


def note(folder: Path, changes: Mapping[str, Any]) -> None:
    """Change fields of the folder's ``kural.json``, the whole file at once.

    Raises:
        AgentError: it cannot be written.
    """
    path = folder / FACTS_FILE
    facts = read_json(path) if path.exists() else {}
    new = path.with_suffix(".json.new")
    try:
        text = json.dumps({**facts, **changes}, ensure_ascii=False, indent=2)
        new.write_text(text + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as exc:
        raise AgentError(f"{path} cannot be written ({exc.strerror}).") from None


@dataclass(frozen=True, slots=True)
class _Gathered:
    folder: Path
    parts: Parts
    license: Stated
    commit: str = ""


def _gather(wish: Wish, hub: Hub, part: Path, say: Callable[[str], None]) -> _Gathered:
    """Bring the files here; small ones first, and only if they say yes the weights."""
    source = wish.source
    if source.folder is not None:
        return _judge(wish, source.folder, parts_of(_names(source.folder), source.title), {})
    listing = hub.look(source.hub_name, source.revision)
    parts = parts_of(listing.files, source.title)
    originals = part / "originals"
    hub.download(listing, parts.small, originals)
    gathered = _judge(wish, originals, parts, listing.metadata, listing.commit)
    _check_room(part, listing, parts)
    size = sum(listing.files[name].size_bytes or 0 for name in parts.weights)
    say(f"downloading {source.title}: {len(parts.weights)} file(s), {size / 1e6:,.0f} MB")
    hub.download(listing, parts.weights, originals)
    return gathered


def _judge(
    wish: Wish, folder: Path, parts: Parts, metadata: Mapping[str, Any], commit: str = ""
) -> _Gathered:
    title = wish.source.title
    if parts.kind is Kind.CONVERTIBLE:
        check_config(folder / "config.json", title)
        check_converter(title)
    own = read_json(folder / FACTS_FILE) if FACTS_FILE in parts.small else {}
    found = (
        licence_in(card_metadata(folder / _CARD), "model card")
        or licence_in(metadata, "hub")
        or licence_in(own, FACTS_FILE)
    )
    license_ = agreed(found, by_hand=wish.license, accepted=wish.accepted, what=title)
    return _Gathered(folder, parts, license_, commit)


def _make(
    wish: Wish, gathered: _Gathered, model: Path, say: Callable[[str], None]
) -> dict[str, str]:
    """The finished folder at ``model``; returns what converted it."""
    shutil.rmtree(model, ignore_errors=True)
    made: dict[str, str] = {}
    if gathered.parts.kind is Kind.CONVERTIBLE:
        say(f"converting to CTranslate2 ({wish.quantization}); this takes minutes and memory")
        made = convert(gathered.folder, model, wish.quantization)
    model.mkdir(exist_ok=True)
    for name in gathered.parts.carried:
        _bring(gathered.folder / name, model / name, own=wish.source.folder is None)
    complete(model, gathered.folder)
    check_language(model, wish.language, wish.source.title)
    note(model, _record(wish, gathered, model, made))
    load_checkpoint(model)
    return made


def _bring(source: Path, target: Path, *, own: bool) -> None:
    """Copy a file; what we downloaded ourselves costs no second gigabyte."""
    if own:
        with contextlib.suppress(OSError):  # a file system without links
            target.hardlink_to(source)
            return
    shutil.copyfile(source, target)


def _record(
    wish: Wish, gathered: _Gathered, model: Path, made: Mapping[str, str]
) -> dict[str, Any]:
    """``kural.json``: what a folder said of itself stays, except what only a gate may say."""
    source, path = wish.source, model / FACTS_FILE
    own = read_json(path) if path.is_file() else None
    facts: dict[str, Any] = {
        "name": source.name,
        "version": gathered.commit[:12],
        "language": _language(card_metadata(model / _CARD).get("language")),
    }
    if own is None:
        # Whisper and its fine-tunes learnt from sound padded with silence, not features with 0.
        facts["pad_value"] = None
    facts |= {k: v for k, v in (own or {}).items() if k != "gates"}
    return facts | {
        "license": gathered.license.name,
        "license_record": asdict(gathered.license),
        "short_context": False,
        "sha256_model_bin": sha256_of(model / MODEL_FILE),
        "source": {
            "id": source.hub_name or source.name,
            "revision": source.revision,
            "commit": gathered.commit,
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        "converter": dict(made),
    }


def _language(said: Any) -> str:
    """The one language a card names, as ISO 639-1; empty for several."""
    only = said[0] if isinstance(said, list) and len(said) == 1 else said
    return only if isinstance(only, str) and len(only) == 2 else ""


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if path.is_file()]
    except OSError as exc:
        raise UsageError(f"{folder} cannot be read ({exc.strerror}).") from None


def _check_out(wish: Wish) -> None:
    out, source = wish.out, wish.source.folder
    if source is not None and out.exists() and out.samefile(source):
        raise UsageError(
            f"{out} is the checkpoint itself; name another folder with --out, or add --clips DIR "
            "to run its gate where it is."
        )
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file; name another folder with --out.")
    empty = not any(out.iterdir())
    if not (empty or wish.force):
        raise UsageError(f"{out} exists already; add --force to replace it, or say --out FOLDER.")
    if not (empty or (out / MODEL_FILE).is_file()):
        raise UsageError(f"{out} holds no speech model, so it is not replaced; say --out FOLDER.")


def _begin(part: Path, source: Source) -> None:
    """Keep what an earlier try for the same revision brought, and nothing else."""
    wanted = {"id": source.hub_name, "revision": source.revision}
    mark = part / "source.json"
    if not source.hub_name or not mark.exists() or read_json(mark) != wanted:
        for name in ("originals", "model"):
            shutil.rmtree(part / name, ignore_errors=True)
    mark.write_text(json.dumps(wanted))


def _put_in_place(model: Path, out: Path) -> None:
    old = out.with_name(f"{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.replace(old)
    model.replace(out)
    shutil.rmtree(old, ignore_errors=True)


def _check_room(part: Path, listing: Listing, parts: Parts) -> None:
    there = part / "originals"
    missing = [name for name in parts.weights if not (there / name).exists()]
    need = sum(listing.files[name].size_bytes or 0 for name in missing) + _SPARE_BYTES
    if parts.kind is Kind.CONVERTIBLE:
        weights = sum(listing.files[name].size_bytes or 0 for name in parts.weights)
        need += round(_CONVERTED_SHARE * weights)
    free = shutil.disk_usage(part).free
    if need > free:
        raise AgentError(
            f"{listing.title} needs {need / 1e9:.1f} GB of disk at {part.parent}, which has "
            f"{free / 1e9:.1f} GB free; make room or say --out FOLDER on another disk."
        )


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Hold the folder of the work in progress against a second run of the same command."""
    part.mkdir(parents=True, exist_ok=True)
    handle = os.open(part, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"Another fetch is at work in {part}; wait for it to end.") from None
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _no_room_told(out: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, shutil.Error) as exc:
        if isinstance(exc, OSError) and exc.errno in _NO_ROOM:
            raise AgentError(
                f"The disk is full: {out} could not be written; make room and run the same "
                "command again, what came whole is kept."
            ) from None
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "copying failed"
        raise AgentError(f"{out} could not be written ({reason}).") from None
