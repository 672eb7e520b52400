"""Which context a piece gets, and how many tokens may come out of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speech.checkpoint import Facts
from agent.speech.contexts import (
    BUCKETS,
    MOST_TOKENS,
    POSITIONS,
    bucket_of,
    max_length,
    token_bound,
    usable_buckets,
)

SHORT = Facts(short_context=True, tail_frames=100)


@pytest.mark.parametrize(
    ("facts", "buckets"),
    [
        (Facts(), (3000,)),
        (Facts(min_frames=600), (3000,)),
        (SHORT, BUCKETS),
        (SHORT.model_copy(update={"min_frames": 600}), (750, 1000, 1500, 3000)),
        (SHORT.model_copy(update={"min_frames": 750}), (750, 1000, 1500, 3000)),
        (SHORT.model_copy(update={"min_frames": 2000}), (3000,)),
    ],
)
def test_short_contexts_are_used_only_by_models_that_passed_their_gate(
    facts: Facts, buckets: tuple[int, ...]
) -> None:
    assert usable_buckets(facts) == buckets


@pytest.mark.parametrize(
    ("frames", "bucket"),
    [(1, 500), (400, 500), (401, 750), (650, 750), (651, 1000), (1400, 1500), (2800, 3000)],
)
def test_the_context_is_the_sound_and_its_tail_rounded_up(frames: int, bucket: int) -> None:
    assert bucket_of(frames, SHORT) == bucket
    assert bucket_of(frames, Facts()) == 3000


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000))
def test_every_sound_has_a_context_that_holds_it(frames: int, tail: int, least: int) -> None:
    facts = Facts(short_context=True, tail_frames=tail, min_frames=least)
    bucket = bucket_of(frames, facts)
    assert bucket in BUCKETS
    assert bucket >= max(frames, least)
    assert bucket >= min(frames + tail, 3000)


@given(st.floats(0.1, 100), st.floats(0, 28), st.integers(3, 69))
def test_what_comes_out_always_fits_behind_the_prompt(
    per_s: float, duration_s: float, prompt: int
) -> None:
    bound = token_bound(per_s, duration_s, prompt)
    assert 0 < bound <= MOST_TOKENS
    assert prompt + bound <= POSITIONS
    length = max_length(bound, prompt)
    assert min(length / 2, length - prompt) >= bound
    assert length <= 2 * MOST_TOKENS
