"""naswot: how differently the untrained network's activations answer to different images."""

from __future__ import annotations

import torch
from torch import Tensor

from archsearch.proxies.passes.patterns import patterns
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy

RIDGE = 1.0
"""Added to the kernel's diagonal, as if one more unit told every image from every other.

A kernel of a hundred thousand units does not notice it; one in which two images share all bits is
singular, and gets a finite low score instead of minus infinity.
"""


def naswot(probe: Probe) -> float:
    """Log-determinant of the kernel of binary activation patterns (Mellor et al. 2021, eq. 1, 2).

    With c_i the bits "input of the nonlinearity > 0" of image i over all N_A units, the kernel is
    K_ij = N_A - hamming(c_i, c_j), and the score is log det(K + RIDGE I). Higher is better.

    The paper's networks use ReLU. Here the sign of the input of any nonlinearity counts (the table
    ``passes.responses.NONLINEARITIES``), called as a module or as a function, for GELU, SiLU and
    Hardswish are linear far from 0 and gated at it, as ReLU is. Products of two maps and softmax
    have no threshold and are not seen. Batch norms use the batch's own statistics, as in the
    authors' code; dropout and stochastic depth are off.

    Cost: one forward pass (shared), and a B x B x N_A matrix product.

    Raises:
        ProxyFailed: one image only, no nonlinearity was called, or one mixes images.
    """
    count = len(probe.images)
    kernel = RIDGE * torch.eye(count, dtype=torch.float64, device=probe.images.device)
    for bits in probe.of(patterns):
        kernel += _agreement(bits)
    return float(torch.linalg.slogdet(kernel.cpu()).logabsdet)


def _agreement(bits: Tensor) -> Tensor:
    """Number of equal bits of each two images, (B, B) float64.

    With bits written as -1 and 1 one product gives equal minus unequal bits. It is exact in
    float32 up to 2^24 units a layer.
    """
    signs = bits.float() * 2 - 1
    return (signs.shape[1] + (signs @ signs.T)).double() / 2


NASWOT = Proxy("naswot", "maximize", naswot)
