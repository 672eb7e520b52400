"""Certificates for ``tcps://``: what the files of the settings become, or one clear sentence."""

from __future__ import annotations

import ssl
from pathlib import Path

from agent.errors import ConfigurationError


def server_context(certificate: str, key: str) -> ssl.SSLContext | None:
    """For the side that answers; None when neither file is set.

    Args:
        certificate: PEM file with the certificate and those it is signed by (SPEECH__TLS_CERT).
        key: PEM file with its private key, without a password (SPEECH__TLS_KEY).

    Raises:
        ConfigurationError: one is missing, unreadable, or they do not belong together.
    """
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise ConfigurationError("SPEECH__TLS_CERT and SPEECH__TLS_KEY must be set together.")
    _check_readable(certificate, "SPEECH__TLS_CERT")
    _check_readable(key, "SPEECH__TLS_KEY")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a password would make OpenSSL ask on the terminal of a service.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError, OSError):
        raise ConfigurationError(
            "SPEECH__TLS_CERT and SPEECH__TLS_KEY are not a PEM certificate and its private key "
            "without a password; make them anew."
        ) from None
    return context


def client_context(authority: str = "") -> ssl.SSLContext:
    """For the side that asks.

    Args:
        authority: PEM file with the certificate to trust (SPEECH__TLS_CA); empty = those the
            system trusts.

    Raises:
        ConfigurationError: the file is missing, unreadable, or no certificate.
    """
    if authority:
        _check_readable(authority, "SPEECH__TLS_CA")
    try:
        context = ssl.create_default_context(cafile=authority or None)
    except (ssl.SSLError, OSError):
        raise ConfigurationError(
            "SPEECH__TLS_CA is not a PEM file with a certificate; name the file that signed the "
            "certificate of the ears."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _check_readable(name: str, setting: str) -> None:
    path = Path(name)
    if path.is_dir():
        raise ConfigurationError(f"{setting} is a folder; name a PEM file in it.")
    try:
        with path.open("rb"):
            pass
    except OSError as exc:
        raise ConfigurationError(
            f"The file of {setting} cannot be read ({exc.strerror})."
        ) from None
