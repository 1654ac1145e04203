"""Two images as one: mixup and CutMix, with the loss of a mixed label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from archsearch.augment import spans


@dataclass(frozen=True, eq=False)
class Mixed:
    """A batch whose images are made of two.

    Attributes:
        images: (B, C, H, W).
        partner: (B,) index of the second image of each.
        share: (B,) what part of each is its first image.
    """

    images: Tensor
    partner: Tensor
    share: Tensor


def mix(images: Tensor, mixup: float, cutmix: float, generator: torch.Generator) -> Mixed:
    """Mix each image with another of its batch; ``mixup`` and ``cutmix`` are the alphas.

    With both above 0 the batch gets one of the two, as often as the other. All is drawn on the
    CPU, so that every device gets the same.
    """
    both = mixup > 0 and cutmix > 0
    cut = bool(torch.rand((), generator=generator) < 0.5) if both else cutmix > 0
    share = _beta(cutmix if cut else mixup, len(images), generator)
    partner = torch.randperm(len(images), generator=generator).to(images.device)
    return (_cut if cut else _blended)(images, partner, share, generator)


def mixed_cross_entropy(
    logits: Tensor, labels: Tensor, mixed: Mixed, label_smoothing: float
) -> Tensor:
    """Mean of share x loss of the first label + (1 - share) x loss of the second.

    Equal to the cross-entropy with the mixed, smoothed label as target (it is linear in that).
    """
    first, second = (
        F.cross_entropy(logits, target, reduction="none", label_smoothing=label_smoothing)
        for target in (labels, labels[mixed.partner])
    )
    return (mixed.share * first + (1 - mixed.share) * second).mean()


def _blended(images: Tensor, partner: Tensor, share: Tensor, _: torch.Generator) -> Mixed:
    """Mixup (Zhang et al. 2018, eq. 1): share x one image + (1 - share) x the other."""
    share = share.to(images.device)
    weight = share.view(-1, 1, 1, 1)
    return Mixed(weight * images + (1 - weight) * images[partner], partner, share)


def _cut(images: Tensor, partner: Tensor, share: Tensor, generator: torch.Generator) -> Mixed:
    """CutMix (Yun et al. 2019, eq. 1 and 2): a rectangle of the area 1 - share of the other.

    The rectangle has the image's proportions and lies within it, so that its area is what was
    drawn, up to whole pixels; ``share`` is counted in pixels.
    """
    height, width = images.shape[2:]
    side = (1 - share).sqrt()
    rows, columns = spans(side, height, generator), spans(side, width, generator)
    hole = (rows[:, :, None] & columns[:, None, :]).to(images.device)
    kept = 1 - hole.float().mean((1, 2))
    return Mixed(torch.where(hole[:, None], images[partner], images), partner, kept)


def _beta(alpha: float, count: int, generator: torch.Generator) -> Tensor:
    """Draws from Beta(alpha, alpha), which torch cannot draw from a generator of one's own."""
    seed = int(torch.randint(2**62, (), generator=generator))
    draws = np.random.default_rng(seed).beta(alpha, alpha, count)
    return torch.from_numpy(draws.astype(np.float32))
