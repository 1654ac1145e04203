"""What the page says of an ablation in words and small tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from archsearch.ablation import cells
from archsearch.ablation.reader import Ablation
from archsearch.ablation.table import Table
from archsearch.measures import LATENCY
from archsearch.notation import UNKNOWN, duration
from archsearch.report.ablated.shown import MARKS, in_points
from archsearch.report.outcomes import Expense, expenses, seconds_of
from archsearch.report.provenance import origin
from archsearch.report.question import images, workers
from archsearch.report.reported import Reported
from archsearch.report.sections import Row
from archsearch.significance.power import smallest_p


class Obtained(NamedTuple):
    """How a number was obtained: in a word, from what, and what its spread is."""

    title: str
    how: str
    text: str
    spread: str


def tiles(ablation: Ablation, table: Table, reported: Reported) -> list[tuple[str, str, str]]:
    """The ablation in a few numbers: label, number, and what is to be known of it."""
    now, seeds = reported.run.summary(), ablation.settings.seeds
    marks = [row.mark for row in table.verdicts]
    shown = [f"{mark} {marks.count(mark)}" for mark in "▲▼≈" if mark in marks]
    said = [f"{marks.count(mark)} {look.meaning}" for mark, look in MARKS.items() if mark in marks]
    done = sorted({int(count) for count in ablation.frame.count()}) or [0]
    failed = sum(now.failed.values())
    return [
        ("what is shown", "  ".join(shown) or "nothing", ", ".join(said)),
        ("arms", str(len(ablation.arms)), ablation.settings.design_name.replace("_", " ")),
        (
            "seeds an arm",
            str(done[0]) if len(done) == 1 else f"{done[0]} to {done[-1]}",
            f"adaptive, {seeds.first} to {seeds.most}"
            if seeds.adaptive
            else f"{seeds.first} asked for",
        ),
        ("trainings done", f"{now.done} of {now.budget_trials}", f"{now.complete} complete"),
        ("failed", str(failed), "of the trainings done"),
        ("time", duration(ablation.elapsed_s), ablation.state),
    ]


def question(ablation: Ablation, reported: Reported) -> list[Row]:
    """What was compared, and by which rules."""
    own, settings = ablation.settings, reported.run.study.settings
    device = reported.run.study.device
    several = set(ablation.references.values()) > {ablation.base}
    told = {
        "ablation": own.name,
        "base": own.base.get("name") or ablation.arms[0].architecture.id,
        "factors": ", ".join(own.factors),
        "design": own.design_name.replace("_", " ")
        + (f" of resolution {own.resolution}" if own.resolution else ""),
        "compared with": "each with the step before" if several else ablation.base,
        "family-wise error": f"{own.alpha:g}",
        "counts as none": f"less than {in_points(own.margin)}" if own.margin else "nothing",
        "images": images(settings),
        "device": f"{device.name} ({device.how})" if device is not None else UNKNOWN,
        "work": workers(settings.engine),
        "notes": own.notes or UNKNOWN,
    }
    return rows_of_facts(told)


def rows_of_facts(told: Mapping[str, str]) -> list[Row]:
    """Labels with texts, without what is not known."""
    return [Row(label, (text,)) for label, text in told.items() if text != UNKNOWN]


def obtained(ablation: Ablation, table: Table, reported: Reported) -> list[Obtained]:
    """How each number of the table was obtained."""
    verdicts = table.verdicts
    paired = "mean of arm less what it is compared with, seed by seed"
    found = [
        Obtained(
            "accuracy",
            *_origin(reported, "val_accuracy"),
            "± is the standard deviation over the arm's seeds",
        ),
        Obtained("difference", "computed", paired, verdicts.interval),
        Obtained("p", "computed", f"{verdicts.test}\n{verdicts.correction}", ""),
    ]
    if verdicts.equivalence:
        found.append(Obtained("≈", "computed", verdicts.equivalence, ""))
    found += [Obtained(name, *_origin(reported, name.lower()), "exact") for name in _COUNTED]
    if ablation.latency is not None:
        found.append(Obtained("latency", *_origin(reported, LATENCY), ""))
    if "paper" in table.arms:
        stated = "as the paper states it, of other nets, images and budgets; sources in the notes"
        found.append(Obtained("paper", "stated", stated, ""))
    return found


_COUNTED = ("params", "MACs")


def _origin(reported: Reported, name: str) -> tuple[str, str]:
    found = origin(reported, name)
    return found.how, found.text


def power(table: Table) -> tuple[str, pd.DataFrame]:
    """What these seeds can show, and how many the differences seen would need, arm by arm."""
    rows = []
    for row in table.verdicts:
        wanted = table.wanted[row.arm]
        rows.append(
            {
                "arm": row.arm,
                "difference (points)": cells.points(row.difference),
                "sd of the differences": UNKNOWN if wanted is None else f"{100 * wanted.sd:.2f}",
                "pairs": str(row.n),
                "seeds needed": UNKNOWN if wanted is None else wanted.seeds,
                "at the spread's upper limit": UNKNOWN if wanted is None else wanted.careful,
                "shown": row.mark,
            }
        )
    return _can_show(table), pd.DataFrame(rows, dtype=str)


def _can_show(table: Table) -> str:
    verdicts = table.verdicts
    n, arms = max((row.n for row in verdicts), default=0), len(verdicts.rows)
    if n < 1:
        return "No arm has a pair yet."
    alone, corrected = smallest_p(n, arms)
    enough = corrected <= verdicts.alpha
    can = "a difference can" if enough else "no difference can, however large,"
    return (
        f"With {n} pair{'s' * (n > 1)} the smallest p is {cells.probability(alone)}, and "
        f"{cells.probability(corrected)} after Holm over {arms} arm{'s' * (arms > 1)}: {can} be "
        f"shown at {verdicts.alpha:g}."
    )


def spent(ablation: Ablation, reported: Reported) -> list[Expense]:
    """Seconds of each arm's trainings, and of what else was measured."""
    seconds: dict[str, list[float]] = {arm.name: [] for arm in ablation.arms}
    for trial in reported.run.records:
        if any(measure.stage == "train" for measure in trial.measures.values()):
            seconds[str(trial.choices["arm"])].append(seconds_of(trial, "train"))
    parts = [(f"training {arm}", len(all_), sum(all_)) for arm, all_ in seconds.items()]
    parts += list(_beside_training(reported))
    total = sum(part[2] for part in parts)
    return [Expense(*part, share=part[2] / total if total else 0.0) for part in parts]


def _beside_training(reported: Reported) -> Iterator[tuple[str, int, float]]:
    for one in expenses(reported):
        if one.part == "latency":
            yield one.part, one.trials, one.seconds


def failures(ablation: Ablation) -> list[tuple[str, int, str]]:
    """Arm, seed and reason of every training that failed."""
    return [(arm, seed, reason) for (arm, seed), reason in sorted(ablation.failed.items())]


def changes(ablation: Ablation) -> list[Row]:
    """What each arm does to the base."""
    return [Row(arm.name, (arm.changes or "the base",)) for arm in ablation.arms]


def content_of_table(table: Table) -> dict[str, Any]:
    """The table as the template writes it: columns with whether they are text, and rows.

    A row is the arm's name, and the other cells.
    """
    text = {"arm", "against", "paper", ""}
    return {
        "columns": [(name, name in text) for name in table.arms.columns],
        "rows": [(name, cells_) for name, *cells_ in table.arms.to_numpy().tolist()],
    }
