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
    processes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Emulated processes; one a core is best.")
    ] = 2,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Write the coefficients here.")
    ] = None,
) -> None:
    """Count random nets operator by operator under the emulator, and fit what operators execute.

    All nets but seven are drawn down to small images. A run that was stopped goes on where it was.
    ``benchmarks/predicted_latency.py`` measures the error on whole nets that the fit never saw.
    """
    from archsearch.devices.instructions import PACK
    from archsearch.devices.learning import (
        count_nets,
        fit,
        formatted,
        held_out_error,
        read_samples,
    )
    from archsearch.errors import InputError, nearest
    from archsearch.space import load_space

    if isa not in PACK:
        raise InputError(f"{isa!r} has no coefficients; {nearest(isa, PACK)}")
    named = cast("Isa", isa)
    for line in count_nets(load_space(space), counts, nets, seed, named, processes):
        typer.echo(line)
    samples = read_samples(counts, named)
    number, layers = len({s.net for s in samples}), len({s[:2] for s in samples})
    counted = (
        f"{number} nets, {layers:,} layers, {sum(len(s.operators) for s in samples):,} operators"
    )
    held_out = held_out_error(samples, named)
    typer.echo(f"{counted}; {held_out:.1%} off in the instructions of nets held out of the fit")
    if out is not None:
        command = f"archsearch devices learn {space} {counts.name} --nets {nets} --seed {seed}"
        source = f"{command} --isa {isa}: {counted}"
        write(out, formatted(fit(samples, named), named, source, held_out))
