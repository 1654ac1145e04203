"""Types of leaves and rules that several layers have."""

from __future__ import annotations

from math import floor
from typing import Annotated

from pydantic import AfterValidator, Field

from archsearch.blocks.layer import Site


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        nearby = f"{kernel - 1} or {kernel + 1}"
        raise ValueError(f"kernel {kernel} is even and has no centre; use an odd one ({nearby})")
    return kernel


OddKernel = Annotated[int, Field(ge=1), AfterValidator(_odd)]
Ratio = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Epsilon = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def hidden_channels(channels: int, ratio: float) -> int:
    """Width of an expanded layer: rounded down as in the official code of CMT, at least 1."""
    return floor(channels * ratio) or 1


def residual_problem(site: Site) -> str | None:
    """Say why a block that adds its output to its input cannot stand at ``site``, or None."""
    if site.in_channels == site.channels:
        return None
    return (
        f"gets {site.in_channels} channels and should give {site.channels}, but a residual block "
        "keeps its channels; change the width in a downsampling layer before it"
    )
