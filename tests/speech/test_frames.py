"""The bytes of the link: every frame survives, nonsense never does."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ProtocolError
from agent.speech import frames
from agent.speech.frames import Frame, FrameDecoder, Kind, encode

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
some_frames = st.builds(
    Frame,
    kind=st.sampled_from(Kind),
    request_id=st.integers(0, 2**32 - 1),
    header=st.dictionaries(st.text(max_size=10), json_values, max_size=5),
    payload=st.binary(max_size=400),
)


@given(some_frames)
def test_a_frame_comes_back_as_it_was_sent(frame: Frame) -> None:
    assert FrameDecoder().feed(encode(frame)) == [frame]


@given(st.lists(some_frames, max_size=5), st.lists(st.floats(0, 1), max_size=20))
def test_frames_survive_every_way_the_network_may_cut_them(
    sent: list[Frame], cuts: list[float]
) -> None:
    stream = b"".join(map(encode, sent))
    edges = [0, *sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
    decoder = FrameDecoder()
    got: list[Frame] = []
    for begin, end in itertools.pairwise(edges):
        got += decoder.feed(stream[begin:end])
    assert got == sent
    assert not decoder.pending


def test_a_frame_that_comes_byte_by_byte_is_read() -> None:
    frame = Frame(Kind.DATA, 7, {"word": "தண்ணி"}, b"sound")
    decoder = FrameDecoder()
    got = [frame for byte in encode(frame) for frame in decoder.feed(bytes([byte]))]
    assert got == [frame]


@given(st.binary(min_size=1, max_size=300))
def test_garbage_is_refused_or_waits_but_never_breaks_the_decoder(garbage: bytes) -> None:
    decoder = FrameDecoder()
    try:
        got = decoder.feed(garbage)
    except ProtocolError:
        return
    # Only the beginning of our own magic may pass without a complaint.
    assert got == []
    assert garbage.startswith(frames.MAGIC) or frames.MAGIC.startswith(garbage)


@given(some_frames, st.data())
def test_a_damaged_frame_never_raises_anything_but_a_protocol_error(
    frame: Frame, data: st.DataObject
) -> None:
    raw = bytearray(encode(frame))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError):
        for back in FrameDecoder().feed(bytes(raw)):
            assert isinstance(back.header, dict)


def _head(
    *, magic: bytes = b"KRAL", version: int = 1, kind: int = 2, header: int = 2, payload: int = 0
) -> bytes:
    return (
        magic
        + bytes([version, kind])
        + (1).to_bytes(4)
        + header.to_bytes(4)
        + payload.to_bytes(4)
        + b"{}"
    )


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "does not speak"),
        (_head(version=9), "version 9"),
        (_head(kind=0), "unknown kind"),
        (_head(kind=77), "unknown kind"),
        (_head(header=64 * 1024 + 1), "header is larger"),
        (_head(header=2**32 - 1), "header is larger"),
        (_head(payload=16 * 1024 * 1024 + 1), "payload is larger"),
        (_head(header=1), "not JSON"),
        (_head()[:-2] + b"[]", "not a JSON object"),
        (_head()[:-2] + b"\xff\xfe", "not JSON"),
        (_head(header=60_000)[:-2] + b"[" * 60_000, "not JSON"),
    ],
)
def test_nonsense_is_named_in_one_sentence(raw: bytes, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        FrameDecoder().feed(raw)


def test_a_length_that_is_too_large_is_refused_before_its_bytes_come() -> None:
    with pytest.raises(ProtocolError):
        FrameDecoder().feed(_head(payload=2**31)[:18])


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Kind.DATA, 1, {"x": object()}),
        Frame(Kind.DATA, 1, {"x": "\ud800"}),
        Frame(Kind.DATA, 2**32, {}),
        Frame(Kind.DATA, 1, {"x": "அ" * 30_000}),
        Frame(Kind.DATA, 1, {}, bytes(16 * 1024 * 1024 + 1)),
    ],
    ids=["not JSON", "lone surrogate", "id too large", "header too large", "payload too large"],
)
def test_a_frame_that_cannot_be_read_back_is_not_written(frame: Frame) -> None:
    with pytest.raises(ProtocolError):
        encode(frame)
