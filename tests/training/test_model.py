"""The network, its learning-rate plan and its export to the folder faster-whisper loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs a training-only package: torch")
for package in ("ctranslate2", "faster_whisper", "soxr", "espeakng_loader", "jiwer"):
    pytest.importorskip(package, reason=f"needs a training-only package: {package}")

from training.export import export, publish  # noqa: E402
from training.model import ModelConfig, TinyWhisper  # noqa: E402
from training.tokenizer import build_tokenizer  # noqa: E402
from training.train import LEARNING_RATE, compute_losses, learning_rate, without_layer  # noqa: E402


def small_model() -> TinyWhisper:
    torch.manual_seed(1)
    vocabulary = build_tokenizer().get_vocab_size()
    return TinyWhisper(ModelConfig(vocabulary, phonemes=5, width=64, heads=1))


def test_the_learning_rate_warms_up_stays_and_falls() -> None:
    assert learning_rate(0, 0.0) < LEARNING_RATE / 100
    assert learning_rate(1000, 0.2) == LEARNING_RATE
    assert learning_rate(9000, 0.7) == pytest.approx(LEARNING_RATE / 2)
    assert 0 < learning_rate(9000, 1.0) < LEARNING_RATE / 20


def test_one_step_lowers_all_three_losses_on_its_own_batch() -> None:
    model = small_model()
    features = torch.randn(2, 80, 100)
    tokens = torch.tensor([[370, 371, 373, 377, 2, 30, 369], [370, 371, 373, 377, 2, 31, 369]])
    phonemes = torch.randint(0, 5, (2, 50))
    spans = torch.full((2, 6, 2), -1.0)
    spans[:, 3:5] = torch.tensor([[0.1, 0.3], [0.3, 0.6]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    totals = []
    for _ in range(12):
        logits, frames, weights = model(features, tokens[:, :-1])
        losses = compute_losses(
            logits, frames, weights, tokens, phonemes, spans, silence=0, part=0.0
        )
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        totals.append(losses.total.item())
    assert totals[-1] < 0.8 * totals[0]


def test_an_export_loads_as_a_multilingual_whisper_model(tmp_path: Path) -> None:
    import ctranslate2

    model = small_model()
    state = {"config": model.config.as_dict(), "model": model.state_dict()}
    torch.save(state, tmp_path / "checkpoint.pt")
    export(tmp_path / "checkpoint.pt", tmp_path / "model")
    publish(tmp_path / "model", tmp_path / "public", {"name": "test"})
    loaded = ctranslate2.models.Whisper(str(tmp_path / "public"), device="cpu")
    assert loaded.is_multilingual
    names = {path.name for path in (tmp_path / "public").iterdir()}
    assert names >= {"model.bin", "tokenizer.json", "preprocessor_config.json", "kural.json"}


def test_a_network_without_a_layer_keeps_all_others_in_order() -> None:
    whole = small_model()
    config = replace(whole.config, encoder_layers=whole.config.encoder_layers - 1)
    pruned = TinyWhisper(config)
    pruned.load_state_dict(without_layer(whole.state_dict(), 0))
    for i, layer in enumerate(pruned.encoder.layers):
        kept, was = layer.state_dict(), whole.encoder.layers[i + 1].state_dict()
        assert all(torch.equal(kept[name], was[name]) for name in was)
    assert torch.equal(pruned.decoder.embed_tokens.weight, whole.decoder.embed_tokens.weight)
