"""``archsearch devices learn``: the counting run behind predicted devices, and its fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from archsearch.cli.output import write

if TYPE_CHECKING:
    from archsearch.devices.profile import Isa


def register(app: typer.Typer) -> None:
    """Add the command to ``archsearch devices``."""
    app.command("learn")(learn)


def learn(
    space: Annotated[Path, typer.Argument(metavar="SPACE.yaml", help="Where nets are drawn.")],
    counts: Annotated[
        Path, typer.Argument(metavar="COUNTS.csv", help="Counts; those there are kept.")
    ],
    nets: Annotated[int, typer.Option(min=1, metavar="N", help="Nets in all.")] = 80,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the draws.")] = 5,
    isa: Annotated[
        str, typer.Option(metavar="NAME", help="aarch64-fp32 or aarch64-fp16.")
    ] = "aarch64-fp32",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Write the coefficients here.")
    ] = None,
    expected_error: Annotated[
        float, typer.Option(min=0, metavar="SHARE", help="Of nets that it never saw.")
    ] = 0.0,
) -> None:
    """Count random nets operator by operator under the emulator, and fit what operators execute.

    All nets but ten are drawn down to small images. A run that was stopped goes on where it was.
    ``benchmarks/predicted_latency.py`` finds the error on nets that the fit never saw.
    """
    from archsearch.devices.instructions import PACK
    from archsearch.devices.learning import count_nets, fit, formatted, read_samples
    from archsearch.errors import InputError, nearest
    from archsearch.space import load_space

    if isa not in PACK:
        raise InputError(f"{isa!r} has no coefficients; {nearest(isa, PACK)}")
    named = cast("Isa", isa)
    for line in count_nets(load_space(space), counts, nets, seed, named):
        typer.echo(line)
    if out is not None:
        samples = read_samples(counts)
        number = len({sample.net for sample in samples})
        layers = len({sample[:2] for sample in samples})
        source = f"{number} nets of {space.name}, {layers} layers, seed {seed}"
        write(out, formatted(fit(samples, named), named, source, expected_error))
