"""From a checkpoint to the folder faster-whisper loads (CTranslate2, 8-bit)."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from ctranslate2.specs import common_spec, whisper_spec

from training.tokenizer import build_tokenizer

PREPROCESSOR = {
    "feature_size": 80,
    "sampling_rate": 16_000,
    "hop_length": 160,
    "n_fft": 400,
    "chunk_length": 30,
}
Weights = dict[str, np.ndarray]


def export(checkpoint: Path, folder: Path, quantization: str = "int8") -> None:
    """Write model.bin, config.json, vocabulary.json, tokenizer.json, preprocessor_config.json."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)
    config = state["config"]
    weights = {name: value.float().numpy() for name, value in state["model"].items()}
    heads, depth = int(config["heads"]), int(config["decoder_layers"])
    spec = whisper_spec.WhisperSpec(int(config["encoder_layers"]), heads, depth, heads)
    _fill_encoder(spec.encoder, weights)
    _fill_decoder(spec.decoder, weights)
    tokenizer = build_tokenizer()
    spec.register_vocabulary([tokenizer.id_to_token(i) for i in range(int(config["vocabulary"]))])
    # Nothing is suppressed: an empty transcript must be possible, and so must a bare word mark.
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [tokenizer.token_to_id("<|ta|>")]
    spec.config.alignment_heads = [[depth - 1, head] for head in range(heads)]
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    text = json.dumps(PREPROCESSOR, indent=2)
    (folder / "preprocessor_config.json").write_text(text + "\n", encoding="utf-8")


def publish(source: Path, folder: Path, facts: dict[str, object]) -> None:
    """Copy an exported model to `folder` and write kural.json with `facts` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("config.json", "vocabulary.json", "tokenizer.json", "preprocessor_config.json")
    for name in (*names, "model.bin"):
        fresh = folder / f".{name}.new"
        shutil.copyfile(source / name, fresh)
        fresh.replace(folder / name)
    digest = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
    text = json.dumps({**facts, "sha256_model_bin": digest}, indent=2, ensure_ascii=False)
    (folder / "kural.json").write_text(text + "\n", encoding="utf-8")


def _fill_encoder(spec: whisper_spec.WhisperEncoderSpec, weights: Weights) -> None:
    for name in ("conv1", "conv2"):
        convolution = getattr(spec, name)
        convolution.weight = weights[f"encoder.{name}.weight"]
        convolution.bias = weights[f"encoder.{name}.bias"]
    spec.position_encodings.encodings = weights["encoder.embed_positions.weight"]
    _norm(spec.layer_norm, weights, "encoder.layer_norm")
    for i, layer in enumerate(spec.layer):
        _layer(layer, weights, f"encoder.layers.{i}")


def _fill_decoder(spec: object, weights: Weights) -> None:
    spec.embeddings.weight = weights["decoder.embed_tokens.weight"]  # type: ignore[attr-defined]
    spec.projection.weight = spec.embeddings.weight  # type: ignore[attr-defined]
    positions = weights["decoder.embed_positions.weight"]
    spec.position_encodings.encodings = positions  # type: ignore[attr-defined]
    _norm(spec.layer_norm, weights, "decoder.layer_norm")  # type: ignore[attr-defined]
    for i, layer in enumerate(spec.layer):  # type: ignore[attr-defined]
        prefix = f"decoder.layers.{i}"
        _layer(layer, weights, prefix)
        attention = f"{prefix}.encoder_attn"
        _linear(layer.attention.linear[0], weights, f"{attention}.q_proj")
        _linear(layer.attention.linear[1], weights, f"{attention}.k_proj", f"{attention}.v_proj")
        _linear(layer.attention.linear[2], weights, f"{attention}.out_proj")
        _norm(layer.attention.layer_norm, weights, f"{attention}_layer_norm")


def _layer(layer: object, weights: Weights, prefix: str) -> None:
    own = layer.self_attention  # type: ignore[attr-defined]
    attention = f"{prefix}.self_attn"
    parts = (f"{attention}.q_proj", f"{attention}.k_proj", f"{attention}.v_proj")
    _linear(own.linear[0], weights, *parts)
    _linear(own.linear[1], weights, f"{attention}.out_proj")
    _norm(own.layer_norm, weights, f"{attention}_layer_norm")
    forward = layer.ffn  # type: ignore[attr-defined]
    _norm(forward.layer_norm, weights, f"{prefix}.final_layer_norm")
    _linear(forward.linear_0, weights, f"{prefix}.fc1")
    _linear(forward.linear_1, weights, f"{prefix}.fc2")


def _linear(spec: common_spec.LinearSpec, weights: Weights, *names: str) -> None:
    matrices = [weights[f"{name}.weight"] for name in names]
    biases = [
        weights.get(f"{name}.bias", np.zeros(len(matrix), np.float32))
        for name, matrix in zip(names, matrices, strict=True)
    ]
    spec.weight, spec.bias = np.concatenate(matrices), np.concatenate(biases)


def _norm(spec: common_spec.LayerNormSpec, weights: Weights, name: str) -> None:
    spec.gamma, spec.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def main() -> None:
    """Export a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quantization", default="int8")
    args = parser.parse_args()
    export(args.checkpoint, args.folder, args.quantization)


if __name__ == "__main__":
    main()
