"""From the last map to the logits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from archsearch.blocks.counting import norm as norm_cost
from archsearch.blocks.counting import pointwise
from archsearch.blocks.layer import Cost
from archsearch.blocks.norms import ACTIVATIONS, Activation


class Classifier(nn.Module):
    """(B, C, H, W) to logits (B, classes)."""

    def __init__(self, head: Head, channels: int, classes: int) -> None:
        super().__init__()
        width = head.project or channels
        self.project = head.projection(channels) if head.project else nn.Identity()
        self.map_norm = nn.BatchNorm2d(width) if head.norm == "batch" else nn.Identity()
        self.norm = nn.LayerNorm(width, eps=1e-6) if head.norm == "layer" else nn.Identity()
        self.classify = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Project, pool, classify."""
        pooled = self.map_norm(self.project(features)).mean((2, 3))
        logits: Tensor = self.classify(self.norm(pooled))
        return logits


class Head(BaseModel):
    """Projection of the map, mean over its pixels, norm, linear classifier.

    EdgeNeXt, HorNet and ConvNeXt: mean, layer norm, linear. CMT, ParC-Net and MobileNetV2: the map
    is projected before the mean, without another norm. Dropout is left to the training recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    project: Annotated[int, Field(ge=1)] | None = None
    """Channels of a 1x1 convolution with batch norm and activation, before pooling."""
    activation: Activation = "silu"
    """Of the projection."""
    bias: bool = False
    """Of the projection's convolution; CMT has one, ParC-Net and MobileNetV2 have none."""
    norm: Literal["layer", "batch", "none"] = "layer"
    """``"layer"`` after pooling; ``"batch"`` before it, as in EdgeNeXt's fast variant."""

    def cost(self, channels: int, height: int, width: int, classes: int) -> Cost:
        """Closed-form cost on a map (channels, height, width)."""
        features = self.project or channels
        total = pointwise(features, classes, 1)
        if self.norm != "none":
            total += norm_cost(features)
        if self.project:
            total += pointwise(channels, features, height * width, bias=self.bias)
            total += norm_cost(features)
        return total

    def build(self, channels: int, classes: int) -> nn.Module:
        """Make the module: (B, channels, H, W) to (B, classes)."""
        return Classifier(self, channels, classes)

    def projection(self, channels: int) -> nn.Module:
        """Make the projection of the map."""
        width = self.project or channels
        return nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=self.bias),
            nn.BatchNorm2d(width),
            ACTIVATIONS[self.activation](),
        )
