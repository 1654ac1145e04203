"""``archsearch status``, ``pareto``, ``limits``, ``list``: look at runs, also while they go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.output import print_rows, print_table, print_trust, write
from archsearch.errors import InputError

if TYPE_CHECKING:
    from archsearch.results import RunResults

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]
Measure = Annotated[str | None, typer.Option(metavar="MEASURE", help="Measure of this axis.")]
Target = Annotated[Path | None, typer.Option(metavar="FILE", help='Write here ("-": stdout).')]


def status(run: RunPath) -> None:
    """Say how far a run is: done, rejected, failed, best."""
    from archsearch.results import open_run

    found = open_run(run)
    print_rows(found.summary().rows() | found.trust())


def pareto(
    run: RunPath,
    x: Measure = None,
    y: Measure = None,
    objectives: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Measures of the front (default: the study's)."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Add the published nets of the space, marked.")
    ] = False,
    csv: Target = None,
    json: Target = None,
    plot: Target = None,
) -> None:
    """Print a run's Pareto front, or write it as CSV, JSON or a figure.

    --x and --y choose the axes of the figure; the table then shows the same front.
    """
    from archsearch.results import open_search
    from archsearch.tables import readable

    results = open_search(run)
    names = objectives.split(",") if objectives else None
    if names and len(names) == 2 and not (x or y):
        y, x = names
    x, y = results.axes(x, y) if x or y else (x, y)
    front = results.pareto(names or ([y, x] if x and y else None))
    table = results.beside_published(front) if published else front
    if csv is not None:
        write(csv, table.to_csv(index=False))
    if json is not None:
        write(json, table.to_json(orient="records", indent=2) + "\n")
    if plot is not None:
        from archsearch.figures.style import render

        kind = plot.suffix.removeprefix(".").lower() or "png"
        write(plot, render(results.plot_pareto(x, y), kind))
    if csv is json is plot is None:
        print_table(readable(table), table.attrs["footnote"])
        if front.empty:
            typer.echo("no trial was completed, so there is no front yet")
        print_trust(results)


def limits(run: RunPath, csv: Target = None, json: Target = None) -> None:
    """Say what each limit of a run's study costs: what a tighter one would have lost."""
    from archsearch.results import open_search
    from archsearch.shadow_prices import footnote, readable_prices, shadow_prices

    found = open_search(run)
    settings = found.study.settings
    directions = {objective.measure: objective.direction for objective in settings.objectives}
    prices = shadow_prices(found.records, directions, settings.constraints, found.counts)
    if csv is not None:
        write(csv, prices.to_csv(index=False))
    if json is not None:
        write(json, prices.to_json(orient="records", indent=2) + "\n")
    if csv is json is None:
        if prices.empty:
            typer.echo("the study has no limits")
        else:
            print_table(readable_prices(prices), footnote(prices))


def list_runs(
    folder: Annotated[Path, typer.Argument(help="Folder that holds run folders.")] = Path("runs"),
) -> None:
    """List the runs in a folder."""
    import pandas as pd

    from archsearch.results import runs_in

    rows = [_listed(name, found) for name, found in runs_in(folder).items()]
    if rows:
        print_table(pd.DataFrame(rows))
    else:
        typer.echo(f"{folder}: holds no run")


def _listed(name: str, found: RunResults | InputError) -> dict[str, str]:
    if isinstance(found, InputError):
        return {"run": name, "state": f"unreadable: {found}", "trials": "", "best": "", "when": ""}
    now = found.summary()
    return {
        "run": name,
        "state": now.state,
        "trials": f"{now.done}/{now.budget_trials}",
        "best": str(now.best or ""),
        "when": f"{found.changed:%Y-%m-%d %H:%M}",
    }
