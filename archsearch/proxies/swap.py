"""swap: how many different patterns of images the units of an untrained network tell apart."""

from __future__ import annotations

from statistics import fmean

import torch
from torch import Tensor

from archsearch.proxies.passes.patterns import patterns
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy

IMAGES = 16
"""Images of a pattern, as in the authors' code: 2^16 patterns at most."""


def swap(probe: Probe) -> float:
    """Number of sample-wise activation patterns (SWAP: Peng et al. 2024, definitions 2 and 3).

    Each unit, a value that goes into a nonlinearity, has one bit for each image: whether that value
    is above 0. The score is the number of different bit strings over all units of all layers, here
    the mean over groups of ``IMAGES`` images (what is left over is not used; a smaller batch is one
    group). Higher is better.

    The paper's networks use ReLU and count maps only; here every nonlinearity counts, as in naswot.
    The authors draw all weights from a standard normal; here the net stands as it was built, which
    is the same wherever a batch norm follows. Their regularised variant, a bell curve over the
    number of parameters whose middle and width are set by hand for each space, is left out.

    Cost: one forward pass (shared), one product of B x N_A bits, and a table of 2^16 marks.

    Raises:
        ProxyFailed: one image only, no nonlinearity was called, or one mixes images.
    """
    layers = probe.of(patterns)
    count = len(probe.images)
    size = min(IMAGES, count)
    starts = range(0, count - size + 1, size)
    return fmean(_different([bits[start : start + size] for bits in layers]) for start in starts)


def _different(layers: list[Tensor]) -> int:
    """Count the different columns of all layers (images, units) together.

    A table of marks needs no sorting of the units.
    """
    size, device = len(layers[0]), layers[0].device
    seen = torch.zeros(2**size, dtype=torch.bool, device=device)
    values = 2.0 ** torch.arange(size, device=device)  # exact in float32: 16 bits
    for bits in layers:
        seen[(values @ bits.float()).long()] = True
    return int(seen.sum())


SWAP = Proxy("swap", "maximize", swap)
