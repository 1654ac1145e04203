"""``archsearch describe`` and ``published``: single nets, and what is published about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsearch.cli.output import print_rows, print_table
from archsearch.notation import UNKNOWN

if TYPE_CHECKING:
    from pandas import DataFrame

    from archsearch.description import Description
    from archsearch.figures.quantity import Quantity

_COUNTED = ("counted_params_m", "counted_gmacs")
_ABSENT = {"recipe": "", "finding": "", **dict.fromkeys(_COUNTED, UNKNOWN)}
"""What stands where there is no value and none was looked for in a source."""

NetText = Annotated[
    str,
    typer.Argument(metavar="NET", help="Published name, architecture file, or RUN:TRIAL."),
]


def describe(
    net: NetText,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, every layer on its own.")
    ] = False,
) -> None:
    """Print a net stage by stage: layers, output sizes, costs.

    A trial is counted with the classes of its study, any other net with 1000.
    """
    from archsearch.description import describe as described
    from archsearch.lookup import find_net
    from archsearch.published_numbers import standing

    architecture, classes = find_net(net)
    description = described(architecture, classes)
    if json:
        import json as encoder

        typer.echo(encoder.dumps(description.to_data(), indent=2))
        return
    _print_description(description, classes)
    print_rows(standing(architecture))


def published(
    net: Annotated[
        str | None, typer.Option("--table", metavar="NET", help="All that is stated about one net.")
    ] = None,
    ablations: Annotated[
        bool, typer.Option("--ablations", help="The papers' ablations instead.")
    ] = False,
    plot: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y", help="Draw them instead, in params, macs, latency or top1 (params,top1)."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the latencies; part of its name will do.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The figure (published_X_Y.png).")
    ] = None,
) -> None:
    """Print what papers state about the published nets, beside what is counted here."""
    from archsearch.errors import InputError
    from archsearch.published_numbers import (
        published_ablations,
        published_summary,
        published_table,
    )

    if sum(map(bool, (net, ablations, plot))) > 1:
        raise InputError("--table, --ablations and --plot exclude each other; give one of them")
    if plot is not None:
        _draw(plot, device, out)
        return
    if device is not None or out is not None:
        raise InputError("--device and --out are of a figure; give --plot as well")
    if ablations:
        columns = ["paper", "study", "setting", "top1", "delta_top1", "finding", "status", "source"]
        print_table(_said(published_ablations()[columns]))
        return
    frame = published_table(net) if net else published_summary()
    if frame.empty:
        typer.echo(f"{net}: no published number was found")
        return
    print_table(_stated_and_counted(frame, one_net=net is not None))
    _print_discrepancies(list(dict.fromkeys(frame["net"])))


def _draw(plot: str, device: str | None, out: Path | None) -> None:
    """Write the figure, and say where it is and how many nets it shows."""
    from archsearch.errors import InputError
    from archsearch.figures import plot_published
    from archsearch.figures.style import save
    from archsearch.published_points import published_points

    x, _, y = plot.partition(",")
    nets = published_points(x.strip(), y.strip(), device)
    names = [name.strip() for name in (x, y)]
    if nets.empty:
        raise InputError(f"no published net has both of {plot}; try another device or quantity")
    target = out or Path(f"published_{'_'.join(names)}.png")
    save(plot_published(nets, *(_quantity(name, nets.attrs["device"]) for name in names)), target)
    typer.echo(f"{len(nets)} nets drawn in {target}")


def _quantity(name: str, device: str | None) -> Quantity:
    from archsearch.figures.quantity import Quantity

    known = {
        "params": Quantity("params", "parameters", False, "parameters, counted"),
        "macs": Quantity("macs", "multiply-accumulates", False, "MACs of one image, counted"),
        "latency": Quantity(
            "latency_ms", "ms", False, f"latency of one image, stated (ms): {device}"
        ),
        "top1": Quantity("top1", "%", True, "ImageNet-1K top-1, stated (%)"),
    }
    return known[name]


def _print_description(description: Description, classes: int) -> None:
    import pandas as pd

    from archsearch.notation import engineering

    size = description.resolution
    print_rows(
        {
            "net": description.name or "without a name",
            "id": description.id,
            "resolution": str(size) if isinstance(size, int) else "{} x {}".format(*size),
            "classes": str(classes),
        }
    )
    print_table(
        pd.DataFrame(
            {
                "stage": row.stage,
                "layer": row.layer,
                "output": row.size,
                "params": engineering(row.params),
                "macs": engineering(row.macs),
                "activations": engineering(row.activations),
                "peak memory": engineering(row.peak_memory_bytes) + "B",
            }
            for row in description.rows()
        )
    )


def _stated_and_counted(frame: DataFrame, *, one_net: bool) -> DataFrame:
    """The columns that people compare, stated before counted."""
    about = ["variant", "recipe", "dataset", "resolution"] if one_net else ["net", "resolution"]
    numbers = ["top1", "params_m", "counted_params_m", "gmacs", "counted_gmacs"]
    return _said(frame[[*about, *numbers, "latency_ms", "latency_device", "source"]])


def _said(frame: DataFrame) -> DataFrame:
    """A table as text; what was not found says so."""
    import pandas as pd

    return pd.DataFrame(
        {name: [_text(str(name), value) for value in frame[name]] for name in frame.columns}
    )


def _text(column: str, value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return _ABSENT.get(column, "not found")
    if column in _COUNTED:
        return f"{value:.3f}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _print_discrepancies(nets: list[str]) -> None:
    from archsearch.published_numbers import discrepancies

    told = {
        f"{net}, {quantity}": text for net in nets for quantity, text in discrepancies(net).items()
    }
    if told:
        typer.echo("Where stated and counted numbers differ:")
        print_rows(told)
