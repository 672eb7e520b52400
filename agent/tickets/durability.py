"""What has to happen to a complaint before its number may be spoken.

On a disk that outlives the machine a synced journal line is enough, or a row in the database, or a
line on a second machine. On a disk that vanishes with its machine (a pod) only what lies elsewhere
counts: the row in the database, which then must not be on this disk, or the line on the second
machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from agent.errors import ConfigurationError
from agent.settings import Settings, is_own_network
from agent.tickets.database import is_shared, sqlite_file
from agent.tickets.second_copy import Receiver


@dataclass(frozen=True, slots=True)
class Durability:
    """Which records outlive what may happen to this machine."""

    journal: bool = True
    """A synced line of the journal on this machine."""
    receiver: Receiver | None = None
    """The second machine that takes journal lines, where there is one."""

    def is_final(self, *, journalled: bool, stored: bool) -> bool:
        """Whether a record that got this far may be spoken of without a second machine."""
        return stored or (self.journal and journalled)


KEPT = Durability()
"""The disk outlives the machine, and there is no second one."""


def durability_of(settings: Settings) -> Durability:
    """What counts as durable under these settings.

    Raises:
        ConfigurationError: database or key would vanish with the disk, or the receiver's URL cannot
            be used.
    """
    group = settings.tickets
    receiver = None
    if group.receiver_url:
        url = _checked(group.receiver_url)
        receiver = Receiver(url, group.receiver_token.get_secret_value())
    if group.disk == "kept":
        return Durability(receiver=receiver)
    if not _lies_elsewhere(settings.database_url, settings.data_dir):
        # Tickets could come back from the second machine; which numbers were given could not.
        raise ConfigurationError(
            "With TICKETS__DISK=vanishing the database must be kept elsewhere: set "
            "TICKETS__DATABASE_URL to a database server, or to a file on a disk that is kept."
        )
    if not group.encryption_key.get_secret_value():
        raise ConfigurationError(
            "With TICKETS__DISK=vanishing a key file would vanish too, and nobody could read the "
            "tickets again: set TICKETS__ENCRYPTION_KEY to 32 bytes in base64."
        )
    return Durability(journal=False, receiver=receiver)


def _lies_elsewhere(database_url: str, data_dir: Path) -> bool:
    """Whether the database is not on the disk that vanishes."""
    if is_shared(database_url):
        return True
    file = sqlite_file(database_url)
    return file is not None and not file.resolve().is_relative_to(data_dir.resolve())


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise ConfigurationError(
            "TICKETS__RECEIVER_URL is not the address of a receiver: write it like "
            "http://10.0.0.5:8090."
        )
    if parts.scheme == "http" and not is_own_network(url):
        raise ConfigurationError(
            "TICKETS__RECEIVER_URL names a server outside your network, where the token would be "
            "read on the way: use https, or a tunnel."
        )
    return url.rstrip("/")
