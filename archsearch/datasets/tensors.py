"""Images as tensors: resized once, kept as bytes, normalised when a batch is made."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from archsearch.datasets.images import UInt8Array

Resolution = int | tuple[int, int]
"""Height and width in pixels, or one number for both."""

_CHUNK = 512


def resized(x: UInt8Array, resolution: Resolution) -> Tensor:
    """Turn (N, H, W, C) uint8 images into a (N, C, *resolution) uint8 tensor.

    Bilinear with antialiasing, rounded to the nearest level. In chunks, because the interpolation
    needs floats: four times the memory of the bytes.
    """
    size = (resolution, resolution) if isinstance(resolution, int) else resolution
    planes = torch.from_numpy(x).permute(0, 3, 1, 2)
    if planes.shape[2:] == size:
        return planes.contiguous()
    chunks = [
        F.interpolate(chunk.float(), size, mode="bilinear", antialias=True)
        for chunk in torch.split(planes, _CHUNK)
    ]
    return torch.cat([chunk.round_().clamp_(0, 255).to(torch.uint8) for chunk in chunks])


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Mean and standard deviation of each channel over the training images, (1, C, 1, 1)."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, planes: Tensor) -> Normalisation:
        """Measure (N, C, H, W) uint8 images. A constant channel gets a deviation of one level."""
        sums = torch.stack([planes.sum((0, 2, 3)), planes.long().square().sum((0, 2, 3))]).double()
        mean, square = sums / (planes.numel() / planes.shape[1])
        std = (square - mean.square()).clamp_min(1.0).sqrt()
        return cls(mean.float().view(1, -1, 1, 1), std.float().view(1, -1, 1, 1))

    def __call__(self, planes: Tensor) -> Tensor:
        """Turn uint8 images into floats of mean 0 and deviation 1 over the training set."""
        return (planes.float() - self.mean) / self.std
