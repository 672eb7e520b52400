"""How much sound the encoder is given and how many tokens may come out (pure).

Few fixed contexts instead of one for each length: only equal ones can share a batch, and the text
of an utterance depends on its context (different padding, different tokens), so a fixed set keeps
it the same from run to run.
"""

from __future__ import annotations

import math

from agent.speech.checkpoint import Facts

BUCKETS = (500, 750, 1000, 1500, 3000)
"""Frames of 10 ms. training/train.py pads to the same."""
FULL = BUCKETS[-1]
"""The window ordinary Whisper was trained on; CTranslate2 takes no longer one."""
TOKENS_PER_S = 15.0
"""Tokens a second of fluent Tamil in Whisper's own vocabulary: 6.6 a word."""
MOST_TOKENS = 440
"""New tokens CTranslate2 can give in one go: half of the longest ``max_length`` it takes (880;
900 fails). Measured with CTranslate2 4.8.5."""
POSITIONS = 448
"""Positions of Whisper's decoder: the prompt and what comes out together."""
TOKENS_FREE = 20
"""Added to the bound of tokens by the second, for very short utterances."""


def usable_buckets(facts: Facts) -> tuple[int, ...]:
    """The contexts this model is decoded in, shortest first.

    Only the full window unless ``short_context`` says that shorter ones passed the gate.
    """
    if not facts.short_context:
        return (FULL,)
    return tuple(bucket for bucket in BUCKETS if bucket >= min(facts.min_frames, FULL))


def bucket_of(frames: int, facts: Facts) -> int:
    """The context for ``frames`` of sound: its length and the tail the model wants, rounded up."""
    wanted = min(frames + facts.tail_frames, FULL)
    return next(bucket for bucket in usable_buckets(facts) if bucket >= wanted)


def predicted_tokens(speech_s: float) -> float:
    """About how many tokens so many seconds of speech become."""
    return TOKENS_PER_S * speech_s


def token_bound(per_s: float, duration_s: float, prompt_tokens: int) -> int:
    """Most tokens a piece may become: more is decoding that does not end.

    Args:
        per_s: ``Facts.max_new_tokens_per_s``.
        duration_s: length of the piece.
        prompt_tokens: tokens before the first new one.
    """
    wanted = math.ceil(per_s * duration_s) + TOKENS_FREE
    return min(wanted, most_tokens(prompt_tokens))


def most_tokens(prompt_tokens: int) -> int:
    """New tokens that fit behind a prompt."""
    return min(MOST_TOKENS, POSITIONS - prompt_tokens)


def max_length(bound: int, prompt_tokens: int) -> int:
    """CTranslate2's ``max_length`` that really gives ``bound`` new tokens.

    It counts min(max_length / 2, max_length - prompt), so ``max_length=bound`` would cut Tamil in
    the middle of a sentence, without an error, and give nothing at all behind a long prompt.
    """
    return max(2 * bound, prompt_tokens + bound)
