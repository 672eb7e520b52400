"""The loose talk is wide, spelled with known letters and never says what only tests may say."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from training.stream import CURRICULUM
from training.text import TextSource, banned_sentences, target
from training.tokenizer import build_tokenizer

DATA = Path(__file__).parents[2] / "agent" / "understanding" / "data"
TYPES = 31_000
"""Measured 34,000 on 2026-11-21, less a tenth."""


@pytest.fixture(scope="module")
def source() -> TextSource:
    return TextSource(DATA)


@pytest.fixture(scope="module")
def drawn(source: TextSource) -> list[str]:
    stage, rng = CURRICULUM[-1], Random(11)
    return [source.draw(rng, stage.max_chars, stage.call_share) for _ in range(40_000)]


def test_the_last_stage_says_very_many_words(drawn: list[str]) -> None:
    assert len({word for text in drawn for word in target(text).split()}) >= TYPES


def test_nothing_kept_for_tests_is_drawn(source: TextSource, drawn: list[str]) -> None:
    written = {target(text) for text in drawn}
    assert not written & banned_sentences()
    assert not {word for text in written for word in text.split()} & source.lexicon.held_words()


def test_loose_talk_is_well_written_and_never_unknown(source: TextSource) -> None:
    tokenizer, rng = build_tokenizer(), Random(12)
    unknown = tokenizer.token_to_id("<unk>")
    for _ in range(5_000):
        text = target(source.open.talk.sentence(rng))
        assert not re.search(r"(^|\s)[ா-்]|[ா-்]{2}|[அ-ஔ][ா-்]|[^\u0b80-\u0bff ]", text), text
        assert unknown not in tokenizer.encode(text).ids


def test_hardly_any_loose_sentence_is_refused(source: TextSource) -> None:
    rng = Random(13)
    refused = sum(not source.allowed(source.open.talk.sentence(rng)) for _ in range(5_000))
    assert refused < 50
