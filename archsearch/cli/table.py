"""``archsearch table``: the table of an ablation, for people, papers and programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.output import write


def table(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of an ablation.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="text|markdown|latex|csv|html",
            help="Default: by FILE's ending, else text.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help='Write here ("-": stdout).')
    ] = Path("-"),
    part: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="arms|seeds|effects", help="Which numbers, of csv (default: arms)."
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the differences as well.")
    ] = None,
) -> None:
    """Write the table of an ablation: which part earns its keep, and how surely that is known.

    Of a run that goes on it says how far that is. The same store gives the same bytes.
    """
    from archsearch.ablation.formats import rendered
    from archsearch.ablation.reader import read_ablation
    from archsearch.ablation.table import table_of

    ablation = read_ablation(run)
    write(output, rendered(table_of(ablation), to, output, part))
    if plot is not None:
        from archsearch.ablation.picture import ablation_figure
        from archsearch.figures import save

        save(ablation_figure(ablation), plot)
        typer.echo(f"wrote {plot}", err=str(output) == "-")
