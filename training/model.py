"""A small Whisper in torch: parameter names as in the usual checkpoints, plus a phoneme head.

The phoneme head reads the encoder at 50 Hz; it only helps training and is not exported.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEL_BANDS = 80
ENCODER_POSITIONS = 1500
DECODER_POSITIONS = 448


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the network."""

    vocabulary: int
    phonemes: int
    width: int = 192
    heads: int = 3
    encoder_layers: int = 4
    decoder_layers: int = 2
    position_scale: float = 0.1
    """Factor on the encoder's sinusoids; at 1.0 they drown the sound early in training."""

    def as_dict(self) -> dict[str, float]:
        """Return the sizes for a checkpoint."""
        return asdict(self)


class Attention(nn.Module):
    """Multi-head attention; keeps its weights where the guided-attention loss needs them."""

    def __init__(self, width: int, heads: int) -> None:
        """Make the four projections."""
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(
        self, x: Tensor, memory: Tensor | None = None, *, causal: bool = False, keep: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return the attended values and, with `keep`, head-averaged weights (B x L x T)."""
        batch, _, width = x.shape
        source = x if memory is None else memory

        def split(y: Tensor) -> Tensor:
            return y.view(batch, -1, self.heads, width // self.heads).transpose(1, 2)

        q, k, v = split(self.q_proj(x)), split(self.k_proj(source)), split(self.v_proj(source))
        # Written out, in the type of q: the fused kernel's backward pass took 40 % of a step on a
        # CPU, and autocast would copy the weights to float32 and back.
        with torch.autocast("cpu", enabled=False):
            scores = (q * (width // self.heads) ** -0.5) @ k.transpose(2, 3)
            if causal:
                length = x.shape[1]
                future = torch.ones(length, length, dtype=torch.bool).triu(1)
                scores = scores.masked_fill(future, float("-inf"))
            attention = scores.softmax(-1)
            out = (attention @ v).transpose(1, 2).reshape(x.shape)
        return self.out_proj(out), attention.float().mean(1) if keep else None


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, normalised before each."""

    def __init__(self, width: int, heads: int) -> None:
        """Make the layer's parts."""
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output, B x T x width."""
        x = x + self.self_attn(self.self_attn_layer_norm(x))[0]
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class DecoderLayer(EncoderLayer):
    """A layer that also looks at the encoder."""

    def __init__(self, width: int, heads: int) -> None:
        """Make the layer's parts."""
        super().__init__(width, heads)
        self.encoder_attn = Attention(width, heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)

    def forward(  # type: ignore[override]
        self, x: Tensor, memory: Tensor, *, keep: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the layer's output and, with `keep`, where it looked."""
        x = x + self.self_attn(self.self_attn_layer_norm(x), causal=True)[0]
        seen, weights = self.encoder_attn(self.encoder_attn_layer_norm(x), memory, keep=keep)
        x = x + seen
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))), weights


class Encoder(nn.Module):
    """Two convolutions (the second halves the rate), then layers."""

    def __init__(self, config: ModelConfig) -> None:
        """Make the encoder; positions are fixed sinusoids, scaled down."""
        super().__init__()
        width = config.width
        self.conv1 = nn.Conv1d(MEL_BANDS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(ENCODER_POSITIONS, width)
        self.embed_positions.weight.data = _sinusoids(width) * config.position_scale
        self.embed_positions.weight.requires_grad_(False)
        self.layers = nn.ModuleList(
            EncoderLayer(width, config.heads) for _ in range(config.encoder_layers)
        )
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """Return B x T/2 x width for features B x 80 x T."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(features)))).transpose(1, 2)
        x = x + self.embed_positions.weight[: x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.layer_norm(x)

    @torch.no_grad()
    def rescale(self, features: Tensor) -> None:
        """Scale both convolutions to unit output on real features; the start is slow without."""
        self.conv1.weight *= 1 / self.conv1(features).std()
        hidden = F.gelu(self.conv1(features))
        self.conv2.weight *= 1 / self.conv2(hidden).std()


class Decoder(nn.Module):
    """Token and learned position embeddings, layers, tied output."""

    def __init__(self, config: ModelConfig) -> None:
        """Make the decoder."""
        super().__init__()
        width = config.width
        self.embed_tokens = nn.Embedding(config.vocabulary, width)
        nn.init.normal_(self.embed_tokens.weight, std=width**-0.5)
        self.embed_positions = nn.Embedding(DECODER_POSITIONS, width)
        nn.init.normal_(self.embed_positions.weight, std=0.02)
        self.layers = nn.ModuleList(
            DecoderLayer(width, config.heads) for _ in range(config.decoder_layers)
        )
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B x L x vocabulary) and the last layer's attention (B x L x T/2)."""
        x = self.embed_tokens(tokens) + self.embed_positions.weight[: tokens.shape[1]]
        weights: Tensor | None = None
        for i, layer in enumerate(self.layers):
            x, weights = layer(x, memory, keep=i == len(self.layers) - 1)
        if weights is None:
            raise ValueError("the decoder has no layers")
        return F.linear(self.layer_norm(x), self.embed_tokens.weight), weights


class TinyWhisper(nn.Module):
    """Encoder, decoder and phoneme head."""

    def __init__(self, config: ModelConfig) -> None:
        """Make the network with torch's current random state."""
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.phoneme_head = nn.Linear(config.width, config.phonemes)

    def forward(self, features: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return token logits, phoneme logits (B x T/2 x phonemes) and attention weights."""
        memory = self.encoder(features)
        logits, weights = self.decoder(tokens, memory)
        return logits, self.phoneme_head(memory), weights


def _sinusoids(width: int) -> Tensor:
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(ENCODER_POSITIONS)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], 1)
