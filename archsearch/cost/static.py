"""Params and MACs in closed form: the sum over the layers of an architecture."""

from __future__ import annotations

from functools import lru_cache
from math import prod

from archsearch.architecture import Architecture
from archsearch.blocks.layer import Cost, Layer, Site


def count(architecture: Architecture, classes: int = 1000) -> Cost:
    """Count params and MACs of one image at the architecture's resolution.

    Equal to counting the built module; the convention stands at ``blocks.layer.Cost``.
    """
    params = macs = 0
    for place in architecture.places():
        cost = _cost(place.layer, place.site)
        params += cost.params
        macs += cost.macs
    site = architecture.out_site()
    head = architecture.head.cost(site.channels, site.height, site.width, classes)
    shared = sum(prod(shape) for shape in architecture.shared().values())
    return Cost(params + head.params + shared, macs + head.macs)


@lru_cache(maxsize=65_536)
def _cost(layer: Layer, site: Site) -> Cost:
    """Memory of layers met before: candidates of one space share most of theirs."""
    return layer.cost(site)
