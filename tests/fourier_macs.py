"""What counters of other people do not see."""

from __future__ import annotations

from counted_alone import fft2d

from archsearch.architecture import Architecture
from archsearch.blocks.gnconv import GnConv, order_widths


def fourier_macs(architecture: Architecture) -> int:
    """MACs of the global filters' Fourier transforms."""
    macs = 0
    for place in architecture.places():
        if isinstance(place.layer, GnConv) and place.layer.kernel == "global":
            filtered = sum(order_widths(place.site.channels, place.layer.order))
            macs += fft2d(filtered // 2, place.site.height, place.site.width).macs
    return macs
