"""``archsearch importance``: which leaves matter, and which choices the front prefers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.output import print_table, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Target = Annotated[Path | None, typer.Option(metavar="FILE", help='Write here ("-": stdout).')]


def importance(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEASURE", help='Or "front"; repeatable (default: the study\'s, and the front).'
        ),
    ] = None,
    preferences: Annotated[
        bool, typer.Option("--preferences", help="Say which choices the front prefers, instead.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Rows of a table, leaves of a figure.")] = 12,
    method: Annotated[
        str, typer.Option(metavar="NAME", help="Of the figure: fanova, ped_anova or permutation.")
    ] = "fanova",
    csv: Target = None,
    plot: Target = None,
) -> None:
    """Say which leaves of the space matter for each objective and for the front.

    Shares of the variance by three methods, with 95 % intervals; a star marks what is beyond
    chance. It takes seconds for tens of nets and minutes for a thousand.
    """
    from archsearch.importance import ensure_method, importances
    from archsearch.preferences import preferences as preferred
    from archsearch.results import open_search

    ensure_method(method)
    results = open_search(run)
    asked = preferred if preferences else importances
    frame = asked(results.study, results.records, objective)
    if csv is not None:
        write(csv, frame.to_csv(index=False))
    if plot is not None:
        write(plot, _rendered(frame, plot, top, None if preferences else method))
    if csv is plot is None:
        (_print_preferences if preferences else _print_importances)(frame, top)


def _print_importances(frame: DataFrame, top: int) -> None:
    from archsearch.importance import FOOTNOTE, shown

    tables = dict(shown(frame, top))
    for objective, note in frame.attrs["notes"].items():
        typer.echo(note if note.startswith(objective) else f"{objective}: {note}")
        if objective in tables:
            print_table(tables[objective])
    typer.echo(FOOTNOTE)


def _print_preferences(frame: DataFrame, top: int) -> None:
    from archsearch.preferences import shown

    print_table(shown(frame, top), frame.attrs["footnote"])


def _rendered(frame: DataFrame, target: Path, top: int, method: str | None) -> bytes:
    """The figure of a method's importances, or of preferences, as the file's name asks for."""
    from archsearch.figures.style import render

    figure = _preferences_drawn(frame, top) if method is None else _drawn(frame, top, method)
    return render(figure, target.suffix.removeprefix(".").lower() or "png")


def _drawn(frame: DataFrame, top: int, method: str) -> Figure:
    from archsearch.figures.importance import plot_importance

    rows = frame[frame["method"] == method]
    return plot_importance(rows, most=top, label=f"share of the variance ({method})")


def _preferences_drawn(frame: DataFrame, top: int) -> Figure:
    from archsearch.figures.preferences import plot_preferences

    leaves = frame["leaf"].unique()[:top]  # the most surprising, not the most different
    return plot_preferences(frame[frame["leaf"].isin(leaves)], most=top)
