"""Training-free scores. A new one is one file and one line in ``PROXIES``."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from archsearch.errors import InputError, nearest
from archsearch.proxies.naswot import NASWOT
from archsearch.proxies.proxy import Proxy, ProxyFailed, ProxyScore
from archsearch.proxies.synflow import SYNFLOW
from archsearch.seeds import derive

__all__ = ["PROXIES", "Proxy", "ProxyFailed", "ProxyScore", "score_all"]

PROXIES: dict[str, Proxy] = {proxy.name: proxy for proxy in (NASWOT, SYNFLOW)}


def score_all(
    module: nn.Module, images: Tensor, labels: Tensor, names: Iterable[str], seed: int
) -> dict[str, ProxyScore]:
    """Score ``module`` with each proxy of ``names``; the module stays exactly as it was.

    Args:
        module: (B, 3, H, W) to (B, classes).
        images: a normalised batch (B, 3, H, W) float32 on the module's device.
        labels: (B,) int64.
        names: keys of ``PROXIES``.
        seed: of the proxies that draw random numbers; the global state is left as it was.

    Raises:
        InputError: a name is not in ``PROXIES``.
        ProxyFailed: a score is not finite; says why.
    """
    scores = {}
    for name in names:
        if name not in PROXIES:
            raise InputError(f"there is no proxy {name!r}; {nearest(name, PROXIES)}")
        start = time.perf_counter()
        with torch.random.fork_rng([images.device] if images.is_cuda else []):
            torch.manual_seed(derive(seed, "proxy", name))
            value = PROXIES[name].score(module, images, labels)
        if not math.isfinite(value):
            raise ProxyFailed(f"{name}: the score is {value}")
        scores[name] = ProxyScore(value, time.perf_counter() - start)
    return scores
