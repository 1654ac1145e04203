"""One run or several as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archsearch.errors import InputError
from archsearch.report.ablated.page import ablation_page
from archsearch.report.charts import Chart
from archsearch.report.choosing import choices
from archsearch.report.columns import Column, axes, columns
from archsearch.report.frame import framed
from archsearch.report.looks import SERIES_SYMBOLS, palette, symbols
from archsearch.report.mattering import matter
from archsearch.report.nets import block_kinds
from archsearch.report.points import points
from archsearch.report.progress import compared, growth, learning_curves, side_by_side
from archsearch.report.reported import Reported, reported
from archsearch.report.sections import numbers, tables
from archsearch.results import RunResults

_SCRIPTS = ("theme.js", "charts.js", "net.js", "trial.js", "front.js", "trials.js", "start.js")


def page(runs: Sequence[RunResults], *, importance: bool = True) -> str:
    """The report of runs as HTML; the same runs give the same page.

    Args:
        runs: searches, at least one, which are shown in the same figures and side by side in
            tables; or one ablation.
        importance: whether to find out which leaves matter and what the front prefers, which takes
            most of the time. Of an ablation it changes nothing.

    Raises:
        InputError: the latencies of one run come from several devices, or an ablation is not
            alone.
        ValueError: there is no run.
    """
    if not runs:
        raise ValueError("a report needs a run")
    ablations = [run for run in runs if run.study.plan is not None]
    if not ablations:
        return _search_page(reported(runs), importance=importance)
    if len(runs) > 1:
        raise InputError(
            f"{ablations[0].folder}: is an ablation, and a report shows one ablation alone, got "
            f"{len(runs)} runs; archsearch report {ablations[0].folder} makes its page"
        )
    return ablation_page(ablations[0])


def _search_page(found: Sequence[Reported], *, importance: bool) -> str:
    columns_ = columns(found)
    comparison = compared(found)
    progress = [*growth(comparison), *learning_curves(found)]
    matters = [matter(place, one) for place, one in enumerate(found) if importance]
    chosen = [choices(place, one) for place, one in enumerate(found)]
    charts = [*(one.chart for one in chosen if one), *progress]
    charts += [chart for some, _ in matters for chart in some]
    content = {
        "title": ", ".join(one.name for one in found),
        "runs": found,
        "chosen": chosen,
        "progress": progress,
        "matters": matters,
        "comparison": side_by_side(comparison) if len(found) > 1 else None,
        "numbers": numbers(found, columns_),
        **tables(found),
    }
    return framed("page.html", _SCRIPTS, _data(found, columns_, charts), content)


def _data(
    runs: Sequence[Reported], shown: Sequence[Column], charts: Sequence[Chart]
) -> dict[str, Any]:
    found = points(runs, shown)
    families = {point["family"] for point in found}
    kinds = block_kinds(point["net"] for point in found if point["net"])
    return {
        "runs": [{"name": one.name, "folder": str(one.run.folder)} for one in runs],
        "columns": [column.to_data() for column in shown],
        "axes": axes(runs, shown),
        "first": _first(runs[0]),
        "points": found,
        "palette": palette(families, kinds),
        "symbols": symbols(families),
        "series": SERIES_SYMBOLS,
        "charts": [chart.to_data() for chart in charts],
    }


def _first(one: Reported) -> int | None:
    """The trial that is shown first: a knee of the front, or the best in the first objective."""
    front = one.front
    knees = front[front["knee"].astype(bool)] if "knee" in front else front.iloc[:0]
    chosen = knees if len(knees) else front
    return int(chosen["number"].iloc[0]) if len(chosen) else None
