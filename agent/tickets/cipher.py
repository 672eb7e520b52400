"""Encryption of what a person could be known by, and a keyed hash to find a phone number again.

Sealed text is ``key id (1 byte) | nonce (12) | AES-256-GCM ciphertext and tag``. The context (which
field of which record) is authenticated with it, so a sealed value copied into another row does not
open there. Several keys may open; the newest seals (:mod:`agent.tickets.keyring` says which).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from agent.errors import ConfigurationError, TicketError

KEY_BYTES: Final = 32
LAST_DIGITS: Final = 4
"""Of a phone number, what people tell one another to recognise it."""
_NONCE_BYTES = 12
_TAG_BYTES = 16
_COUNTRY = "91"
_NATIONAL_DIGITS = 10


class KeySource(Protocol):
    """Where the keys come from, when they may change while the process runs."""

    def changed(self) -> bool:
        """Whether the keys may be others than at the last :meth:`read`. Cheap, never raises."""

    def read(self) -> tuple[bytes, ...]:
        """All keys, the one that seals first; empty when there is none to be had."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What is derived from one master key."""

    id: bytes
    aead: AESGCM
    hash_key: bytes

    @classmethod
    def of(cls, key: bytes) -> _Key:
        if len(key) != KEY_BYTES:
            raise ConfigurationError(f"The ticket key must be {KEY_BYTES} bytes long.")
        hash_key = _derive(key, b"kural hash v1")
        return cls(bytes([key_id_of(key)]), AESGCM(_derive(key, b"kural seal v1")), hash_key)

    def hash_of(self, text: str) -> str:
        return hmac.new(self.hash_key, text.encode(), hashlib.sha256).hexdigest()


class Cipher:
    """Seals with the newest key, opens with all. Safe to share between threads.

    With a :class:`KeySource` it follows a rotation that another process does: before it seals it
    looks (one ``stat``) whether there is a newer key, and when it meets an unknown one it reads
    them again.
    """

    __slots__ = ("_keys", "_source")

    def __init__(self, key: bytes, *older: bytes, source: KeySource | None = None) -> None:
        """Derive the keys in use from master keys of 32 bytes, the one that seals first."""
        self._keys = tuple(_Key.of(each) for each in (key, *older))
        self._source = source

    @property
    def key_id(self) -> int:
        """First byte of everything that is sealed now."""
        return self._newest().id[0]

    @property
    def key_ids(self) -> tuple[int, ...]:
        """First bytes of everything that opens, the newest first."""
        return tuple(key.id[0] for key in self._keys)

    def seal(self, text: str, context: str) -> bytes:
        """Encrypt ``text``; it opens only under the same ``context``."""
        return self.seal_bytes(text.encode(), context)

    def seal_bytes(self, plain: bytes, context: str) -> bytes:
        """The same for sound and other bytes."""
        key, nonce = self._newest(), os.urandom(_NONCE_BYTES)
        return key.id + nonce + key.aead.encrypt(nonce, plain, context.encode())

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
        keys = self._keys_of(sealed[:1])
        if not keys:
            self._reload()
            keys = self._keys_of(sealed[:1])
        if not keys:
            raise TicketError(
                f"An encrypted field was written with another key (id {sealed[0]:02x}): set "
                "TICKETS__ENCRYPTION_KEY or restore secret.key to the key it was written with."
            )
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        for key in keys:
            try:
                return key.aead.decrypt(nonce, body, context.encode())
            except InvalidTag:
                continue
        raise TicketError("An encrypted field is damaged or was written with another key.")

    def reseal(self, sealed: bytes, context: str) -> bytes:
        """The same content under the newest key; what is under it already stays as it is.

        Raises:
            TicketError: the key is another one, or the bytes are damaged.
        """
        if sealed[:1] == self._newest().id:
            return sealed
        return self.seal_bytes(self.unseal_bytes(sealed, context), context)

    def seal_text(self, text: str, context: str) -> str:
        """The same as :meth:`seal`, in base64, for a JSON line."""
        return base64.b64encode(self.seal(text, context)).decode("ascii")

    def unseal_text(self, sealed: str, context: str) -> str:
        """Open what :meth:`seal_text` gave.

        Raises:
            TicketError: the key is another one, or the text is damaged.
        """
        return self.unseal(sealed_bytes(sealed), context)

    def phone_hash(self, phone: str) -> str | None:
        """Keyed hash of a phone number, equal for all ways of writing it; None without digits."""
        digits = national_digits(phone)
        return self._newest().hash_of(digits) if digits else None

    def last_four_hash(self, phone: str) -> str | None:
        """Keyed hash of its last four digits; None when it has fewer."""
        digits = national_digits(phone)[-LAST_DIGITS:]
        return self._newest().hash_of(_last(digits)) if len(digits) == LAST_DIGITS else None

    def phone_hashes(self, phone: str) -> tuple[str, ...]:
        """Under every key that opens: how a row may have kept it while keys are changed."""
        digits = national_digits(phone)
        return tuple(key.hash_of(digits) for key in self._all()) if digits else ()

    def last_four_hashes(self, digits: str) -> tuple[str, ...]:
        """The same of four digits."""
        return tuple(key.hash_of(_last(digits)) for key in self._all())

    def _newest(self) -> _Key:
        return self._all()[0]

    def _all(self) -> tuple[_Key, ...]:
        if self._source is not None and self._source.changed():
            self._reload()
        return self._keys

    def _keys_of(self, key_id: bytes) -> list[_Key]:
        return [key for key in self._keys if key.id == key_id]

    def _reload(self) -> None:
        """Take what the source gives; a source that is gone or broken leaves the keys we have."""
        keys = self._source.read() if self._source is not None else ()
        if keys:
            self._keys = tuple(_Key.of(each) for each in keys)


def key_id_of(key: bytes) -> int:
    """First byte of everything a master key seals; tells one key from another, not a secret."""
    return _derive(key, b"kural key id v1")[0]


def sealed_bytes(text: str) -> bytes:
    """The sealed bytes of a base64 text.

    Raises:
        TicketError: it is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise TicketError("An encrypted field is damaged: it is not base64.") from None


def national_digits(phone: str) -> str:
    """The digits that name a line inside India: "+919500123456" and "09500123456" are one."""
    digits = "".join(str(int(char)) for char in phone if char.isdecimal())
    if len(digits) > _NATIONAL_DIGITS:
        digits = digits.removeprefix("00")
    if len(digits) > _NATIONAL_DIGITS:
        digits = digits.removeprefix(_COUNTRY)
    return digits.lstrip("0")


def _last(digits: str) -> str:
    """Marked, so that it never meets the hash of a number that has only four digits."""
    return f"last:{digits}"


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(SHA256(), KEY_BYTES, purpose).derive(key)
