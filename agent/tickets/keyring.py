"""The keys of a machine: one that seals, older ones that still open, and where they lie.

The newest comes from ``TICKETS__ENCRYPTION_KEY_NEXT`` when that is set; then the setting
``TICKETS__ENCRYPTION_KEY``, or the lines of ``secret.key`` under DATA_DIR. That file (mode 0600)
holds one key in base64, two while ``kural tickets rotate-key`` is under way: the newest first. It
is only ever replaced as a whole, so every process reads one state or the other.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.errors import ConfigurationError
from agent.tickets.cipher import KEY_BYTES, Cipher, key_id_of
from agent.tickets.disk import sync_folder, whole_file

KEY_FILE: Final = "secret.key"
RETIRED_FILE: Final = "secret.key.retired"
"""Keys that nothing on this machine needs any more, newest last: for backups from before."""

_Signature = tuple[int, int, int]


class Keyring:
    """The keys of one data folder; holds none itself, only where they are."""

    def __init__(self, data_dir: Path, key: str = "", next_key: str = "") -> None:
        """Take the settings as they are; nothing is read yet.

        Args:
            data_dir: folder of the key file.
            key: base64 of 32 bytes, or empty for the key file.
            next_key: a key that seals from now on, or empty.
        """
        self.path = data_dir / KEY_FILE
        self.retired = data_dir / RETIRED_FILE
        self._key = key
        self._next = next_key
        self._seen: _Signature | None = None

    @property
    def from_settings(self) -> bool:
        """No file is read or made: the keys are settings."""
        return bool(self._key)

    @property
    def next_is_set(self) -> bool:
        """The settings name a key that seals from now on."""
        return bool(self._next)

    def changed(self) -> bool:
        """Whether the key file is another than at the last :meth:`read`."""
        if self._key:
            return False
        seen = _signature(self.path)
        return seen is not None and seen != self._seen

    def read(self) -> tuple[bytes, ...]:
        """All keys, the newest first; what cannot be read now counts as not there."""
        try:
            return self.keys()
        except ConfigurationError:
            return ()

    def keys(self) -> tuple[bytes, ...]:
        """All keys, the newest first; empty when there is none.

        Raises:
            ConfigurationError: a key is not 32 bytes in base64, or the file cannot be read.
        """
        found: list[bytes] = []
        if self._next:
            found.append(decode_key(self._next, "The setting TICKETS__ENCRYPTION_KEY_NEXT"))
        if self._key:
            found.append(decode_key(self._key, "The setting TICKETS__ENCRYPTION_KEY"))
        else:
            self._seen = _signature(self.path)  # before reading: a change after it is seen again
            found += _keys_in(self.path)
        return tuple(dict.fromkeys(found))

    def make(self) -> None:
        """Make the first key file; when two processes race, one key wins and both read it.

        Raises:
            ConfigurationError: it cannot be written.
        """
        with _refused(self.path):
            _make_key_file(self.path)

    def cipher(self) -> Cipher:
        """The cipher of these keys; it follows a rotation.

        Raises:
            ConfigurationError: there is no key, or it cannot be read.
        """
        keys = self.keys()
        if not keys:
            raise ConfigurationError(f"There is no ticket key: {self.path} is missing.")
        return Cipher(*keys, source=self)

    def begin(self, new: bytes) -> None:
        """Let ``new`` seal from now on, in every process of this machine; the others open.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        self._write(self.path, [new, *_keys_in(self.path)])

    def finish(self) -> None:
        """Keep only the newest key, in the file; the others are put aside first.

        Keys that are settings are not touched: a person changes those.

        Raises:
            ConfigurationError: a file cannot be written.
        """
        if self._key:
            return
        newest, *_ = self.keys()
        old = [key for key in _keys_in(self.path) if key != newest]
        if old:
            aside = [key for key in _keys_in(self.retired) if key not in old]
            self._write(self.retired, [*aside, *reversed(old)])
            self._write(self.path, [newest])

    def take_back(self, key_ids: set[int]) -> bool:
        """Let keys that were put aside open again; tells whether there were any."""
        keys = _keys_in(self.path)
        back = [k for k in _keys_in(self.retired) if key_id_of(k) in key_ids and k not in keys]
        if back:
            self._write(self.path, [*keys, *back])
        return bool(back)

    def _write(self, path: Path, keys: list[bytes]) -> None:
        with _refused(path), whole_file(path) as file:
            file.writelines(base64.b64encode(key).decode("ascii") + "\n" for key in keys)


def open_cipher(key: str, data_dir: Path, next_key: str = "") -> Cipher:
    """Build the cipher of the settings, making the key file when there is no key at all.

    Raises:
        ConfigurationError: a key is not 32 bytes in base64, or the file cannot be read or made.
    """
    ring = Keyring(data_dir, key, next_key)
    if not ring.keys():
        ring.make()
    return ring.cipher()


def new_key(*others: bytes) -> bytes:
    """A fresh key whose id is none of the others': values tell by it who sealed them."""
    taken = {key_id_of(other) for other in others}
    while key_id_of(key := os.urandom(KEY_BYTES)) in taken:
        pass
    return key


def decode_key(text: str, what: str) -> bytes:
    """32 bytes from base64.

    Raises:
        ConfigurationError: they are not; the sentence begins with ``what``.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{what} must hold {KEY_BYTES} bytes in base64.")
    return key


def _keys_in(path: Path) -> list[bytes]:
    with _refused(path):
        try:
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        except UnicodeDecodeError:
            text = "?"
    return [decode_key(line, f"The key file {path}") for line in text.splitlines() or ["?"]]


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ConfigurationError(
            f"The key file {path} cannot be read or made ({exc.strerror}): check DATA_DIR."
        ) from None


def _signature(path: Path) -> _Signature | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _make_key_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".key-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)  # unlike rename, never replaces a key that is already in use
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        Path(name).unlink()
