"""Pre-norm transformer layers over tokens, as ViT, Swin and MobileViT have them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Site
from archsearch.blocks.leaves import residual_problem
from archsearch.blocks.live import LiveSet


class Attention(nn.Module):
    """Multi-head self-attention over tokens, ``softmax(q k^T / sqrt(d / heads) + bias) v``.

    Written as plain products: PyTorch's FLOP counter does not see the fused kernel on a CPU.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        """Map (..., N, C) to the same shape; ``bias`` (..., heads, N, N) is added to the scores."""
        *leading, count, channels = tokens.shape
        qkv = self.qkv(tokens).reshape(*leading, count, 3, self.heads, channels // self.heads)
        q, k, v = (part.transpose(-3, -2) for part in qkv.unbind(-3))
        scores = q @ k.transpose(-2, -1) * (channels // self.heads) ** -0.5
        if bias is not None:
            scores = scores + bias
        mixed = (scores.softmax(dim=-1) @ v).transpose(-3, -2).reshape(tokens.shape)
        projected: Tensor = self.project(mixed)
        return projected


class TransformerLayer(nn.Module):
    """Pre-norm transformer layer: attention, then a feed-forward part."""

    def __init__(
        self,
        channels: int,
        heads: int,
        hidden: int,
        *,
        activation: type[nn.Module] = nn.SiLU,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(channels, eps=eps)
        self.attention = Attention(channels, heads)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(channels, eps=eps),
            nn.Linear(channels, hidden),
            activation(),
            nn.Linear(hidden, channels),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to the same shape."""
        attended: Tensor = tokens + self.attention(self.attention_norm(tokens))
        fed: Tensor = attended + self.feed_forward(attended)
        return fed


def count_attention(
    tally: Tally, channels: int, heads: int, tokens: int, sequences: int = 1
) -> None:
    """Count an ``Attention`` over ``sequences`` of ``tokens`` each, and the norm before it."""
    per_head, batch = channels // heads, sequences * heads
    tally.norm(channels)
    tally.pointwise(channels, 3 * channels, sequences * tokens)  # queries, keys and values
    tally.matmul(tokens, per_head, tokens, batch=batch)
    tally.matmul(tokens, tokens, per_head, batch=batch)
    tally.pointwise(channels, channels, sequences * tokens)


def count_feed_forward(tally: Tally, channels: int, hidden: int, tokens: int) -> None:
    """Count a ``TransformerLayer``'s feed-forward part and its norm."""
    tally.norm(channels)
    tally.pointwise(channels, hidden, tokens)
    tally.pointwise(hidden, channels, tokens)


def follow_transformer(live: LiveSet, tokens: int, scores: int, hidden: int) -> None:
    """Follow a ``TransformerLayer`` over ``tokens`` elements; see the parts for the others."""
    live.write(tokens)
    follow_attention(live, tokens, scores)
    live.free(tokens)
    follow_feed_forward(live, tokens, hidden)


def follow_attention(live: LiveSet, tokens: int, scores: int) -> None:
    """Follow an ``Attention`` over ``tokens`` elements that die with it; it makes ``scores``."""
    live.replace(tokens, 3 * tokens)
    live.write(scores)
    live.replace(3 * tokens + scores, tokens)
    live.replace(tokens, tokens)


def follow_feed_forward(live: LiveSet, tokens: int, hidden: int) -> None:
    """Follow ``tokens`` elements plus the feed-forward part of them, with ``hidden`` elements."""
    live.write(tokens)
    live.replace(tokens, hidden)
    live.replace(hidden, tokens)
    live.free(tokens)


def heads_problem(site: Site, heads: int) -> str | None:
    """Say why attention with ``heads`` cannot stand in a residual block at ``site``, or None."""
    if site.channels % heads:
        return f"{site.channels} channels do not divide by heads: {heads}; change one of them"
    return residual_problem(site)


def map_of(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Lay tokens (B, H W, C) out as a map (B, C, H, W), row by row."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[-1], *size)


def tokens_of(features: Tensor) -> Tensor:
    """Undo ``map_of``: (B, C, H, W) to (B, H W, C)."""
    return torch.flatten(features, 2).transpose(1, 2)
