"""How far a measured number can be trusted."""

from __future__ import annotations

from math import sqrt

from archsearch.trial import Measured

FOOTNOTE = (
    "± is the standard deviation over repetitions where n is 2 or more, and else the binomial "
    "standard error of the validation images, sqrt(p(1-p)/count)."
)


def spread(measured: Measured) -> float | None:
    """Spread of a measured number in its own unit, or None where it has none.

    The standard deviation over repetitions where there are at least two. A single accuracy p over
    ``count`` images has the binomial standard error sqrt(p(1-p)/count), which holds the draw of
    the images alone and not that of the training's seed.
    """
    if measured.n >= 2:
        return measured.sd
    if not measured.count:
        return None
    return sqrt(measured.value * (1 - measured.value) / measured.count)
