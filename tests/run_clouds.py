"""Repeated runs of few points with few values, so that copies and ties occur all the time."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
from hypothesis import strategies as st

from archsearch.pareto import Points

Runs = list[Points]


@st.composite
def repeated_runs(draw: st.DrawFn, objectives: int, most: int = 4) -> Runs:
    """One to ``most`` runs, some of them without a point."""
    elements: Any = st.integers(-3, 3).map(float)
    shapes = draw(st.lists(st.integers(0, 5), min_size=1, max_size=most))
    return [draw(hnp.arrays(float, (count, objectives), elements=elements)) for count in shapes]
