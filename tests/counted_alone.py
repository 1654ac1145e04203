"""What one operator or part costs by itself, for tests that add up costs their own way."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from archsearch.blocks.counting import Cost, Tally

P = ParamSpec("P")


def alone(count: Callable[Concatenate[Tally, P], None]) -> Callable[P, Cost]:
    @wraps(count)
    def cost(*args: P.args, **kwargs: P.kwargs) -> Cost:
        tally = Tally()
        count(tally, *args, **kwargs)
        return tally.cost()

    return cost


conv2d, pointwise = alone(Tally.conv2d), alone(Tally.pointwise)
norm, fft2d = alone(Tally.norm), alone(Tally.fft2d)
