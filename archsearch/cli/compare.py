"""``archsearch compare``: runs or strategies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archsearch.cli.output import print_table, write
from archsearch.errors import InputError

if TYPE_CHECKING:
    from archsearch.comparing.box import Corners

Target = Annotated[Path | None, typer.Option(metavar="FILE", help='Write here ("-": stdout).')]
Measure = Annotated[str | None, typer.Option(metavar="MEASURE", help="Measure of this axis.")]


def compare(
    strategies: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]RUN[,RUN...]...",
            help="Two or more, the first being what the others are compared with: each a run, "
            "repeated runs, or a folder of them.",
        ),
    ],
    objectives: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Measures to compare by (default: the first run's)."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="MEASURE=VALUE,...|FILE",
            help="Point that hypervolumes are measured from, or the JSON of a comparison whose "
            "reference and ideal point are to be used again.",
        ),
    ] = None,
    x: Measure = None,
    y: Measure = None,
    over: Annotated[
        Literal["trials", "seconds"], typer.Option(help="What the figure's growth is over.")
    ] = "trials",
    seed: Annotated[int, typer.Option(help="Of what is resampled.")] = 0,
    csv: Target = None,
    json: Target = None,
    plot: Target = None,
) -> None:
    """Compare runs or strategies: hypervolume, attainment, growth.

    Repeated runs of one study with other seeds make a strategy; give them separated by commas, or
    put them into one folder.
    """
    from json import dumps

    from archsearch.comparing import compare, strategy_of
    from archsearch.comparing.telling import notes, readable

    names = objectives.split(",") if objectives else None
    corners = None if reference is None else _corners(reference)
    found = compare([strategy_of(text) for text in strategies], names, corners, seed)
    x, y = found.axes(x, y)
    if csv is not None:
        write(csv, found.table.to_csv(index=False))
    if json is not None:
        write(json, dumps(found.to_data() | {"notes": notes(found, x, y)}, indent=2) + "\n")
    if plot is not None:
        from archsearch.comparing.picture import plot_comparison
        from archsearch.figures.style import render

        kind = plot.suffix.removeprefix(".").lower() or "png"
        write(plot, render(plot_comparison(found, x, y, over), kind))
    if csv is json is plot is None:
        print_table(readable(found))
        for note in notes(found, x, y):
            typer.echo(note)


def _corners(given: str) -> Corners:
    """Read a reference point, or both corners of an earlier comparison's JSON."""
    if "=" in given and not Path(given).exists():
        return {"reference": dict(map(_valued, given.split(",")))}
    from json import loads

    try:
        data = loads(Path(given).read_text(encoding="utf-8"))
        return {which: {k: float(v) for k, v in data[which].items()} for which in _WHICH}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            f"--reference {given}: is no comparison; give a file that `archsearch compare --json` "
            "wrote, or a point: val_accuracy=0.1,params=5e6"
        ) from None


_WHICH = ("reference", "ideal")


def _valued(text: str) -> tuple[str, float]:
    from math import isfinite

    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise InputError(
            f"--reference {text}: is no MEASURE=VALUE; write a value of each objective, such as "
            "val_accuracy=0.1,params=5e6"
        )
    return name, number
