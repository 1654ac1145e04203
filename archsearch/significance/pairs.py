"""Who is compared with whom, and on which seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from archsearch.errors import InputError, nearest

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """An arm, its reference, and their differences.

    Attributes:
        arm: the arm's name.
        reference: the arm that it is compared with.
        differences: arm - reference (n,), over the seeds that both have, in the frame's order.
        missing: seeds of the frame where one of the two is NaN.
    """

    arm: str
    reference: str
    differences: Floats
    missing: tuple[int, ...]


def pairs_of(
    frame: pd.DataFrame, base: str, references: Mapping[str, str] | None = None
) -> tuple[Pair, ...]:
    """All arms' pairs in the order of the columns; ``base`` is paired where it has a reference.

    Raises:
        InputError: if the base, an arm or a reference is no column, or an arm its own reference.
    """
    named = dict(references or {})
    for name in (base, *named, *named.values()):
        if name not in frame.columns:
            arms = [str(column) for column in frame.columns]
            raise InputError(f"{name!r} is not an arm of the frame; {nearest(name, arms)}")
    arms = [str(arm) for arm in frame.columns]
    compared = {arm: named.get(arm, base) for arm in arms if arm != base or arm in named}
    for arm, reference in compared.items():
        if arm == reference:
            raise InputError(f"{arm!r} is given as its own reference; name another arm")
    return tuple(_pair(frame, arm, reference) for arm, reference in compared.items())


def _pair(frame: pd.DataFrame, arm: str, reference: str) -> Pair:
    differences = np.asarray(frame[arm] - frame[reference], dtype=float)
    both = ~np.isnan(differences)
    return Pair(
        arm=arm,
        reference=reference,
        differences=differences[both],
        missing=tuple(int(seed) for seed in frame.index[~both]),
    )
