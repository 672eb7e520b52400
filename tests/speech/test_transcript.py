"""What travels from the ears to a call."""

from __future__ import annotations

import json

import pytest

from agent.errors import ProtocolError
from agent.speech.transcript import (
    Dropped,
    DropReason,
    Segment,
    Transcript,
    from_header,
    to_header,
)

HEARD = Transcript(
    text="தண்ணி வரல",
    confidence=0.5,
    language="ta",
    duration_s=2.5,
    timings={"decode_s": 0.01},
    dropped=(Dropped(DropReason.LOOP, 0.0, 1.5),),
)


def test_a_transcript_survives_the_wire() -> None:
    assert from_header(json.loads(json.dumps(to_header(HEARD)))) == HEARD


def test_segments_with_dropped_words_stay_in_the_process_that_decoded() -> None:
    secret = Segment(0.0, 1.0, 1.0, "இரகசியம்", 3, -0.1, 0.0, DropReason.LOOP)
    header = to_header(Transcript("", 0.0, "ta", 1.0, {}, (), (secret,)))
    assert "இரகசியம்" not in json.dumps(header, ensure_ascii=False)


@pytest.mark.parametrize(
    "header",
    [{}, {"text": 5}, {**to_header(HEARD), "dropped": [{"reason": "whim"}]}],
    ids=["empty", "wrong type", "unknown reason"],
)
def test_anything_else_is_a_protocol_error(header: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        from_header(header)
