"""Whether the keys at hand open what is stored: asked at every start, before any key is made.

A fresh key beside old data would leave all of it unreadable, and calls would go on sealing with it.
Every sealed value begins with the id of its key, so a look at a few of them is enough.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from agent.errors import ConfigurationError, TicketError
from agent.tickets.cipher import Cipher, sealed_bytes
from agent.tickets.database import Database, DatabaseAway, sqlite_file
from agent.tickets.journal import SUFFIX
from agent.tickets.keyring import Keyring
from agent.tickets.models import CALL, TICKET
from agent.tickets.sealed_columns import SEALED, SealedTable
from agent.tickets.sealed_files import FOLDERS, sealed_files

_SAMPLES: Final = 20
_TRIED: Final = 3
"""Of each kind, how many are really opened: two keys may share an id, one time in 256."""
_WITHIN_S: Final = 1.5
_LONGEST_LINE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One sealed value that is stored."""

    sealed: bytes
    context: str


def cipher_for(ring: Keyring, data_dir: Path, database: Database) -> Cipher:
    """The cipher of a keyring that opens what is stored; a first key only where nothing is.

    A database that is away is not asked: then journals and voice notes alone decide.

    Raises:
        ConfigurationError: the key of stored data is missing, or is another one; or a key cannot be
            read or made.
    """
    if not ring.keys():
        found = [sample for kind in _kinds(data_dir, database) for sample in kind]
        if found and not ring.keys():  # else another process has just made it, and used it
            raise ConfigurationError(
                f"What is stored was sealed with the key of id {_most(found):02x}, and there is no "
                f"key: put {ring.path} back or set TICKETS__ENCRYPTION_KEY. No new one is made."
            )
        ring.make()
        return ring.cipher()
    cipher = ring.cipher()
    _require(cipher, list(_kinds(data_dir, database)))
    return cipher


def _require(cipher: Cipher, kinds: Iterable[list[Sample]]) -> None:
    """Refuse a key that is another one; a single damaged value is no reason."""
    opened = tried = 0
    for kind in kinds:
        strange = [sample for sample in kind if sample.sealed[0] not in cipher.key_ids]
        if len(strange) * 2 > len(kind):
            raise ConfigurationError(
                f"What is stored was sealed with the key of id {_most(strange):02x}, but the key "
                f"in use has the id {cipher.key_id:02x}: put the right secret.key back or set "
                "TICKETS__ENCRYPTION_KEY to it."
            )
        for sample in kind[:_TRIED]:
            tried += 1
            with suppress(TicketError):
                cipher.unseal_bytes(sample.sealed, sample.context)
                opened += 1
    if tried and not opened:
        raise ConfigurationError(
            f"The key in use (id {cipher.key_id:02x}) opens nothing of what is stored: put the "
            "right secret.key back or set TICKETS__ENCRYPTION_KEY to it."
        )


def _most(samples: Iterable[Sample]) -> int:
    ((key_id, _),) = Counter(sample.sealed[0] for sample in samples).most_common(1)
    return key_id


def _kinds(data_dir: Path, database: Database) -> Iterator[list[Sample]]:
    for folder in (data_dir / "journal", data_dir / "journal" / "done"):
        yield list(islice(_in_journals(folder), _SAMPLES))
    for name in FOLDERS:
        yield list(islice(_in_files(data_dir / name), _SAMPLES))
    file = sqlite_file(str(database.engine.url.render_as_string(hide_password=False)))
    if file is not None and not file.is_file():
        return  # connecting would make it
    with suppress(DatabaseAway):
        yield from database.look(_in_rows, within_s=_WITHIN_S)


def _in_rows(connection: Connection) -> list[list[Sample]]:
    """The oldest and the newest rows apart: half a change of keys leaves one key to each."""
    kinds = []
    for table in SEALED:
        order = {TICKET: TICKET.c.id, CALL: CALL.c.started_at}.get(table.table)
        if order is None:
            continue
        filled = or_(*(column.is_not(None) for column in table.columns))
        names = dict.fromkeys((*table.needs, *table.contexts))
        query = select(*(table.table.c[name] for name in names)).where(filled).limit(_SAMPLES)
        for by in (order.asc(), order.desc()):
            rows = connection.execute(query.order_by(by)).mappings()
            kinds.append([_sample(table, dict(row)) for row in rows])
    return kinds


def _sample(table: SealedTable, row: dict[str, Any]) -> Sample:
    name = next(name for name in table.contexts if row[name] is not None)
    return Sample(bytes(row[name]), table.contexts[name](row))


def _in_files(folder: Path) -> Iterator[Sample]:
    for path, context in sealed_files(folder):
        with suppress(OSError):
            content = path.read_bytes()
            if content:
                yield Sample(content, context)


def _in_journals(folder: Path) -> Iterator[Sample]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.suffix != SUFFIX:
            continue
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, TicketError):
            with path.open("rb") as file:
                line = json.loads(file.readline(_LONGEST_LINE))
            sealed = sealed_bytes(line["data"]["sealed"])
            if sealed:
                yield Sample(sealed, f"journal/{line['call']}")
