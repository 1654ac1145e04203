"""jacob_cov: how differently the untrained network's outputs hang on different images."""

from __future__ import annotations

import torch
from torch import Tensor

from archsearch.proxies.passes.gradients import (
    Halves,
    by,
    forwards,
    forwards_in_double,
    in_range,
)
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy

_STABILISER = 1e-5  # k of the paper


def jacob_cov(probe: Probe) -> float:
    """-sum (log(v + k) + 1 / (v + k)) of the eigenvalues v (Mellor et al. 2020, v1, eq. 2-4).

    Of the correlation matrix of the images' Jacobians: row i is the gradient of the sum of image
    i's logits by its pixels, centred and of unit length; k is 1e-5. All v are 1 where no two images
    have anything in common. Higher is better.

    Images on which nothing depends (a net whose output is cut off) count as all alike. The batch is
    taken in two halves, see ``grad_norm``.

    Cost: one forward pass and one backward pass to the images alone.

    Raises:
        ProxyFailed: fewer than 4 images.
    """
    values = torch.linalg.eigvalsh(_correlation(probe.of(_jacobians).flatten(1).double()))
    shifted = values.clamp(min=0) + _STABILISER
    return -float((shifted.log() + 1 / shifted).sum())


def _jacobians(probe: Probe) -> Tensor:
    """Gradient of the sum of each image's logits by its pixels, (B, 3, H, W)."""
    found = _by_pixels(probe.of(forwards))
    return found if in_range([found]) else _by_pixels(probe.of(forwards_in_double))


def _by_pixels(halves: Halves) -> Tensor:
    total = torch.stack([logits.sum() for logits in halves.logits]).sum()
    return torch.cat(by(total, halves.images, retain_graph=True))


def _correlation(rows: Tensor) -> Tensor:
    centred = rows - rows.mean(1, keepdim=True)
    norms = centred.norm(dim=1)
    unit = centred / torch.where(norms > 0, norms, 1)[:, None]
    constant = (norms == 0).double()
    return unit @ unit.T + torch.outer(constant, constant)


JACOB_COV = Proxy("jacob_cov", "maximize", jacob_cov)
