"""Makes a VITS folder as transformers writes it: random weights, a vocabulary of Tamil letters."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

BLANK = "|"
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "ffn_dim": 64,
    "flow_size": 32,
    "spectrogram_bins": 33,
    "upsample_initial_channel": 64,
    "upsample_rates": [8, 8, 2, 2],
    "posterior_encoder_num_wavenet_layers": 1,
    "prior_encoder_num_flows": 2,
    "prior_encoder_num_wavenet_layers": 1,
    "duration_predictor_filter_channels": 32,
    "duration_predictor_num_flows": 2,
    "depth_separable_num_layers": 1,
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3, 5]],
}
"""Small enough for a test: 0.4 MB of weights."""


def vocabulary(letters: str = "") -> dict[str, int]:
    """Tamil letters and signs without digits, or those given; the blank is 0, as in MMS."""
    tamil = (chr(code) for code in range(0x0B82, 0x0BCE))
    known = letters or "".join(c for c in tamil if unicodedata.category(c)[0] in "LM")
    return {char: at for at, char in enumerate(dict.fromkeys(f"{BLANK} {known}"))}


def write_files(folder: Path, letters: str = "", **tokenizer: Any) -> Path:
    """The folder without its network: what can be checked without torch."""
    folder.mkdir(parents=True, exist_ok=True)
    words = vocabulary(letters)
    write(folder / "config.json", {"model_type": "vits", "vocab_size": len(words)})
    write(folder / "vocab.json", words)
    write(
        folder / "tokenizer_config.json",
        {"language": "tam", "phonemize": False, "is_uroman": False, "pad_token": BLANK}
        | {"add_blank": True, "normalize": True, "tokenizer_class": "VitsTokenizer"}
        | tokenizer,
    )
    (folder / "model.safetensors").write_bytes(b"\0" * 64)
    write_card(folder, "apache-2.0")
    return folder


def make_voice(folder: Path, letters: str = "", *, speakers: int = 1, **tokenizer: Any) -> Path:
    """The whole folder; needs torch and transformers."""
    import torch
    from transformers import VitsConfig, VitsModel

    write_files(folder, letters, **tokenizer)
    torch.manual_seed(1)
    size = len(vocabulary(letters))
    embedding = 16 if speakers > 1 else 0
    config = VitsConfig(
        vocab_size=size, num_speakers=speakers, speaker_embedding_size=embedding, **SHAPE
    )
    VitsModel(config).save_pretrained(folder)
    return folder


def write_card(folder: Path, licence: str) -> None:
    """The model card, with the licence where the hub looks for it."""
    front = f"---\nlicense: {licence}\n---\n" if licence else ""
    (folder / "README.md").write_text(f"{front}# A voice\n", encoding="utf-8")


def write(path: Path, data: dict[str, Any]) -> None:
    """One JSON file."""
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
