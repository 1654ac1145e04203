"""The family of blocks that stands for a net, or for a part of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from archsearch.blocks.layer import Layer

CONVOLUTIONS_ONLY = "convolutions only"
_CONVOLUTIONS = frozenset({"conv_encoder", "inverted_residual", "bottleneck"})


def family_of(blocks: Iterable[Layer]) -> str:
    """The kind of block that stands for ``blocks``, which are in order from stem to head.

    It is the most frequent kind beside plain convolutions, which every net has; of two equally
    frequent ones, that which stands nearer to the head.
    """
    kinds = [_kind(block) for block in blocks]
    counts = Counter(kind for kind in reversed(kinds) if kind not in _CONVOLUTIONS)
    return counts.most_common(1)[0][0] if counts else CONVOLUTIONS_ONLY


def _kind(block: Layer) -> str:
    """A block's kind; a frame of circular convolutions or a block made circular counts as pacc."""
    circular = block.kind in _CONVOLUTIONS and getattr(block, "kernel", None) == "global"
    return "pacc" if circular or block.kind == "pacc_frame" else block.kind
