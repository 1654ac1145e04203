"""A net as a row of stages, small enough to stand beside others."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.architecture import Architecture
from archsearch.description import Part, describe
from archsearch.figures.stages import plot_stages
from archsearch.notation import engineering
from archsearch.tables import family


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
    stages = [stage for stage in describe(architecture, classes).stages if stage.layers]
    rows: list[dict[str, Any]] = []
    for stage in stages:
        word, _, number = stage.name.partition(".")
        costs = {name: getattr(stage, name) for name in ("params", "macs")}
        size = dict(zip(("channels", "height", "width"), stage.layers[-1].size, strict=True))
        about = {
            "stage": f"stage {int(number) + 1}" if number else word,
            "blocks": "\n".join(_lines(stage.layers)),
            "family": _family(architecture, int(number)) if number else None,
        }
        rows.append(about | size | costs)
    if stages[-1].name == "head":
        rows[-1]["channels"] = stages[-1].channels
    return pd.DataFrame(rows)


def _lines(layers: tuple[Part, ...]) -> list[str]:
    """Runs of equal kinds, such as ``3 × sdta``; downsampling layers have an arrow."""
    own = [part for part in layers if not part.kind.startswith("shared ")]
    kinds = ["↓ " * ("downsample" in part.path) + part.kind.replace("_", " ") for part in own]
    counted = [(kind, len(list(run))) for kind, run in groupby(kinds)]
    return [f"{count} × {kind}" if count > 1 else kind for kind, count in counted]


def _family(architecture: Architecture, place: int) -> str | None:
    """Family of the blocks of one stage, by the rule for whole nets."""
    stage = architecture.stages[place]
    return family(replace(architecture, stages=(stage,))) if stage.blocks else None
