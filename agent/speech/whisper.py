"""Whisper on CTranslate2: features of one batch in, tokens and text out.

Encoding and generating are two calls, so that their cost can be told apart and a batch is what we
say it is. Greedy decoding gives each item the tokens it would get alone; what a batch shares, the
longest ``max_length`` of its items, is taken back by cutting each to its own bound.

Only the engine thread calls :class:`Whisper`: both calls block until the whole batch is done.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import ConfigurationError
from agent.speech.checkpoint import Checkpoint
from agent.speech.contexts import FULL, max_length, most_tokens
from agent.speech.device import Compute

BIAS_TOKENS = 64
"""Most tokens of SPEECH__BIAS: about ten Tamil names. A longer prompt makes more inventions."""
CAREFUL_PENALTY = 1.15
"""Score penalty for tokens said before, on the second try after a loop. No temperature beside it:
chance would give another text at every run."""

_WARM_UP_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the model makes of one item."""

    text: str
    """NFC, one space between words."""
    tokens: int
    avg_logprob: float
    """Mean natural-log probability of a token, the end included."""
    no_speech_prob: float
    """0..1."""
    unfinished: bool
    """Stopped by its bound, not by the model."""


class Whisper:
    """A loaded model. One thread at a time."""

    def __init__(
        self, checkpoint: Checkpoint, compute: Compute, language: str, bias: str = ""
    ) -> None:
        """Load it.

        Args:
            checkpoint: from :func:`agent.speech.checkpoint.load_checkpoint`.
            compute: where and how.
            language: ISO 639-1 code every decoding is locked to.
            bias: text the model is to think came before; only for checkpoints made to take it.

        Raises:
            ConfigurationError: the model does not know the language.
        """
        import ctranslate2
        import tokenizers

        facts = checkpoint.facts
        self._model = ctranslate2.models.Whisper(
            str(checkpoint.folder),
            device=compute.device,
            device_index=compute.index,
            compute_type=compute.compute_type,
            intra_threads=compute.threads,
        )
        vocabulary = tokenizers.Tokenizer.from_file(str(checkpoint.folder / "tokenizer.json"))
        if vocabulary.token_to_id(f"<|{language}|>") is None:
            raise ConfigurationError(
                f"The speech model {checkpoint.name} does not know the language {language!r}; "
                "set SPEECH__LANGUAGE or another SPEECH__MODEL."
            )
        self._tokenizer = _tokenizer(vocabulary, self._model.is_multilingual, language)
        self._prompt = [*_bias_tokens(self._tokenizer, bias), *_task_tokens(self._tokenizer)]
        self._suppressed = _suppressed(self._tokenizer, facts.suppress_tokens)
        self._beam_size = facts.beam_size

    @property
    def prompt_tokens(self) -> int:
        """Tokens before the first new one; the same for every item."""
        return len(self._prompt)

    @property
    def mels(self) -> int:
        """Bands of the features it takes."""
        return int(self._model.n_mels)

    @property
    def compute_type(self) -> str:
        """What CTranslate2 made of the wish, e.g. ``int8_float32``."""
        return str(self._model.compute_type)

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        return str(self._model.device)

    def encode(self, features: Sequence[NDArray[np.float32]]) -> Any:
        """Encoder output of a batch; all items have the same shape (mels, frames).

        On a CPU one after another: there a batch gains nothing (312 ms alone, 369 ms an item in a
        batch of eight) and needs its attention scores at once, gigabytes for a large model.
        """
        if self.device == "cuda":
            return self._model.encode(_storage(np.stack(features)))
        return _storage(np.concatenate([self._encode_here(one) for one in features]))

    def generate(
        self, encoded: Any, bounds: Sequence[int], *, careful: bool = False
    ) -> list[Hypothesis]:
        """Decode a batch.

        Args:
            encoded: from :meth:`encode`.
            bounds: most tokens of each item.
            careful: punish repetition (the second try after a loop).
        """
        results = self._model.generate(
            encoded,
            [self._prompt] * len(bounds),
            beam_size=self._beam_size,
            max_length=max_length(max(bounds), self.prompt_tokens),
            repetition_penalty=CAREFUL_PENALTY if careful else 1.0,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
            suppress_blank=True,
        )
        return [self._read(result, bound) for result, bound in zip(results, bounds, strict=True)]

    def warm_up(self, buckets: Sequence[int], sizes: Sequence[int]) -> None:
        """Run every shape once: the first real batch must not wait for kernels and memory."""
        silence = np.zeros((self.mels, FULL), np.float32)
        for bucket in buckets:
            sound = silence[:, :bucket]
            if self.device == "cuda":
                batches = [self.encode([sound] * size) for size in sizes]
            else:  # one encoding serves all: there are no larger ones to come
                one = self._encode_here(sound)
                batches = [_storage(np.repeat(one, size, axis=0)) for size in sizes]
            for size, encoded in zip(sizes, batches, strict=True):
                self.generate(encoded, [_WARM_UP_TOKENS] * size)

    def _encode_here(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """One item on a CPU; shape (1, frames / 2, width)."""
        import ctranslate2

        encoded = self._model.encode(_storage(features[None])).to(ctranslate2.DataType.float32)
        return np.asarray(encoded)

    def _read(self, result: Any, bound: int) -> Hypothesis:
        every: list[int] = result.sequences_ids[0]
        tokens = every[:bound]
        text = unicodedata.normalize("NFC", self._tokenizer.decode(tokens))
        return Hypothesis(
            text=" ".join(text.split()),
            tokens=len(tokens),
            avg_logprob=result.scores[0] * len(every) / (len(every) + 1),
            no_speech_prob=result.no_speech_prob,
            # At the model's own end of positions it cannot be told, and long speech gets there.
            unfinished=bound <= len(tokens) < most_tokens(self.prompt_tokens),
        )


def _storage(array: NDArray[np.float32]) -> Any:
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array, dtype=np.float32))


def _tokenizer(vocabulary: Any, multilingual: bool, language: str) -> Any:
    from faster_whisper.tokenizer import Tokenizer

    return Tokenizer(vocabulary, multilingual, task="transcribe", language=language)


def _task_tokens(tokenizer: Any) -> list[int]:
    return [*tokenizer.sot_sequence, tokenizer.no_timestamps]


def _suppressed(tokenizer: Any, wanted: Sequence[int]) -> list[int]:
    from faster_whisper.transcribe import get_suppressed_tokens

    return list(get_suppressed_tokens(tokenizer, list(wanted))) if wanted else []


def _bias_tokens(tokenizer: Any, bias: str) -> list[int]:
    """The previous text, at most BIAS_TOKENS, cut after a whole word.

    One text for the whole process, so it has the same length in every item: CTranslate2 refuses a
    batch whose prompts differ in length.
    """
    kept: list[int] = []
    for word in bias.split():
        tokens = tokenizer.encode(f" {word}")
        if len(kept) + len(tokens) > BIAS_TOKENS:
            break
        kept += tokens
    return [tokenizer.sot_prev, *kept] if kept else []
