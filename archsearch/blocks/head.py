"""From the last map to the logits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from archsearch.blocks.counting import Cost, Tally
from archsearch.blocks.leaves import Epsilon
from archsearch.blocks.live import LiveSet
from archsearch.blocks.norms import ACTIVATIONS, Activation, LayerNorm2d
from archsearch.blocks.operators import Operator, Operators, loose_activation, product
from archsearch.blocks.operators import activation as activation_operator
from archsearch.blocks.operators import layer_norm as layer_norm_operators


class Classifier(nn.Module):
    """(B, C, H, W) to logits (B, classes)."""

    def __init__(self, head: Head, channels: int, classes: int) -> None:
        super().__init__()
        width = head.project or channels
        self.project = head.projection(channels) if head.project else nn.Identity()
        self.map_norm = head.norm_of_map(width)
        self.first = head.pool == "first"
        self.norm = nn.LayerNorm(width, eps=head.eps) if head.norm == "layer" else nn.Identity()
        self.classify = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Project, pool, classify."""
        normed = self.map_norm(self.project(features))
        pooled = normed[:, :, 0, 0] if self.first else normed.mean((2, 3))
        logits: Tensor = self.classify(self.norm(pooled))
        return logits


class Head(BaseModel):
    """Projection of the map, pooling of its pixels, norm, linear classifier.

    EdgeNeXt, HorNet and ConvNeXt: mean, layer norm, linear. CMT, ParC-Net and MobileNetV2: the map
    is projected before the mean, without another norm. Swin and DeiT: layer norm of each pixel,
    then the mean or the class token. Dropout is left to the training recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    project: Annotated[int, Field(ge=1)] | None = None
    """Channels of a 1x1 convolution with batch norm and activation, before pooling."""
    activation: Activation = "silu"
    """Of the projection."""
    bias: bool = False
    """Of the projection's convolution; CMT has one, ParC-Net and MobileNetV2 have none."""
    norm: Literal["layer", "batch", "batch_relu", "pixel", "none"] = "layer"
    """``"layer"`` after pooling; ``"batch"`` before it, as in EdgeNeXt's fast variant, or with a
    ReLU behind it, as in NAS-Bench-201; ``"pixel"``: layer norm of each pixel before pooling, as in
    Swin and DeiT."""
    pool: Literal["mean", "first"] = "mean"
    """``"first"`` takes the map's first position: the class token, after ``tokens``."""
    eps: Epsilon = 1e-6
    """Of ``"layer"`` and ``"pixel"``; Swin has 1e-5."""

    def problem(self) -> str | None:
        """Say which leaf has no effect beside the others, or None."""
        idle = [] if self.project else ["activation", "bias"]
        if self.norm not in ("layer", "pixel"):
            idle.append("eps")
        for leaf in idle:
            if getattr(self, leaf) != type(self).model_fields[leaf].default:
                part = f"norm: {self.norm}" if leaf == "eps" else "no projection"
                return f"{leaf} has no effect with {part}; leave it out"
        return None

    def cost(self, channels: int, height: int, width: int, classes: int) -> Cost:
        """Closed-form cost on a map (channels, height, width)."""
        tally, features = Tally(), self.project or channels
        if self.project:
            tally.pointwise(channels, features, height * width, bias=self.bias)
            tally.norm(features)
        if self.norm != "none":
            tally.norm(features)
        tally.pointwise(features, classes, 1)
        return tally.cost()

    def live(self, channels: int, height: int, width: int, classes: int) -> int:
        """Elements of the largest live set on a map (channels, height, width); see ``Layer``."""
        features, pixels = self.project or channels, height * width
        live = LiveSet(channels * pixels)
        if self.project:
            live.replace(channels * pixels, features * pixels)
        if self.pool == "mean" or (self.norm == "layer" and pixels > 1):
            live.replace(features * pixels, features)
        live.replace(live.now, classes)
        return live.most

    def operators(self, channels: int, height: int, width: int, classes: int) -> Operators:
        """What a runtime executes on a map (channels, height, width); see ``Layer``."""
        features, pixels = self.project or channels, height * width
        found: list[Operator] = []
        if self.project:
            found.append(product(channels, features, pixels))
            found += activation_operator(self.activation, features, pixels)
        if self.norm in ("batch", "batch_relu"):
            found.append(Operator("scale", features, pixels))
        if self.norm == "batch_relu":
            found.append(loose_activation("relu", features, pixels))
        if self.norm == "pixel":
            found += layer_norm_operators(features, pixels)
        if self.pool == "mean":
            found += [Operator("pack", features, pixels), Operator("mean", features, pixels)]
        if self.norm == "layer":
            found.append(Operator("norm", features, 1))
        return (*found, product(features, classes, 1))

    def build(self, channels: int, classes: int) -> nn.Module:
        """Make the module: (B, channels, H, W) to (B, classes)."""
        return Classifier(self, channels, classes)

    def norm_of_map(self, width: int) -> nn.Module:
        """Make the norm that stands before pooling, if one does."""
        match self.norm:
            case "batch":
                return nn.BatchNorm2d(width)
            case "batch_relu":
                return nn.Sequential(nn.BatchNorm2d(width), nn.ReLU())
            case "pixel":
                return LayerNorm2d(width, self.eps)
        return nn.Identity()

    def projection(self, channels: int) -> nn.Module:
        """Make the projection of the map."""
        width = self.project or channels
        return nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=self.bias),
            nn.BatchNorm2d(width),
            ACTIVATIONS[self.activation](),
        )
