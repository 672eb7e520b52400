"""The ears: one Whisper model in one process, and the queue in front of it.

The only module that loads ctranslate2 and faster_whisper, and only when :class:`Ears` is made, so
call processes may import what stands beside it. One utterance is decoded at a time on one worker
thread; the event loop that serves the link never blocks.
"""

from __future__ import annotations

import math
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import AgentError, ConfigurationError
from agent.speech.audio import to_float
from agent.speech.checkpoint import Checkpoint, load_checkpoint
from agent.speech.hallucination import Candidate, judge
from agent.speech.segments import Span, spans_of
from agent.speech.transcript import Dropped, DropReason, Segment, Transcript
from agent.speech.vad import WINDOW_S

SAMPLE_RATE = 16_000
"""Hertz of everything the ears hear."""
QUIET_DBFS = -50.0
"""A recording whose loudest sample stays under this (104 of 32768) holds no speech, whatever the
detector says."""
MOST_TOKENS = 440
"""New tokens CTranslate2 can give in one go: half of the longest ``max_length`` it takes (880;
900 fails). Measured with CTranslate2 4.8.5."""
TOKENS_FREE = 20
"""Added to the bound of tokens by the second, for very short utterances."""
_WINDOW = int(WINDOW_S * SAMPLE_RATE)
_FULL_FRAMES = 3000
_DETECTOR_BLOCK = 1875 * _WINDOW
"""Samples the speech detector takes at once (60 s): an hour would need a gigabyte."""


def _ignore(_done_s: float) -> None:
    """Nobody watches."""


class Ears:
    """A loaded and warmed-up recogniser. May be shared by threads, which then take turns."""

    def __init__(
        self,
        model_dir: Path,
        *,
        device: str = "auto",
        compute_type: str = "default",
        threads: int = 1,
        language: str = "ta",
    ) -> None:
        """Load the model and decode a second of sound with it, so that the first call is fast.

        Args:
            model_dir: folder of a CTranslate2 Whisper model (see ``checkpoint``).
            device: ``auto``, ``cpu`` or ``cuda``.
            compute_type: of CTranslate2; ``default`` keeps the file's own.
            threads: CPU threads of one decoding.
            language: ISO 639-1 code; no detection is made.

        Raises:
            ConfigurationError: the folder is not complete, or the model cannot run here.
        """
        self.checkpoint: Checkpoint = load_checkpoint(model_dir)
        self.language = language
        self._lock = threading.Lock()
        self._decoder = _Decoder(self.checkpoint, device, compute_type, threads, language)

    def transcribe(
        self, pcm: NDArray[np.int16], *, progress: Callable[[float], None] = _ignore
    ) -> Transcript:
        """The words in ``pcm``; blocks while it decodes.

        Args:
            pcm: shape (samples,), int16 mono at 16 kHz, of any length.
            progress: told how many seconds of the sound are done, after each piece of it.
        """
        with self._lock:
            return self._transcribe(pcm, progress)

    def _transcribe(self, pcm: NDArray[np.int16], progress: Callable[[float], None]) -> Transcript:
        clock = _Clock()
        duration_s = len(pcm) / SAMPLE_RATE
        spans, why_not = self._spans(pcm)
        clock.lap("vad_s")
        segments = []
        for span in spans:
            segments.append(self._decoder.decode(pcm, span, clock))
            progress(span.end_s)
        dropped = [Dropped(s.dropped, s.start_s, s.end_s) for s in segments if s.dropped]
        if why_not is not None:
            dropped = [Dropped(why_not, 0.0, duration_s)]
        kept = [s for s in segments if s.dropped is None and s.text]
        return Transcript(
            text=" ".join(s.text for s in kept),
            confidence=_confidence(kept),
            language=self.language,
            duration_s=duration_s,
            timings=clock.finish(),
            dropped=tuple(dropped),
            segments=tuple(segments),
        )

    def _spans(self, pcm: NDArray[np.int16]) -> tuple[list[Span], DropReason | None]:
        """What to decode, or why nothing is decoded."""
        if _peak_dbfs(pcm) < QUIET_DBFS:
            return [], DropReason.SILENCE
        spans = spans_of(self._decoder.speech_probabilities(pcm))
        return spans, None if spans else DropReason.NO_SPEECH


