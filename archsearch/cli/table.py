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
) -> None:
    """Write the table of an ablation: which part earns its keep, and how surely that is known.

    Of a run that goes on it says how far that is. The same store gives the same bytes.
    """
    from archsearch.ablation.formats import rendered
    from archsearch.ablation.reader import read_ablation
    from archsearch.ablation.table import table_of

    write(output, rendered(table_of(read_ablation(run)), to, output, part))
