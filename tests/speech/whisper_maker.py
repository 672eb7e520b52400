"""Makes real CTranslate2 Whisper folders without training: random, or saying one fixed sentence.

The fixed sentence comes from the weights: all layers add nothing, so what a step gives depends on
its position alone, and the position vectors point at the tokens to be said. The engine, its
files, its tokenizer and its decoding are the real ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEADS, LAYERS, MELS, POSITIONS = 64, 2, 1, 80, 1500
PIECES = tuple("அஆஇஈஉஎஏஒகஙசஞடணதநபமயரலவழளறனாிீுூெேைொோௌ்▁abcdefghijklmnopqrstuvwxyz")
SPECIALS = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|ta|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{i * 0.02:.2f}|>" for i in range(1501)),
)
PROMPT_TOKENS = 4
Array = NDArray[np.float32]


def make_model(
    folder: Path,
    says: str | None = None,
    facts: dict[str, Any] | None = None,
    *,
    prompt_tokens: int = PROMPT_TOKENS,
) -> Path:
    """Write a model folder; ``says=None`` gives random weights, else that text for any sound.

    It says the text behind a prompt of exactly ``prompt_tokens``.
    """
    from ctranslate2.specs import whisper_spec

    tokenizer = _tokenizer()
    size = tokenizer.get_vocab_size()
    rng = np.random.default_rng(7)
    spec = whisper_spec.WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    scale = 0.3 if says is None else 0.0
    embeddings = rng.standard_normal((size, WIDTH)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    positions = _random(rng, 448, WIDTH)
    if says is not None:
        positions = _script(tokenizer, says, embeddings, prompt_tokens)
        embeddings = embeddings.astype(np.float32)
    for name, width in (("conv1", MELS), ("conv2", WIDTH)):
        convolution = getattr(spec.encoder, name)
        convolution.weight = _random(rng, WIDTH, width, 3)
        convolution.bias = np.zeros(WIDTH, np.float32)
    spec.encoder.position_encodings.encodings = _random(rng, POSITIONS, WIDTH)
    spec.decoder.embeddings.weight = embeddings
    spec.decoder.projection.weight = embeddings
    spec.decoder.position_encodings.encodings = positions
    for part in (spec.encoder, spec.decoder):
        _norm(part.layer_norm)
        for layer in part.layer:
            _layer(layer, rng, scale)
    spec.register_vocabulary([tokenizer.id_to_token(i) for i in range(size)])
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [tokenizer.token_to_id("<|ta|>")]
    spec.config.alignment_heads = [[LAYERS - 1, head] for head in range(HEADS)]
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"feature_size": MELS, "sampling_rate": 16000, "hop_length": 160, "n_fft": 400})
    )
    chosen = {"suppress_tokens": [], "name": folder.name, "demo": True, **(facts or {})}
    (folder / "kural.json").write_text(json.dumps(chosen))
    return folder


def _tokenizer() -> Any:
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

    vocabulary = {piece: i for i, piece in enumerate(["", "<unk>", *PIECES])}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer


def _script(tokenizer: Any, says: str, embeddings: Array, prompt_tokens: int) -> Array:
    """Position vectors that make the decoder say ``says`` and stop."""
    ids = [tokenizer.token_to_id(char) for char in says.replace(" ", "▁")]
    assert None not in ids, "the made model lacks a letter"
    ids.append(tokenizer.token_to_id("<|endoftext|>"))
    wanted = [ids[min(max(0, step - prompt_tokens + 1), len(ids) - 1)] for step in range(448)]
    return np.ascontiguousarray(100 * embeddings[wanted])


def _layer(layer: Any, rng: np.random.Generator, scale: float) -> None:
    attention = layer.self_attention
    _linear(attention.linear[0], rng, 3 * WIDTH, WIDTH, scale)
    _linear(attention.linear[1], rng, WIDTH, WIDTH, scale)
    _norm(attention.layer_norm)
    if hasattr(layer, "attention"):
        for linear, width in zip(layer.attention.linear, (1, 2, 1), strict=True):
            _linear(linear, rng, width * WIDTH, WIDTH, scale)
        _norm(layer.attention.layer_norm)
    _norm(layer.ffn.layer_norm)
    _linear(layer.ffn.linear_0, rng, 4 * WIDTH, WIDTH, scale)
    _linear(layer.ffn.linear_1, rng, WIDTH, 4 * WIDTH, scale)


def _linear(spec: Any, rng: np.random.Generator, out: int, into: int, scale: float) -> None:
    spec.weight = (scale * _random(rng, out, into)).astype(np.float32)
    spec.bias = np.zeros(out, np.float32)


def _norm(spec: Any) -> None:
    spec.gamma = np.ones(WIDTH, np.float32)
    spec.beta = np.zeros(WIDTH, np.float32)


def _random(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)
