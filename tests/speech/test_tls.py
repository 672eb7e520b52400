"""tcps://: a certificate of our own, and every way it can be wrong."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.errors import ConfigurationError, EngineUnavailable
from agent.speech.link import Frame, LinkClient, Responder, serve
from agent.speech.tls import client_context, server_context


@dataclass(frozen=True)
class Pair:
    cert: str
    key: str


def make_pair(
    folder: Path, name: str, *, address: str = "127.0.0.1", password: bytes = b""
) -> Pair:
    """A self-signed certificate for one address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    hidden = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    cert_path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    )
    return Pair(str(cert_path), str(key_path))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path, "ears")


@pytest.fixture
def url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"tcps://127.0.0.1:{free.getsockname()[1]}"


async def echo(frame: Frame, respond: Responder) -> None:
    await respond.data(frame.header, frame.payload)


@contextlib.asynccontextmanager
async def serving(url: str, pair: Pair, token: str = "") -> AsyncIterator[None]:
    ready = asyncio.Event()
    tls = server_context(pair.cert, pair.key)
    task = asyncio.create_task(serve(url, echo, token=token, ready=ready, tls=tls))
    try:
        async with asyncio.timeout(10):
            await ready.wait()
            yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def ask(client: LinkClient, payload: bytes = b"x") -> bytes:
    try:
        async with contextlib.aclosing(client.request({}, payload, deadline_s=5)) as answer:
            return (await anext(answer)).payload
    finally:
        await client.aclose()


async def test_frames_go_through_a_connection_with_a_certificate(url: str, pair: Pair) -> None:
    async with serving(url, pair, token="secret"):
        sound = bytes(range(256)) * 4000
        assert await ask(LinkClient(url, token="secret", tls_ca=pair.cert), sound) == sound


async def test_a_wrong_token_is_said_over_tls_as_well(url: str, pair: Pair) -> None:
    async with serving(url, pair, token="right"):
        with pytest.raises(EngineUnavailable, match="token is wrong"):
            await ask(LinkClient(url, token="wrong", tls_ca=pair.cert))


async def test_a_stranger_s_certificate_is_refused(url: str, pair: Pair, tmp_path: Path) -> None:
    other = make_pair(tmp_path, "other")
    async with serving(url, pair):
        for authority in (other.cert, ""):
            with pytest.raises(EngineUnavailable, match="SPEECH__TLS_CA"):
                await ask(LinkClient(url, tls_ca=authority))
        assert await ask(LinkClient(url, tls_ca=pair.cert)) == b"x"


async def test_a_certificate_of_another_host_is_refused(url: str, tmp_path: Path) -> None:
    elsewhere = make_pair(tmp_path, "elsewhere", address="10.0.0.1")
    async with serving(url, elsewhere):
        with pytest.raises(EngineUnavailable, match="host name"):
            await ask(LinkClient(url, tls_ca=elsewhere.cert))


async def test_clients_without_tls_and_garbage_are_hung_up_on(url: str, pair: Pair) -> None:
    async with serving(url, pair):
        with pytest.raises(EngineUnavailable):
            await ask(LinkClient(url.replace("tcps", "tcp")))
        assert await ask(LinkClient(url, tls_ca=pair.cert)) == b"x"


async def test_tcps_without_a_certificate_does_not_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SPEECH__TLS_CERT"):
        await serve(url, echo)


async def test_the_network_needs_a_token_with_tls_too(pair: Pair) -> None:
    with pytest.raises(ConfigurationError, match="SPEECH__TOKEN"):
        await serve("tcps://0.0.0.0:0", echo, tls=server_context(pair.cert, pair.key))


def test_no_files_mean_no_certificate() -> None:
    assert server_context("", "") is None


def test_files_that_are_no_pair_are_one_sentence(pair: Pair, tmp_path: Path) -> None:
    other = make_pair(tmp_path, "other")
    locked = make_pair(tmp_path, "locked", password=b"secret")
    (tmp_path / "text.pem").write_text("வணக்கம்", encoding="utf-8")
    text = str(tmp_path / "text.pem")
    for cert, key in [
        (pair.cert, ""),
        ("", pair.key),
        (pair.cert, other.key),
        (text, pair.key),
        (pair.cert, text),
        (locked.cert, locked.key),
        (str(tmp_path / "none"), pair.key),
        (pair.cert, str(tmp_path)),
    ]:
        with pytest.raises(ConfigurationError, match="SPEECH__TLS_") as caught:
            server_context(cert, key)
        assert "\n" not in str(caught.value)


def test_a_bad_authority_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("வணக்கம்", encoding="utf-8")
    for name in ("text.pem", "none.pem", "."):
        with pytest.raises(ConfigurationError, match="SPEECH__TLS_CA"):
            client_context(str(tmp_path / name))
        with pytest.raises(ConfigurationError, match="SPEECH__TLS_CA"):
            LinkClient("tcps://127.0.0.1:1", tls_ca=str(tmp_path / name))
