"""Nets for the tests of exports: small ones of every family of blocks, with weights that show."""

from __future__ import annotations

import math

import torch

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.documents import parse
from archsearch.exports.weights import Weighed
from archsearch.network import Network, build
from archsearch.space import architecture_of

DWARF = """
schema: 1
name: dwarf
input: {channels: 3, resolution: 16}
stem: {patch: {size: 4}}
stages:
  - width: 8
    blocks: [{conv_encoder: {kernel: 3, expand: 1}}]
head: {norm: layer}
"""


def dwarf() -> Architecture:
    return architecture_of(parse(DWARF, "dwarf.yaml"))


def disturbed(module: Network, seed: int = 5) -> Network:
    """Scales, biases and statistics off their first values, so that a lost layer shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor.add_(torch.rand(tensor.shape, generator=generator), alpha=0.3)
    return module.eval()


def with_weights(architecture: Architecture, classes: int = 10) -> Weighed:
    module = disturbed(build(architecture, classes, seed=0))
    return Weighed(architecture, module, "made up")


def small(name: str, side: int = 64) -> Weighed:
    """A published net on small images."""
    return with_weights(published.load(name).at(side))


def batch(architecture: Architecture, count: int = 3, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, architecture.channels, *architecture.size)
    return torch.rand(shape, generator=generator) * math.sqrt(12) - math.sqrt(3)
