"""Activation patterns: which images switch which units on."""

from __future__ import annotations

from torch import Tensor

from archsearch.proxies.passes.responses import responses
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import ProxyFailed


def patterns(probe: Probe) -> list[Tensor]:
    """The bits "input of the nonlinearity > 0" of each layer of units, each (B, units) bool.

    Raises:
        ProxyFailed: one image only, no nonlinearity was called, or one mixes images.
    """
    count = len(probe.images)
    if count < 2:
        raise ProxyFailed(f"activation patterns compare images: 2 are needed, got {count}")
    signs = probe.of(responses).signs
    if not signs:
        raise ProxyFailed("no nonlinearity was seen; the network must call one, as ReLU or GELU")
    for sign in signs:
        if len(sign) % count:
            shape = tuple(sign.shape)
            raise ProxyFailed(f"a nonlinearity got {shape} for a batch of {count} images")
    return [sign.reshape(count, -1) for sign in signs]
