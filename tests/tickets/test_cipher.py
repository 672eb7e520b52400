from __future__ import annotations

import base64
import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ConfigurationError, TicketError
from agent.tickets.cipher import Cipher, national_digits
from agent.tickets.keyring import KEY_FILE, open_cipher

CIPHER = Cipher(bytes(range(32)))
OTHER = Cipher(bytes(range(1, 33)))


@settings(deadline=None)
@given(st.text(), st.text())
def test_what_is_sealed_opens_again(text: str, context: str) -> None:
    if not (_is_unicode(text) and _is_unicode(context)):
        return
    assert CIPHER.unseal(CIPHER.seal(text, context), context) == text
    assert CIPHER.unseal_text(CIPHER.seal_text(text, context), context) == text


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_sound_that_is_sealed_opens_again_and_only_in_its_place(sound: bytes) -> None:
    sealed = CIPHER.seal_bytes(sound, "voice_note/1")
    assert CIPHER.unseal_bytes(sealed, "voice_note/1") == sound
    for cipher, context in ((CIPHER, "voice_note/2"), (OTHER, "voice_note/1")):
        with pytest.raises(TicketError):
            cipher.unseal_bytes(sealed, context)


@settings(deadline=None)
@given(st.data())
def test_any_flipped_bit_is_one_clear_error(data: st.DataObject) -> None:
    sealed = bytearray(CIPHER.seal("மீனா 9500123456", "ticket/name"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(TicketError, match="encrypted field"):
        CIPHER.unseal(bytes(sealed), "ticket/name")


@settings(deadline=None)
@given(st.integers(0, 40))
def test_a_cut_text_is_one_clear_error(length: int) -> None:
    sealed = CIPHER.seal("மீனா", "x")
    with pytest.raises(TicketError, match="encrypted field"):
        CIPHER.unseal(sealed[: min(length, len(sealed) - 1)], "x")


def test_another_key_is_one_clear_error() -> None:
    assert CIPHER.key_id != OTHER.key_id
    with pytest.raises(TicketError, match="another key"):
        OTHER.unseal(CIPHER.seal("மீனா", "x"), "x")


def test_a_value_copied_into_another_row_does_not_open() -> None:
    with pytest.raises(TicketError):
        CIPHER.unseal(CIPHER.seal("9500123456", "job-1:0/phone"), "job-2:0/phone")


@pytest.mark.parametrize("text", ["", "***", "க", "AAAA"])
def test_what_is_not_base64_is_one_clear_error(text: str) -> None:
    with pytest.raises(TicketError, match="damaged"):
        CIPHER.unseal_text(text, "x")


def test_the_same_words_never_look_the_same() -> None:
    assert CIPHER.seal("மீனா", "x") != CIPHER.seal("மீனா", "x")
    assert "மீனா".encode() not in CIPHER.seal("மீனா", "x")


@pytest.mark.parametrize(
    ("phone", "digits"),
    [
        ("9500123456", "9500123456"),
        ("+91 95001 23456", "9500123456"),
        ("09500123456", "9500123456"),
        ("00919500123456", "9500123456"),
        ("9123456789", "9123456789"),
        ("04422334455", "4422334455"),
        ("+914422334455", "4422334455"),
        ("௯௫௦௦௧௨௩௪௫௬", "9500123456"),
        ("sip:anonymous", ""),
    ],
)
def test_all_ways_of_writing_a_phone_number_are_one(phone: str, digits: str) -> None:
    assert national_digits(phone) == digits


def test_a_phone_hash_depends_on_the_key_and_holds_no_digits() -> None:
    assert CIPHER.phone_hash("+919500123456") == CIPHER.phone_hash("9500123456")
    assert CIPHER.phone_hash("9500123456") != OTHER.phone_hash("9500123456")
    assert CIPHER.phone_hash("") is None


def test_the_key_file_is_made_once_for_us_alone(tmp_path: Path) -> None:
    first = open_cipher("", tmp_path)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert open_cipher("", tmp_path).unseal(first.seal("மீனா", "x"), "x") == "மீனா"


def test_a_key_from_the_settings_is_used_and_no_file_made(tmp_path: Path) -> None:
    open_cipher(base64.b64encode(os.urandom(32)).decode(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["short", "AAAA", "x" * 44, "க"])
def test_a_bad_key_stops_the_start_and_is_not_repeated(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="TICKETS__ENCRYPTION_KEY") as caught:
        open_cipher(key, tmp_path)
    assert key not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe\x00"])
def test_a_damaged_key_file_is_never_replaced(content: bytes, tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(ConfigurationError, match=KEY_FILE):
        open_cipher("", tmp_path)
    assert (tmp_path / KEY_FILE).read_bytes() == content


def _seal(folder: Path, out: multiprocessing.Queue[bytes]) -> None:
    out.put(open_cipher("", folder).seal("மீனா", "x"))


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    processes = [context.Process(target=_seal, args=(tmp_path, out)) for _ in range(4)]
    for process in processes:
        process.start()
    sealed = [out.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    cipher = open_cipher("", tmp_path)
    assert [cipher.unseal(each, "x") for each in sealed] == ["மீனா"] * 4


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)
