"""One ablation as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archsearch.ablation.reader import Ablation, ablation_of
from archsearch.ablation.table import Table, table_of
from archsearch.measures import LATENCY
from archsearch.report.ablated import words
from archsearch.report.ablated.arms import arms_data, first_shown
from archsearch.report.ablated.courses import arm_curves, shares
from archsearch.report.ablated.differences import differences
from archsearch.report.ablated.worth import worth
from archsearch.report.charts import Chart
from archsearch.report.frame import framed
from archsearch.report.looks import palette
from archsearch.report.nets import block_kinds
from archsearch.report.outcomes import environment, expense_note
from archsearch.report.provenance import origin
from archsearch.report.reported import Reported, reported
from archsearch.results import RunResults
from archsearch.trial import CurvePoint

_SCRIPTS = ("theme.js", "charts.js", "net.js", "arms.js")


def ablation_page(run: RunResults) -> str:
    """The report of an ablation as HTML, as far as it has come; the same run gives the same page.

    Raises:
        InputError: the run is that of a search, or its latencies come from several devices.
    """
    ablation = ablation_of(run)
    table = table_of(ablation)
    (found,) = reported([run])
    first = differences(ablation, table)
    curves, effects = arm_curves(table, _curves(found)), shares(table)
    charts = [chart for chart in (first, curves, effects) if chart is not None]
    content = {
        "title": table.title,
        "runs": [found],
        "table": table,
        "differences": first,
        "curves": curves,
        "shares": effects,
        "tiles": words.tiles(ablation, table, found),
        "question": words.question(ablation, found),
        "changes": words.changes(ablation),
        "arms": words.content_of_table(table),
        "power": words.power(table),
        "failures": words.failures(ablation),
        "numbers": words.obtained(ablation, table, found),
        "expenses": (words.spent(ablation, found), expense_note(found)),
        "environment": words.rows_of_facts(environment(found)),
        "study": run.study.to_yaml(),
    }
    return framed("ablation.html", _SCRIPTS, _data(ablation, table, found, charts), content)


def _data(
    ablation: Ablation, table: Table, found: Reported, charts: Sequence[Chart]
) -> dict[str, Any]:
    how = origin(found, LATENCY).how if ablation.latency is not None else None
    trials: dict[str, int] = {}
    for trial in found.run.records:
        trials.setdefault(str(trial.choices["arm"]), trial.number)
    arms = arms_data(ablation, table, trials, how)
    return {
        "folder": str(found.run.folder),
        "first": first_shown(table),
        "arms": arms,
        "palette": palette((), block_kinds(arm["net"] for arm in arms)),
        "charts": [chart.to_data() for chart in charts],
        "worth": worth(ablation, table),
    }


def _curves(found: Reported) -> dict[str, list[CurvePoint]]:
    """Every epoch of every seed, by arm."""
    arms = {trial.number: str(trial.choices["arm"]) for trial in found.run.records}
    curves: dict[str, list[CurvePoint]] = {}
    for number, curve in sorted(found.curves.items()):
        curves.setdefault(arms[number], []).extend(curve)
    return curves
