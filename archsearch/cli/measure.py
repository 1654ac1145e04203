"""``archsearch measure``: what one net costs, and what other people's counters say of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.latency import DeviceText, Fresh, Threads, asked, print_front, print_latency
from archsearch.cli.nets import NetText
from archsearch.cli.options import resolution_of
from archsearch.cli.output import print_rows, print_table

if TYPE_CHECKING:
    from archsearch.architecture import Architecture
    from archsearch.cost.static import NetCost
    from archsearch.second_opinions import Opinion


def measure(
    net: NetText,
    counters: Annotated[
        bool,
        typer.Option(
            "--counters", help="Also ask fvcore, ptflops and torch, and explain every difference."
        ),
    ] = False,
    resolution: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Size of the image, such as 256 or 256x192."),
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="Outputs of the head, if not the net's own.")
    ] = None,
    device: DeviceText = None,
    threads: Threads = None,
    fresh: Fresh = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, every layer on its own.")
    ] = False,
) -> None:
    """Print what a net costs: params, MACs, activations, peak memory, weights.

    Exact, for one image at the net's resolution. A trial is counted with the classes of its study,
    any other net with 1000. With --device: its latency there; of a run's folder, the latencies of
    its front.
    """
    from archsearch.cost import count
    from archsearch.lookup import find_net

    asked_device = asked(device, threads, fresh=fresh, counters=counters)
    if asked_device is not None and Path(net).is_dir():
        print_front(Path(net), asked_device, fresh=fresh, json=json)
        return
    architecture, usual = find_net(net)
    if resolution is not None:
        architecture = architecture.at(resolution_of(resolution))
    outputs = classes or usual
    if asked_device is not None:
        print_latency(architecture, outputs, asked_device, fresh=fresh, json=json)
        return
    opinions = _opinions(architecture, outputs) if counters else []
    if json:
        _print_json(architecture, outputs, opinions)
        return
    _print_costs(architecture, outputs, count(architecture, outputs))
    if counters:
        _print_opinions(count(architecture, outputs), opinions)


def _opinions(architecture: Architecture, classes: int) -> list[Opinion]:
    from archsearch.second_opinions import second_opinions

    return second_opinions(architecture, classes)


def _print_json(architecture: Architecture, classes: int, opinions: list[Opinion]) -> None:
    import json

    from archsearch.cost import count
    from archsearch.cost.static import detail

    cost = count(architecture, classes)
    data = {
        "name": architecture.name,
        "id": architecture.id,
        "resolution": architecture.resolution,
        "classes": classes,
        **cost._asdict(),
        "weight_bytes": cost.weight_bytes,
        "layers": [layer._asdict() for layer in detail(architecture, classes)],
        "counters": [opinion.to_data() for opinion in opinions],
    }
    typer.echo(json.dumps(data, indent=2))


def _print_costs(architecture: Architecture, classes: int, cost: NetCost) -> None:
    from archsearch.notation import engineering

    def exactly(value: int, unit: str = "") -> str:
        return f"{value:,} {unit}".rstrip() + f" ({engineering(value)}{unit})"

    print_rows(
        {
            "net": architecture.name or "without a name",
            "id": architecture.id,
            "resolution": "{} x {}".format(*architecture.size),
            "classes": str(classes),
            "params": exactly(cost.params),
            "MACs": exactly(cost.macs),
            "activations": exactly(cost.activations),
            "peak memory": exactly(cost.peak_memory_bytes, "B"),
            "weights": exactly(cost.weight_bytes, "B"),
        }
    )


def _print_opinions(exact: NetCost, opinions: list[Opinion]) -> None:
    """One table of all counters, then one of reasons for each that differs."""
    import pandas as pd

    rows = [("exact", f"{exact.params:,}", "", f"{exact.macs:,}", "", "")]
    for said in opinions:
        share = f"{100 * said.macs_difference / exact.macs:+.2f}"
        params, macs = f"{said.params_difference:+,}", f"{said.macs_difference:+,}"
        rows.append((said.counter, f"{said.params:,}", params, f"{said.macs:,}", macs, share))
    columns = ["", "params", "to exact", "MACs", "to exact", "in %"]
    print_table(pd.DataFrame(rows, columns=columns))
    for said in opinions:
        _print_reasons(said)


def _print_reasons(said: Opinion) -> None:
    import pandas as pd

    if not said.lines:
        typer.echo(f"{said.counter}: no difference")
        return
    typer.echo(f"{said.counter}:")
    rows = [(line.name, f"{line.occurrences:,}", f"{line.macs:+,}") for line in said.lines]
    rows.append(("sum", "", f"{sum(line.macs for line in said.lines):+,}"))
    print_table(pd.DataFrame(rows, columns=["", "times", "MACs"]))
    for line in said.lines:
        if line.why:
            typer.echo(f" {line.name}: {line.why}")
