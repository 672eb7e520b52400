"""Encryption of what a person could be known by, and a keyed hash to find a phone number again.

Sealed text is ``key id (1 byte) | nonce (12) | AES-256-GCM ciphertext and tag``. The context (which
field of which record) is authenticated with it, so a sealed value copied into another row does not
open there. The key comes from the settings, or is made once under DATA_DIR with mode 0600.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from agent.errors import ConfigurationError, TicketError
from agent.tickets.disk import sync_folder

KEY_BYTES = 32
KEY_FILE = "secret.key"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_COUNTRY = "91"
_NATIONAL_DIGITS = 10


class Cipher:
    """Seals and opens text with one key. Holds no state that changes; share it freely."""

    __slots__ = ("_aead", "_hash_key", "_key_id")

    def __init__(self, key: bytes) -> None:
        """Derive the keys in use from the master key of 32 bytes."""
        if len(key) != KEY_BYTES:
            raise ConfigurationError(f"The ticket key must be {KEY_BYTES} bytes long.")
        self._aead = AESGCM(_derive(key, b"kural seal v1"))
        self._hash_key = _derive(key, b"kural hash v1")
        self._key_id = _derive(key, b"kural key id v1")[:1]

    @property
    def key_id(self) -> int:
        """First byte of everything this key seals."""
        return self._key_id[0]

    def seal(self, text: str, context: str) -> bytes:
        """Encrypt ``text``; it opens only under the same ``context``."""
        return self.seal_bytes(text.encode(), context)

    def seal_bytes(self, plain: bytes, context: str) -> bytes:
        """The same for sound and other bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._key_id + nonce + self._aead.encrypt(nonce, plain, context.encode())

    def unseal(self, sealed: bytes, context: str) -> str:
        """Decrypt what :meth:`seal` gave for ``context``.

        Raises:
            TicketError: the key is another one, or the text is damaged.
        """
        return self.unseal_bytes(sealed, context).decode()

    def unseal_bytes(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what :meth:`seal_bytes` gave for ``context``.

        Raises:
            TicketError: the key is another one, or the bytes are damaged.
        """
        if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES:
            raise TicketError("An encrypted field is damaged: it is too short.")
        if sealed[:1] != self._key_id:
            raise TicketError(
                "An encrypted field was written with another key: set TICKETS__ENCRYPTION_KEY or "
                f"restore {KEY_FILE} to the key it was written with."
            )
        try:
            return self._aead.decrypt(
                sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], context.encode()
            )
        except InvalidTag:
            raise TicketError(
                "An encrypted field is damaged or was written with another key."
            ) from None

    def seal_text(self, text: str, context: str) -> str:
        """The same as :meth:`seal`, in base64, for a JSON line."""
        return base64.b64encode(self.seal(text, context)).decode("ascii")

    def unseal_text(self, sealed: str, context: str) -> str:
        """Open what :meth:`seal_text` gave.

        Raises:
            TicketError: the key is another one, or the text is damaged.
        """
        try:
            raw = base64.b64decode(sealed, validate=True)
        except (binascii.Error, ValueError):
            raise TicketError("An encrypted field is damaged: it is not base64.") from None
        return self.unseal(raw, context)

    def phone_hash(self, phone: str) -> str | None:
        """Keyed hash of a phone number, equal for all ways of writing it; None without digits."""
        digits = national_digits(phone)
        if not digits:
            return None
        return hmac.new(self._hash_key, digits.encode(), hashlib.sha256).hexdigest()


def national_digits(phone: str) -> str:
    """The digits that name a line inside India: "+919500123456" and "09500123456" are one."""
    digits = "".join(str(int(char)) for char in phone if char.isdecimal())
    if len(digits) > _NATIONAL_DIGITS:
        digits = digits.removeprefix("00")
    if len(digits) > _NATIONAL_DIGITS:
        digits = digits.removeprefix(_COUNTRY)
    return digits.lstrip("0")


def open_cipher(key: str, data_dir: Path) -> Cipher:
    """Build the cipher from a base64 key, or from the key file under ``data_dir``.

    Raises:
        ConfigurationError: the key is not 32 bytes in base64, or the file cannot be read or made.
    """
    if key:
        return Cipher(_decode(key, "The setting TICKETS__ENCRYPTION_KEY"))
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _make_key_file(path)
        text = path.read_text(encoding="ascii")
    except UnicodeDecodeError:
        text = "?"
    except OSError as exc:
        raise ConfigurationError(
            f"The key file {path} cannot be read or made ({exc.strerror}): check DATA_DIR."
        ) from None
    return Cipher(_decode(text, f"The key file {path}"))


def _make_key_file(path: Path) -> None:
    """Write a fresh key; when two processes race, the first key wins and both read it."""
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


def _decode(text: str, what: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{what} must hold {KEY_BYTES} bytes in base64.")
    return key


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(SHA256(), KEY_BYTES, purpose).derive(key)
