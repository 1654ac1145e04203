"""An ablation's table as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from archsearch.ablation.reader import Ablation
from archsearch.ablation.table import table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def ablation_figure(ablation: Ablation, ax: Axes | None = None) -> Figure:
    """Draw the differences of the table, and below each those of its seeds."""
    from archsearch.figures import plot_ablation

    table = table_of(ablation)
    return plot_ablation(
        table.numbers["arms"],
        seeds=seed_differences(ablation),
        margin=ablation.settings.margin,
        title=table.title,
        ax=ax,
    )


def seed_differences(ablation: Ablation) -> pd.DataFrame:
    """Columns ``seed``, ``arm`` and ``difference`` to what the arm is compared with, as fractions.

    NaN where one of the two failed or was not trained.
    """
    parts = [
        pd.DataFrame(
            {
                "seed": ablation.frame.index,
                "arm": arm,
                "difference": (ablation.frame[arm] - ablation.frame[reference]).to_numpy(),
            }
        )
        for arm, reference in ablation.references.items()
    ]
    return pd.concat(parts, ignore_index=True)
