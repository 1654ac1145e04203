"""What the operators of a layer promise, as functions that a test calls with its layers."""

from __future__ import annotations

from collections import Counter
from math import prod

from layer_checks import made, noise

from archsearch.blocks.gnconv import filters_by_products
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.operators import PRODUCTS
from archsearch.blocks.sdta import Sdta
from archsearch.cost.dispatch import operations_of

_WAVES = 64  # channels of Sdta's position encoding, which is constant and folded in export


def check_operators(layer: Layer, site: Site) -> None:
    """The products are one by one those that the module computes, and so are its MACs."""
    listed = Counter(
        (
            at.macs,
            at.times * at.channels * at.pixels if at.kind == "matmul" else at.channels * at.pixels,
        )
        for at in layer.operators(site)
        if at.kind in PRODUCTS
    )
    module, x = made(layer, site), noise(1, site.in_channels, site.height, site.width)
    with filters_by_products():
        computed = Counter((o.macs, o.elements) for o in operations_of(module, x) if o.macs)
    if isinstance(layer, Sdta) and layer.position:
        written = site.channels * site.height * site.width
        computed[_WAVES * written, written] -= 1
    assert listed == +computed


def check_written(layer: Layer, site: Site) -> None:
    """Some operator writes the layer's output, and every number is positive."""
    written = site.channels * prod(layer.out_size(site.height, site.width))
    operators = layer.operators(site)
    assert all(number > 0 for at in operators for number in at[1:])
    assert written in {at.channels * at.pixels for at in operators}
