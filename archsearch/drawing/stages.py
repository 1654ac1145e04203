"""A net as a row of stages, small enough to stand beside others."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.architecture import Architecture
from archsearch.figures.stages import plot_stages
from archsearch.notation import engineering


def stages_figure(
    architecture: Architecture, classes: int = 1000, *, ax: Axes | None = None
) -> Figure:
    """Draw a net as its stages; ``net_figure`` draws every layer instead.

    Args:
        architecture: the net.
        classes: outputs of the head with which it is counted.
        ax: where to draw; None makes a figure.
    """
    frame = stages_frame(architecture, classes)
    counts = f"{engineering(frame['params'].sum())} params, {engineering(frame['macs'].sum())} MACs"
    title = f"{architecture.name or architecture.id}: {counts}"
    return plot_stages(frame, title=title, ax=ax)


def stages_frame(architecture: Architecture, classes: int = 1000) -> pd.DataFrame:
    """One row a stage of a net, from the stem to the head, as ``figures.plot_stages`` takes it.

    Returns:
        ``stage``, ``blocks`` (its layers in words, a line for each run of equal ones), ``family``
        (of its blocks, None without any), ``channels``, ``height``, ``width``, ``params``,
        ``macs``. Stages without layers are left out.
    """
    rows = [box._asdict() for box in architecture.stage_boxes(classes)]
    for row in rows:
        row["blocks"] = "\n".join(row.pop("layers")) or "head"
    return pd.DataFrame(rows).rename(columns={"name": "stage"})[_COLUMNS]


_COLUMNS = ["stage", "blocks", "family", "channels", "height", "width", "params", "macs"]
