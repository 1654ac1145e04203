"""``archsearch devices``: where latency can come from, and the profiles behind it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli import boards, learn
from archsearch.cli.output import print_rows, print_table, write

if TYPE_CHECKING:
    from archsearch.devices.profile import Fit, Profile

app = typer.Typer(help="List devices, set them up, fit their profiles.")
boards.register(app)
learn.register(app)

_FOOTNOTE = (
    "MAPE and Spearman: nets of families that the fit never saw, and counts of the same runtime. "
    "Of another runtime's counts expect 21 % or more."
)


@app.callback(invoke_without_command=True)
def devices(context: typer.Context) -> None:
    """List the devices whose profiles are shipped, with what their latencies are worth."""
    if context.invoked_subcommand is None:
        from archsearch.devices import profile

        _print_profiles(profile.load(name) for name in profile.names())
        _print_kinds()


@app.command()
def fit(
    counts: Annotated[Path, typer.Argument(metavar="COUNTS.csv", help="Executed instructions.")],
    timings: Annotated[Path, typer.Argument(metavar="TIMINGS.csv", help="Milliseconds by net.")],
    board: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This board only; can be repeated.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="This number of threads only.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write NAME.yaml for each board here.")
    ] = None,
) -> None:
    """Fit profiles: what instructions cost on boards. Errors are of families held out.

    COUNTS.csv has the columns isa, runtime, model and one for each class of instructions.
    TIMINGS.csv has model, threads, min_ms, and board, core, clock_ghz, isa; or it is the published
    table of ncnn with its own columns.
    """
    from archsearch.devices.board_table import join, read_counts, read_timings
    from archsearch.devices.fitting import fit_profiles
    from archsearch.documents import dump

    samples = join(read_counts(counts), read_timings(timings))
    profiles = fit_profiles(samples, board or (), threads)
    _print_profiles(profiles)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for profile in profiles:
            target = out / f"{profile.board}.yaml"
            write(target, dump(profile.model_dump(mode="json", exclude_none=True)))


def _print_profiles(profiles: Iterable[Profile]) -> None:
    import pandas as pd

    rows = [_row(profile, fit) for profile in profiles for fit in profile.fits]
    print_table(pd.DataFrame(rows), _FOOTNOTE)


def _print_kinds() -> None:
    from archsearch.devices.kinds import KINDS

    typer.echo("NAME and predicted:NAME are predicted, emulated:NAME is emulated, host is this")
    typer.echo("machine, a path is a device file of one of these kinds:")
    print_rows({name: f"{kind.how}, {kind.meaning}" for name, kind in KINDS.items()})


def _row(profile: Profile, fit: Fit) -> dict[str, str]:
    errors = fit.cross_validated
    return {
        "device": profile.board,
        "core": profile.core,
        "clock GHz": f"{profile.clock_ghz:g}" if profile.clock_ghz else "not stated",
        "threads": str(fit.threads),
        "counts of": f"{fit.runtime}, {fit.counts}",
        "MAPE": f"{errors.mape:.1%}",
        "Spearman": f"{errors.spearman:.3f}",
        "n": str(errors.nets),
    }


_PREPARED = ("emulated",)


@app.command()
def setup(
    device: Annotated[
        str, typer.Argument(metavar="DEVICE", help=f"What to set up: {', '.join(_PREPARED)}.")
    ],
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Put it here, not ~/.cache/archsearch/emulator."),
    ] = None,
    armv7: Annotated[
        bool, typer.Option("--armv7", help="With what 32-bit ARM code needs, too.")
    ] = False,
) -> None:
    """Fetch, unpack and compile what emulation needs, without root rights, and prove it.

    Debian's packages come by apt-get, runtimes by pip. Given again, it does what is missing.
    """
    from archsearch.devices.emulator.folder import default_folder
    from archsearch.devices.emulator.setup import setup as set_up
    from archsearch.errors import InputError, nearest

    if device not in _PREPARED:
        raise InputError(f"{device!r} cannot be set up; {nearest(device, _PREPARED)}")
    cache = folder.expanduser().resolve() if folder is not None else default_folder()
    set_up(cache, typer.echo, armv7=armv7)
    if folder is not None and cache != default_folder():
        typer.echo(f"set ARCHSEARCH_EMULATOR={cache} where it is to be used")
