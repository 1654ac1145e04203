"""What a report says of runs in words and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archsearch.good_practice import answers
from archsearch.measures import MEASURES
from archsearch.notation import UNKNOWN, duration, quantity
from archsearch.report.columns import Column
from archsearch.report.mattering import prices
from archsearch.report.outcomes import environment, expense_note, expenses, losses
from archsearch.report.provenance import spread_said
from archsearch.report.question import question
from archsearch.report.reported import Reported
from archsearch.spread import spread
from archsearch.summary import Summary
from archsearch.tables import readable


class Row(NamedTuple):
    """A label with one text a run; ``alike`` if they are all the same."""

    label: str
    texts: tuple[str, ...]

    @property
    def alike(self) -> bool:
        """Whether one text stands for all runs."""
        return len(set(self.texts)) == 1


def tables(runs: Sequence[Reported]) -> dict[str, Any]:
    """What the page's template is given of each run, by name."""
    return {
        "tiles": [_tiles(one) for one in runs],
        "question": _side_by_side([question(one) for one in runs]),
        "fronts": [_front(one) for one in runs],
        "prices": [prices(one) for one in runs],
        "trust": _side_by_side([one.run.trust() for one in runs]),
        "losses": [losses(one) for one in runs],
        "expenses": [(expenses(one), expense_note(one)) for one in runs],
        "environment": _side_by_side([environment(one) for one in runs]),
        "checklists": [answers(one.run, [other.run for other in runs]) for one in runs],
        "studies": [one.run.study.to_yaml() for one in runs],
    }


def _tiles(one: Reported) -> list[tuple[str, str, str]]:
    """The run in a few numbers: label, number, and what is to be known of it."""
    now = one.run.summary()
    failed = sum(now.failed.values())
    return [
        _best(now),
        ("front", f"{now.front} nets", "of the study's objectives"),
        ("trials done", f"{now.done} of {now.budget_trials}", f"{now.complete} complete"),
        ("failed", str(failed), f"{now.stopped} stopped"),
        ("screened", f"{now.screened:,}", f"{sum(now.rejected.values()):,} refused"),
        ("time", duration(now.elapsed_s), now.state),
    ]


def _best(now: Summary) -> tuple[str, str, str]:
    if now.best is None:
        return "best", UNKNOWN, "no complete trial yet"
    found = now.best.measured
    value = quantity(found.value, MEASURES[found.name].unit, spread(found))
    return f"best {found.name}", value, f"trial {now.best.number}"


def _side_by_side(tables: Sequence[Mapping[str, str]]) -> list[Row]:
    labels = dict.fromkeys(label for table in tables for label in table)
    rows = [Row(label, tuple(table.get(label, UNKNOWN) for table in tables)) for label in labels]
    return [row for row in rows if set(row.texts) != {UNKNOWN}]


def _front(one: Reported) -> dict[str, Any]:
    table = readable(one.front)
    return {
        "name": one.name,
        "columns": list(table.columns),
        "rows": [list(row) for row in table.itertuples(index=False)],
        "footnote": one.front.attrs["footnote"],
    }


def numbers(runs: Sequence[Reported], shown: Sequence[Column]) -> list[dict[str, Any]]:
    """How each number was obtained, a row a column."""
    return [
        {
            "title": column.title,
            "unit": column.unit,
            "better": "more" if column.maximize else "less",
            "how": column.how,
            "texts": _by_run(runs, {place: o.text for place, o in column.origins.items()}),
            "spreads": _by_run(
                runs, {place: spread_said(runs[place], column.measure) for place in column.origins}
            ),
            "trials": sum(
                column.measure in trial.measures
                for place in column.origins
                for trial in runs[place].run.records
            ),
        }
        for column in shown
    ]


def _by_run(runs: Sequence[Reported], texts: Mapping[int, str]) -> list[str]:
    """One text for all runs, or each with the name of its run."""
    if len(set(texts.values())) == 1:
        return [next(iter(texts.values()))]
    return [f"{runs[place].name}: {text}" for place, text in texts.items()]
