"""The channel part that EdgeNeXt, ConvNeXt and HorNet share: norm, expand, contract, scale."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.leaves import hidden_channels
from archsearch.blocks.live import LiveSet
from archsearch.blocks.norms import NORMS, LayerScale, Norm

# EdgeNeXt's fast variants replace layer norm and GELU together.
_ACTIVATION_WITH: Mapping[Norm, type[nn.Module]] = MappingProxyType(
    {"layer": nn.GELU, "batch": nn.Hardswish}
)


class ScaledMlp(nn.Module):
    """gamma * W2 act(W1 norm(x)), on each pixel: (B, C, H, W) to (B, C, H, W).

    ConvNeXt (arXiv 2201.03545) and EdgeNeXt (arXiv 2206.10589, the conv encoder). The linear
    layers are 1x1 convolutions, which need no transposition and which mobile runtimes like.
    """

    def __init__(self, channels: int, expand: float, norm: Norm = "layer") -> None:
        super().__init__()
        hidden = hidden_channels(channels, expand)
        self.norm = NORMS[norm](channels)
        self.expand = nn.Conv2d(channels, hidden, 1)
        self.activation = _ACTIVATION_WITH[norm]()
        self.contract = nn.Conv2d(hidden, channels, 1)
        self.scale = LayerScale(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Give the residual branch; the caller adds it to what its paper says."""
        hidden = self.activation(self.expand(self.norm(features)))
        branch: Tensor = self.scale(self.contract(hidden))
        return branch


def count_mlp(tally: Tally, channels: int, expand: float, pixels: int) -> None:
    """Count a ``ScaledMlp`` with either norm."""
    hidden = hidden_channels(channels, expand)
    tally.norm(channels)
    tally.pointwise(channels, hidden, pixels)
    tally.pointwise(hidden, channels, pixels)
    tally.params += channels  # layer scale


def follow_mlp(live: LiveSet, channels: int, expand: float, pixels: int) -> None:
    """Follow a ``ScaledMlp`` over a map that dies with its norm."""
    map_, hidden = channels * pixels, hidden_channels(channels, expand) * pixels
    live.replace(map_, hidden)
    live.replace(hidden, map_)
