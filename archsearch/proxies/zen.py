"""zen: how much the features of a network with random weights answer to a small change."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from archsearch.blocks.norms import LayerNorm2d
from archsearch.proxies.passes.blocks import blocks, map_of, use_batch_statistics
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy, ProxyFailed, scoring_copy

PERTURBATION = 0.01
"""Size of the change by the size of the input, as in the authors' code."""


def zen(probe: Probe) -> float:
    """Logarithm of the Gaussian complexity of the features (Zen-NAS: Lin et al. 2021, alg. 1).

    With weights, x and e drawn from standard normals and f the output of the last block, before it
    is pooled, the score is log E ||f(x) - f(x + 0.01 e)||_1 + sum over norms of log sigma, where
    sigma is what the norm divides by. The sum gives back what norms take out, so that the score
    grows with depth and width. Higher is better. The images give the size and their number only.

    The paper's networks have convolutions and batch norms, sigma^2 being the mean over channels of
    the batch's variance. Here every weight of two axes or more is drawn, those of circular
    convolutions and spectral filters included, biases are 0, and what has no such name (position
    tables, class tokens) stands as built. A layer norm divides as well, each pixel by its own
    deviation: its sigma^2 is the mean over pixels of their variance over channels. The epsilon of
    a norm is part of sigma^2, as it is of what the norm divides by; a norm that gets what does not
    vary at all takes nothing out and counts for nothing.
    Skips stay, which the authors take out where they search.

    Cost: two forward passes of Gaussian noise.

    Raises:
        ProxyFailed: no block gives a map.
    """
    copied = scoring_copy(probe.module)
    use_batch_statistics(copied)
    generator = probe.generator("zen")
    _draw_weights(copied, generator)
    size, device = probe.images.shape, probe.images.device
    noise, change = (torch.randn(size, generator=generator, device=device) for _ in range(2))
    with torch.no_grad():
        before, divisors = _features(copied, noise)
        after, _ = _features(copied, noise + PERTURBATION * change)
    distance = float((before.double() - after.double()).abs().flatten(1).sum(1).mean())
    return math.log(max(distance, torch.finfo(torch.float32).tiny)) + sum(map(math.log, divisors))


def _draw_weights(module: nn.Module, generator: torch.Generator) -> None:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("weight") and parameter.ndim > 1:
                parameter.normal_(generator=generator)
            elif name.endswith("bias"):
                parameter.zero_()


def _features(module: nn.Module, images: Tensor) -> tuple[Tensor, list[float]]:
    """Output of the last block that gives a map, and what each norm with features divides by."""
    last: list[Tensor] = []
    divisors: list[float] = []

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        if (found := map_of(output)) is not None:
            last[:] = [found.clone()]  # a later layer may work in place

    def divide(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        if variance := float(_variance(norm, inputs[0])):
            divisors.append(math.sqrt(variance + cast("float", norm.eps)))

    norms = [layer for layer in module.modules() if isinstance(layer, _NORMS)]
    hooks = [block.register_forward_hook(keep) for block in blocks(module)]
    hooks += [norm.register_forward_pre_hook(divide) for norm in norms]
    module(images)
    for hook in hooks:
        hook.remove()
    if not last:
        raise ProxyFailed("zen needs a block that gives a map (B, C, H, W)")
    return last[0], divisors


def _variance(norm: nn.Module, features: Tensor) -> Tensor:
    """Mean of the variances that a norm divides by: of each channel, or of each pixel or group."""
    if isinstance(norm, nn.modules.batchnorm._BatchNorm):
        axes = [0, *range(2, features.ndim)]
    elif isinstance(norm, nn.LayerNorm):
        axes = list(range(-len(norm.normalized_shape), 0))
    elif isinstance(norm, nn.GroupNorm):
        features, axes = features.reshape(len(features), norm.num_groups, -1), [2]
    else:
        axes = [1]
    return features.var(axes, correction=0).mean()


_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, LayerNorm2d)

ZEN = Proxy("zen", "maximize", zen)