class _Decoder:
    """Whisper and the speech detector, loaded."""

    def __init__(
        self, checkpoint: Checkpoint, device: str, compute_type: str, threads: int, language: str
    ) -> None:
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens
        from faster_whisper.vad import get_vad_model

        self._facts = checkpoint.facts
        self._detector = get_vad_model()
        try:
            self._model = WhisperModel(
                str(checkpoint.folder),
                device=device,
                compute_type=compute_type,
                cpu_threads=threads,
                local_files_only=True,
            )
            self._check_language(checkpoint, language)
            tokenizer = Tokenizer(
                self._model.hf_tokenizer,
                self._model.model.is_multilingual,
                task="transcribe",
                language=language,
            )
            self._prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
            self._tokenizer = tokenizer
            self._suppressed = (
                get_suppressed_tokens(tokenizer, list(self._facts.suppress_tokens))
                if self._facts.suppress_tokens
                else []
            )
            self._warm_up()
        except AgentError:
            raise
        except Exception as exc:
            # Broad, because tokenizers raises Exception itself. Foreign texts name drivers and
            # files, not the mend; the class tells them apart.
            raise ConfigurationError(
                f"The speech model in {checkpoint.folder} does not run on {device} as "
                f"{compute_type} ({type(exc).__name__}); check the files, SPEECH__DEVICE and "
                "SPEECH__COMPUTE_TYPE."
            ) from exc

    def _check_language(self, checkpoint: Checkpoint, language: str) -> None:
        if self._model.hf_tokenizer.token_to_id(f"<|{language}|>") is None:
            raise ConfigurationError(
                f"The speech model {checkpoint.name} does not know the language {language!r}; "
                "set SPEECH__LANGUAGE or another SPEECH__MODEL."
            )

    def _warm_up(self) -> None:
        noise = np.random.default_rng(0).normal(0, 1000, SAMPLE_RATE).astype(np.int16)
        self.speech_probabilities(noise)
        self.decode(noise, Span(0.0, 1.0, 1.0), _Clock())

    def speech_probabilities(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """One probability for each 32 ms; shape (windows,)."""
        blocks = []
        for start in range(0, len(pcm), _DETECTOR_BLOCK):
            block = to_float(pcm[start : start + _DETECTOR_BLOCK])
            block = np.pad(block, (0, -len(block) % _WINDOW))
            blocks.append(np.asarray(self._detector(block), dtype=np.float32).reshape(-1))
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def decode(self, pcm: NDArray[np.int16], span: Span, clock: _Clock) -> Segment:
        """Decode one span of at most 28 s and judge what came out."""
        sound = pcm[round(span.start_s * SAMPLE_RATE) : round(span.end_s * SAMPLE_RATE)]
        features = self._features(sound)
        clock.lap("mel_s")
        encoded = self._model.encode(features)
        clock.lap("encode_s")
        bound = _token_bound(self._facts.max_new_tokens_per_s, len(sound) / SAMPLE_RATE)
        result = self._model.model.generate(
            encoded,
            [self._prompt],
            beam_size=self._facts.beam_size,
            max_length=_max_length(bound, len(self._prompt)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=list(self._suppressed),
            suppress_blank=True,
        )[0]
        segment = self._judged(span, result, bound)
        clock.lap("decode_s")
        return segment

    def _features(self, sound: NDArray[np.int16]) -> NDArray[np.float32]:
        """Log-mel features, shape (mels, frames), padded as faster-whisper pads: with 0.0."""
        mel = self._model.feature_extractor(to_float(sound))[:, :-1]
        frames = _FULL_FRAMES
        if self._facts.short_context:
            wanted = max(self._facts.min_frames, mel.shape[1] + self._facts.tail_frames)
            frames = min(frames, wanted)
            frames += frames % 2
        mel = mel[:, :frames]
        return np.pad(mel, ((0, 0), (0, frames - mel.shape[1]))).astype(np.float32)

    def _judged(self, span: Span, result: Any, bound: int) -> Segment:
        tokens: Sequence[int] = result.sequences_ids[0]
        text = unicodedata.normalize("NFC", self._tokenizer.decode(tokens))
        text = " ".join(text.split())
        avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        reason = judge(
            Candidate(
                text=text,
                speech_s=span.speech_s,
                avg_logprob=avg_logprob,
                no_speech_prob=result.no_speech_prob,
                unfinished=bound <= len(tokens) < MOST_TOKENS,
            )
        )
        return Segment(
            start_s=round(span.start_s, 3),
            end_s=round(span.end_s, 3),
            speech_s=round(span.speech_s, 3),
            text=text,
            tokens=len(tokens),
            avg_logprob=avg_logprob,
            no_speech_prob=result.no_speech_prob,
            dropped=reason,
        )


class _Clock:
    """Adds up where the time went."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self._laps = {"vad_s": 0.0, "mel_s": 0.0, "encode_s": 0.0, "decode_s": 0.0}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] += now - self._last
        self._last = now

    def finish(self) -> dict[str, float]:
        total = time.perf_counter() - self._began
        return {name: round(value, 4) for name, value in {**self._laps, "total_s": total}.items()}


def _token_bound(per_s: float, duration_s: float) -> int:
    """Most tokens the sound may become."""
    return min(MOST_TOKENS, math.ceil(per_s * duration_s) + TOKENS_FREE)


def _max_length(bound: int, prompt_tokens: int) -> int:
    """CTranslate2's ``max_length`` that really gives ``bound`` new tokens.

    It counts min(max_length / 2, max_length - prompt), so ``max_length=bound`` would cut Tamil in
    the middle of a sentence, without an error.
    """
    return max(2 * bound, prompt_tokens + bound)


def _confidence(kept: Sequence[Segment]) -> float:
    tokens = sum(s.tokens + 1 for s in kept)
    if not tokens:
        return 0.0
    mean = sum(s.avg_logprob * (s.tokens + 1) for s in kept) / tokens
    return round(min(1.0, math.exp(mean)), 4)


def _peak_dbfs(pcm: NDArray[np.int16]) -> float:
    """Level of the loudest sample, dB under full scale; -inf for nothing."""
    peak = max(int(pcm.max()), -int(pcm.min())) if len(pcm) else 0
    return 20 * math.log10(peak / 32768) if peak else -math.inf
