"""Makes a Whisper folder as transformers writes it: random weights, slow tokenizer files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|ta|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nocaptions|>",
    "<|notimestamps|>",
)
TIMESTAMPS = 1501
MELS = 80
TEXT = "எங்க தெருவில மூணு நாளா தண்ணி வரல, EB office!"


def make_checkpoint(folder: Path, *, legacy: bool = False) -> Path:
    """Write one with vocab.json and merges.txt but no tokenizer.json.

    Args:
        folder: does not exist yet.
        legacy: as fine-tunes of 2022 look: a pickle, and the generation's settings in config.json.
    """
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    folder.mkdir(parents=True)
    vocabulary = write_tokenizer(folder)
    torch.manual_seed(3)
    config = WhisperConfig(
        vocab_size=vocabulary + TIMESTAMPS,
        d_model=64,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        num_mel_bins=MELS,
        pad_token_id=vocabulary - len(SPECIAL),
        bos_token_id=vocabulary - len(SPECIAL),
        eos_token_id=vocabulary - len(SPECIAL),
        decoder_start_token_id=vocabulary - len(SPECIAL) + 1,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config)
    model.save_pretrained(folder)
    if legacy:
        _age(folder, model)
    return folder


def write_tokenizer(folder: Path) -> int:
    """Byte-level vocabulary with a few merges; returns its size without timestamps."""
    letters = _byte_letters()
    pieces = [letters[byte] for byte in sorted(letters)]
    space, tamil = letters[32], "".join(letters[byte] for byte in "த".encode())
    merges = [(tamil[0], tamil[1]), (tamil[:2], tamil[2]), (space, tamil)]
    pieces += [first + second for first, second in merges]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    vocabulary[SPECIAL[0]] = len(vocabulary)  # in both files, as in the published ones
    added = {token: len(pieces) + i for i, token in enumerate(SPECIAL)}
    write(folder / "vocab.json", vocabulary)
    write(folder / "added_tokens.json", {k: v for k, v in added.items() if k != SPECIAL[0]})
    lines = [f"{first} {second}" for first, second in merges]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n", "utf-8")
    special = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), SPECIAL[0])
    write(
        folder / "special_tokens_map.json",
        {**special, "additional_special_tokens": list(SPECIAL)},
    )
    write(folder / "tokenizer_config.json", {**special, "tokenizer_class": "WhisperTokenizer"})
    return len(pieces) + len(SPECIAL)


def write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def _age(folder: Path, model: Any) -> None:
    import torch

    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    (folder / "generation_config.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    config |= {"forced_decoder_ids": None, "suppress_tokens": [], "max_length": 448}
    write(folder / "config.json", config | {"torch_dtype": "float32", "use_cache": False})


def _byte_letters() -> dict[int, str]:
    """GPT-2's letters for bytes, as every Whisper vocabulary writes them."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {
        **{byte: chr(byte) for byte in shown},
        **{byte: chr(256 + n) for n, byte in enumerate(hidden)},
    }
