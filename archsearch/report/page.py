"""One run or several as one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from archsearch.report.charts import Chart
from archsearch.report.choosing import choices
from archsearch.report.columns import Column, axes, columns
from archsearch.report.looks import SERIES_SYMBOLS, palette, symbols
from archsearch.report.mattering import matter
from archsearch.report.points import points
from archsearch.report.progress import compared, growth, learning_curves, side_by_side
from archsearch.report.reported import Reported, reported
from archsearch.report.sections import numbers, tables
from archsearch.results import RunResults

_HERE = Path(__file__).parent
_SCRIPTS = ("theme.js", "net.js", "front.js", "trials.js", "start.js")


def page(runs: Sequence[RunResults], *, importance: bool = True) -> str:
    """The report of runs as HTML; the same runs give the same page.

    Args:
        runs: at least one; several are shown in the same figures and side by side in tables.
        importance: whether to find out which leaves matter and what the front prefers, which takes
            most of the time.

    Raises:
        InputError: the latencies of one run come from several devices.
        ValueError: there is no run.
    """
    if not runs:
        raise ValueError("a report needs a run")
    found = reported(runs)
    columns_ = columns(found)
    comparison = compared(found)
    progress = [*growth(comparison), *learning_curves(found)]
    matters = [matter(place, one) for place, one in enumerate(found) if importance]
    chosen = [choices(place, one) for place, one in enumerate(found)]
    charts = [*(one.chart for one in chosen if one), *progress]
    charts += [chart for some, _ in matters for chart in some]
    scripts = [get_plotlyjs(), "\n".join(_read(f"scripts/{name}") for name in _SCRIPTS)]
    return _template().render(
        title=", ".join(one.name for one in found),
        runs=found,
        style=Markup(_read("page.css")),  # noqa: S704 (our own file)
        scripts=[Markup(script) for script in scripts],  # noqa: S704 (plotly's and our own)
        policy=_policy(scripts),
        data=Markup(_json(_data(found, columns_, charts))),  # noqa: S704 (no "<" is left in it)
        chosen=chosen,
        progress=progress,
        matters=matters,
        comparison=side_by_side(comparison) if len(found) > 1 else None,
        numbers=numbers(found, columns_),
        **tables(found),
    )


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: nothing is loaded, and no script runs but these two."""
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    ]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    )


def _json(data: Any) -> str:
    """JSON that can stand in a script element, whatever texts it holds; NaN is null."""
    text = json.dumps(_finite(data), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not isfinite(data) else data


def _data(
    runs: Sequence[Reported], shown: Sequence[Column], charts: Sequence[Chart]
) -> dict[str, Any]:
    found = points(runs, shown)
    families = {point["family"] for point in found}
    nets = [point["net"] for point in found if point["net"]]
    kinds = {
        kind for net in nets for s in net["stages"] for _, kind, _, block in s["layers"] if block
    }
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
