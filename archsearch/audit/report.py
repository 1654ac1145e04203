"""An audit as a table, as a page and as files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path

import pandas as pd

from archsearch.audits import FILE, Audit, Interval, Row
from archsearch.notation import duration, engineering

PAGE = "audit.md"
FIGURE = "audit.png"

_KINDS = {
    "cost": "cost",
    "proxy": "proxy",
    "ensemble": "several proxies",
    "budget": "short training",
    "predictor": "predictor",
}


def ranked(audit: Audit) -> list[Row]:
    """Rows by falling Spearman correlation; what has none comes last."""
    return sorted(audit.rows, key=lambda row: -_value(row.spearman))


def table(audit: Audit) -> pd.DataFrame:
    """The audit's rows as text, best first."""
    rows = [
        {
            "ordered by": row.name,
            "kind": _KINDS[row.kind],
            "Spearman": str(row.spearman),
            "Kendall": str(row.kendall),
            f"top {audit.top} found": str(row.top_recall),
            "at fixed costs": str(row.partial_spearman),
            "s a net": f"{row.seconds:.3g}" if isfinite(row.seconds) else "-",
        }
        for row in ranked(audit)
    ]
    return pd.DataFrame(rows, dtype=str)


def figures(audit: Audit) -> pd.DataFrame:
    """The audit's rows as numbers, best first, for a figure."""
    rows = [
        {
            "name": row.name,
            "kind": row.kind,
            "spearman": row.spearman.value,
            "low": row.spearman.low,
            "high": row.spearman.high,
            "partial": row.partial_spearman.value,
        }
        for row in ranked(audit)
    ]
    return pd.DataFrame(rows)


def footnote(audit: Audit) -> str:
    """What the table's columns are, in sentences."""
    of = "seeds" if audit.ceiling_from == "seeds" else "validation images alone, seeds unknown"
    return (
        f"Intervals: {audit.level:.0%} bootstrap over {len(audit.nets)} nets, {audit.resamples:,} "
        f"resamples. Top {audit.top}: share of the {audit.top} most accurate nets among the "
        f"{audit.top} first. At fixed costs: partial Spearman, params and MACs held fixed. "
        f"Noise ceiling of Spearman ({of}): {audit.ceiling}."
    )


def notes(audit: Audit) -> list[str]:
    """What is to be known of some rows, each note with the rows that it is of."""
    found: dict[str, list[str]] = {}
    for row in ranked(audit):
        if row.note:
            found.setdefault(row.note, []).append(row.name)
    return [f"{', '.join(names)}: {note}." for note, names in found.items()]


def page(audit: Audit) -> str:
    """The audit as Markdown."""
    parts = [
        f"# Audit of {audit.study}",
        _about(audit),
        f"![Spearman's correlation with the accuracy]({FIGURE})",
        _markdown(table(audit)),
        footnote(audit),
        *(["- " + "\n- ".join(notes(audit))] if notes(audit) else []),
        "## The nets",
        _markdown(_nets(audit)),
    ]
    return "\n\n".join(parts) + "\n"


def save(audit: Audit, folder: Path) -> list[Path]:
    """Write ``audit.json``, ``audit.md`` and ``audit.png`` into a folder; return their paths."""
    from archsearch.figures.audit import plot_audit  # matplotlib takes a second

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in (FILE, PAGE, FIGURE)]
    paths[0].write_text(audit.to_json(), encoding="utf-8")
    paths[1].write_text(page(audit), encoding="utf-8")
    title = f"{audit.study}: {len(audit.nets)} nets, {audit.epochs:g} epochs, {_seeds(audit)}"
    plot_audit(figures(audit), ceiling=audit.ceiling.value, title=title).savefig(paths[2])
    return paths


def _about(audit: Audit) -> str:
    images = audit.images
    own = sum(net.name is not None for net in audit.nets)
    accuracies = sorted(net.accuracy for net in audit.nets)
    failed = "; ".join(f"{count} {reason}" for reason, count in audit.failed.items())
    limits = ", ".join(f"{name} {_limit(limit)}" for name, limit in audit.limits.items())
    train = "all" if images.train is None else f"{images.train:,}"
    middle = accuracies[len(accuracies) // 2]
    return "\n".join(
        [
            f"- Space: {audit.space_name} ({audit.space}); limits: {limits or 'none'}",
            f"- Nets: {len(audit.nets)} of {audit.asked} ({own} published, the others spread "
            f"evenly over log params and log MACs); failed: {failed or 'none'}",
            f"- Images: {images.file or images.name}, {train} to train, {images.validation:,} to "
            "validate",
            f"- Training: {audit.epochs:g} epochs, {_seeds(audit)}; accuracy {accuracies[0]:.3f} "
            f"to {accuracies[-1]:.3f}, median {middle:.3f}",
            f"- Took {duration(audit.seconds)} on {audit.environment.get('cpu', 'this machine')}",
        ]
    )


def _nets(audit: Audit) -> pd.DataFrame:
    rows = [
        {
            "net": net.name or net.id,
            "accuracy": f"{net.accuracy:.3f}" + ("" if net.sd is None else f" ± {net.sd:.3f}"),
            "params": engineering(net.params),
            "MACs": engineering(net.macs),
        }
        for net in sorted(audit.nets, key=lambda net: -net.accuracy)
    ]
    return pd.DataFrame(rows, dtype=str)


def _markdown(frame: pd.DataFrame) -> str:
    lines = [list(frame.columns), ["---" if i == 0 else "---:" for i in range(len(frame.columns))]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [*lines, *_cells(frame)])


def _cells(frame: pd.DataFrame) -> Iterable[Sequence[str]]:
    return ([str(cell) for cell in row] for row in frame.itertuples(index=False))


def _limit(limit: dict[str, float]) -> str:
    words = {"at_most": "at most", "at_least": "at least"}
    return " and ".join(f"{words[way]} {engineering(value)}" for way, value in limit.items())


def _seeds(audit: Audit) -> str:
    return "one seed" if audit.seeds == 1 else f"{audit.seeds} seeds"


def _value(interval: Interval) -> float:
    return -2.0 if interval.value is None else interval.value
