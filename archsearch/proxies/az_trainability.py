"""az_trainability: whether gradients keep their size from block to block."""

from __future__ import annotations

from statistics import fmean

from archsearch.proxies.passes.walk import walk
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy, ProxyFailed

_SMALLEST = 1e-6
"""Added to a spectral norm before it is divided by, as in the authors' code."""


def az_trainability(probe: Probe) -> float:
    """Mean over blocks of how near their Jacobian's norm is to 1 (AZ-NAS: Lee et al. 2024).

    For each block behind the stem, signs g_out = +-1 are drawn for its output and sent back through
    it: g_in = J^T g_out. A = mean over images and positions of g_in g_out^T, C_in x C_out, is the
    part of J^T that stays at a position (it tends to W^T for a 1x1 convolution W). With s its
    largest singular value the block has 2 - s - 1 / (s + 1e-6), at most 0, which s = 1 reaches
    (to 1e-6). Higher is better.

    Where a block makes the map smaller by k, the k x k positions of the input that belong to one of
    the output count as channels. A block whose output has more positions than its input has no such
    matching and is left out (that which writes a map as a row of tokens).

    A block through which nothing flows has s = 0 and about -1e6. One that gives its input back, as
    a cell of one skip does, would have the best of all norms; the authors give it minus infinity,
    here it counts as s = 0, so that the score stays finite and such nets are still last.

    Cost: one forward pass, and one backward pass without the weights' gradients (shared with the
    other two).

    Raises:
        ProxyFailed: no block behind the first gives a map.
    """
    norms = probe.of(walk).norms
    if not norms:
        raise ProxyFailed("az_trainability needs a block behind the first that maps a map to a map")
    return fmean(2 - norm - 1 / (norm + _SMALLEST) for norm in (norm or 0.0 for norm in norms))


AZ_TRAINABILITY = Proxy("az_trainability", "maximize", az_trainability)
