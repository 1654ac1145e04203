"""What ``import archsearch`` gives beyond the names of single modules."""

from __future__ import annotations

from typing import Literal, overload

from archsearch import network, published
from archsearch.architecture import Architecture, Resolution
from archsearch.network import Features, Network


@overload
def build(
    net: Architecture | str,
    num_classes: int = ...,
    *,
    resolution: Resolution | None = ...,
    seed: int | None = ...,
    features_only: Literal[False] = ...,
) -> Network: ...


@overload
def build(
    net: Architecture | str,
    num_classes: int = ...,
    *,
    resolution: Resolution | None = ...,
    seed: int | None = ...,
    features_only: Literal[True],
) -> Features: ...


def build(
    net: Architecture | str,
    num_classes: int = 1000,
    *,
    resolution: Resolution | None = None,
    seed: int | None = None,
    features_only: bool = False,
) -> Network | Features:
    """Build a net's module, at its own resolution or at another.

    Args:
        net: an architecture, or the name of a published net.
        num_classes: number of outputs.
        resolution: size that position tables and global kernels are made for, if not its own.
        seed: initialises the weights from this seed and leaves torch's generator untouched;
            None draws from torch's global generator.
        features_only: give the maps of the stages instead of logits, for dense tasks.

    Raises:
        InputError: no published net has this name, or a layer cannot stand where it is.
    """
    architecture = published.load(net) if isinstance(net, str) else net
    module = network.build(architecture, num_classes, resolution=resolution, seed=seed)
    return Features(module, architecture) if features_only else module
