"""Where ears and voice answer: ``unix:///path/of.sock``, ``tcp://host:port`` or ``tcps://``."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from agent.errors import ConfigurationError

_LONGEST_SOCKET_PATH = 107
"""Bytes of ``sun_path`` on Linux, less its final zero (unix(7))."""


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL: either ``path`` (unix) or ``host`` and ``port`` (TCP)."""

    path: Path | None = None
    host: str = ""
    port: int = 0
    tls: bool = False
    """``tcps``: TCP with a certificate."""

    @property
    def loopback(self) -> bool:
        """Whether nobody outside this machine can reach it."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_url(url: str) -> Address:
    """Read ``unix:///path``, ``tcp://host:port`` or ``tcps://host:port``.

    Raises:
        ConfigurationError: it is none of them; the message does not repeat the URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme == "unix" and not parts.netloc and parts.path.strip("/"):
        return Address(path=Path(parts.path))
    if parts.scheme in ("tcp", "tcps") and parts.hostname and port is not None:
        return Address(host=parts.hostname, port=port, tls=parts.scheme == "tcps")
    raise ConfigurationError(
        "The address of ears or voice must look like unix:///path/name.sock, tcp://host:port or "
        "tcps://host:port."
    )


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name for the socket at ``path`` that the kernel takes, however deep the folder is."""
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@contextlib.contextmanager
def bound_unix_socket(path: Path) -> Iterator[socket.socket]:
    """A listening-ready socket at ``path``, mode 0600; the file is gone afterwards.

    A file lock beside it keeps two servers apart, so a socket file left by a killed server can be
    removed without a race.

    Raises:
        ConfigurationError: somebody answers there already, or something else has that name.
    """
    with _folder_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take_lock(lock)
        _remove_stale(path)
        bound = _bind(path)
        try:
            yield bound
        finally:
            bound.close()
            path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _take_lock(lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise _already_running() from None


def _remove_stale(path: Path) -> None:
    if not path.is_socket():
        if path.exists():
            raise ConfigurationError(
                "A file that is not a socket has the name of our socket; move it away."
            )
        return
    with socket.socket(socket.AF_UNIX) as probe, reachable(path) as name:
        probe.settimeout(1.0)
        try:
            probe.connect(name)
        except OSError:
            path.unlink(missing_ok=True)
        else:
            raise _already_running()


def _bind(path: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    before = os.umask(0o177)
    try:
        with _folder_errors(path), reachable(path) as name:
            bound.bind(name)
    except ConfigurationError:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


@contextlib.contextmanager
def _folder_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ConfigurationError(
            f"The socket {path.name} cannot be made in its folder ({exc.strerror}); "
            "choose another DATA_DIR."
        ) from None


def _already_running() -> ConfigurationError:
    return ConfigurationError(
        "Another process already answers at this address; stop it or choose another one."
    )
