"""``archsearch devices check`` and ``calibrate``: the user's own boards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.output import print_rows, print_table, write

if TYPE_CHECKING:
    from archsearch.devices.boards.calibrate import Outcome

DeviceFile = Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The board's device file.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``archsearch devices``."""
    app.command("check")(check)
    app.command("calibrate")(calibrate)


def check(file: DeviceFile) -> None:
    """Connect to a board, say what it is, and time a reference net there twice."""
    from archsearch.devices.boards.measured import Measured
    from archsearch.devices.boards.report import check_board

    with Measured.open(file) as device:
        print_rows(check_board(device).rows())


def calibrate(
    file: DeviceFile,
    nets: Annotated[
        int, typer.Option(min=5, max=12, metavar="N", help="How many nets are measured.")
    ] = 8,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here, not NAME.profile.yaml.")
    ] = None,
) -> None:
    """Measure a few nets on a board and refit the profile that its file names to it."""
    from archsearch.devices.boards.calibrate import calibrate as calibrated
    from archsearch.devices.boards.calibrate import starting_profile
    from archsearch.devices.boards.measured import Measured
    from archsearch.devices.emulated import Emulated
    from archsearch.documents import dump

    with Measured.open(file) as device:
        settings = device.board.settings
        start = starting_profile(settings, file)
        (base,) = start.fits
        with Emulated(start, settings.runtime, threads=base.threads, isa=base.counts) as emulated:
            outcome = calibrated(device, base, emulated.counts, nets, typer.echo)
    _print(outcome)
    target = out or file.with_suffix(".profile.yaml")
    write(target, dump(outcome.profile.model_dump(mode="json", exclude_none=True)))


def _print(outcome: Outcome) -> None:
    import pandas as pd

    rows = zip(outcome.nets, outcome.readings, outcome.calibration.predicted_ms, strict=True)
    table = [
        {
            "net": net,
            "measured ms": f"{reading.latency_ms:.2f}",
            "predicted ms": f"{predicted:.2f}",
            "error": f"{predicted / reading.latency_ms - 1:+.1%}",
        }
        for net, reading, predicted in rows
    ]
    print_table(pd.DataFrame(table), "predicted: by a fit that did not see this net")
    errors = outcome.profile.fits[0].cross_validated
    typer.echo(f"expected error: {errors.mape:.1%} (at worst {errors.max:.1%} of these nets)")
