"""Random changes to whole batches of training images."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F

Fraction = Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

_ERASED_AREA = (0.02, 0.33)
_ERASED_ASPECT = (0.3, 3.3)


class Augmentation(BaseModel):
    """How strongly images are changed; 0 switches a change off.

    Attributes:
        flip: probability of a horizontal flip. Keep it 0 for digits and letters.
        rotation: largest rotation in degrees, either way.
        scale: largest relative change of size, smaller or larger.
        translation: largest translation as a fraction of the side, to fractions of a pixel.
        shift: largest shift in whole pixels as a fraction of the side (a crop of the padded image).
        erasing: probability that a rectangle is erased (Zhong et al. 2020; area 2 to 33 %).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    flip: Probability = 0.0
    rotation: Annotated[float, Field(ge=0, le=180, allow_inf_nan=False)] = 0.0
    scale: Fraction = 0.0
    translation: Fraction = 0.0
    shift: Fraction = 0.0
    erasing: Probability = 0.0


def augment(batch: Tensor, strengths: Augmentation, generator: torch.Generator) -> Tensor:
    """Change each image of a normalised float batch (B, C, H, W) at random; same shape.

    What comes in over the border is the image's reflection. Erased pixels are 0, the mean colour.
    """
    if strengths.flip:
        batch = _flipped(batch, strengths.flip, generator)
    if strengths.rotation or strengths.scale or strengths.translation:
        batch = _affine(batch, strengths, generator)
    if strengths.shift:
        batch = _shifted(batch, strengths.shift, generator)
    if strengths.erasing:
        batch = _erased(batch, strengths.erasing, generator)
    return batch


def _flipped(batch: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    chosen = _uniform(batch, generator) < probability
    return torch.where(chosen.view(-1, 1, 1, 1), batch.flip(3), batch)


def _affine(batch: Tensor, strengths: Augmentation, generator: torch.Generator) -> Tensor:
    angle = _uniform(batch, generator, math.radians(strengths.rotation))
    zoom = 1 + _uniform(batch, generator, strengths.scale)
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    # The grid runs from -1 to 1, so a fraction of the side counts twice.
    right, down = (_uniform(batch, generator, 2 * strengths.translation) for _ in range(2))
    tall = batch.shape[2] / batch.shape[3]
    theta = torch.stack([cosine, -sine * tall, right, sine / tall, cosine, down], 1).view(-1, 2, 3)
    grid = F.affine_grid(theta, list(batch.shape), align_corners=False)
    return F.grid_sample(batch, grid, padding_mode="reflection", align_corners=False)


def _shifted(batch: Tensor, fraction: float, generator: torch.Generator) -> Tensor:
    count, _, height, width = batch.shape
    rows = _shifted_indices(count, height, fraction, generator).to(batch.device)
    columns = _shifted_indices(count, width, fraction, generator).to(batch.device)
    image = torch.arange(count, device=batch.device).view(-1, 1, 1)
    return batch.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].permute(
        0, 3, 1, 2
    )


def _shifted_indices(count: int, side: int, fraction: float, generator: torch.Generator) -> Tensor:
    """Source index of each target index (count, side), reflected at the borders."""
    most = min(round(fraction * side), side - 1)
    offset = torch.randint(-most, most + 1, (count, 1), generator=generator)
    source = (torch.arange(side) + offset).abs()
    return torch.where(source < side, source, 2 * (side - 1) - source)


def _erased(batch: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    height, width = batch.shape[2:]
    area = torch.empty(len(batch)).uniform_(*_ERASED_AREA, generator=generator)
    aspect = torch.empty(len(batch)).uniform_(
        math.log(_ERASED_ASPECT[0]), math.log(_ERASED_ASPECT[1]), generator=generator
    )
    area = area * (torch.rand(len(batch), generator=generator) < probability)
    rows = spans(area.sqrt() * (aspect / 2).exp(), height, generator)
    columns = spans(area.sqrt() * (-aspect / 2).exp(), width, generator)
    hole = rows[:, None, :, None] & columns[:, None, None, :]
    return batch.masked_fill(hole.to(batch.device), 0.0)


def spans(fraction: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Mask (B, side) that is true on one run of ``fraction`` x side pixels at a random place."""
    length = (fraction * side).round().clamp(max=side)
    start = (torch.rand(len(fraction), generator=generator) * (side - length + 1)).floor()
    pixel = torch.arange(side)
    return (pixel >= start[:, None]) & (pixel < (start + length)[:, None])


def _uniform(batch: Tensor, generator: torch.Generator, most: float | None = None) -> Tensor:
    """One number an image, in [0, 1), or in [-most, most): drawn on the CPU on every device."""
    draw = torch.rand(len(batch), generator=generator)
    return (draw if most is None else (2 * draw - 1) * most).to(batch.device)
