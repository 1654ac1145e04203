"""Latencies as commands ask for them and print them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsearch.cli.output import print_rows, print_table

if TYPE_CHECKING:
    from archsearch.architecture import Architecture
    from archsearch.devices import Device
    from archsearch.devices.reading import Latency
    from archsearch.errors import InputError
    from archsearch.results import RunResults
    from archsearch.trial import Trial

    Remeasured = list[tuple[Trial, Latency | InputError]]

DeviceText = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Print its latency there: rk3288 (predicted), emulated:rk3288, host, or a device "
        "file. 'archsearch devices' lists them.",
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, metavar="N", help="Of the device's runtime.")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Measure anew, also what was measured before.")
]
_FIRST = ("latency_ms", "p10_ms", "p90_ms", "n", "how", "device", "runtime", "expected_error")


def asked(name: str | None, threads: int | None, *, fresh: bool, counters: bool) -> Device | None:
    """The device that options ask for.

    Raises:
        InputError: there is no such device, or options do not go together.
    """
    from archsearch.devices import find_device
    from archsearch.errors import InputError

    if name is None:
        if threads is not None or fresh:
            raise InputError("--threads and --fresh are of a device; give --device NAME with them")
        return None
    if counters:
        raise InputError("--counters and --device exclude each other; give one of them")
    return find_device(name, threads)


def print_latency(
    architecture: Architecture, classes: int, device: Device, *, fresh: bool, json: bool
) -> None:
    """Print the latency of one net."""
    from archsearch.devices.readings import Remembering

    with Remembering(device, fresh=fresh) as at_work:
        latency = at_work.latency(architecture, classes)
        problem = at_work.readings.problem
    if problem:
        typer.echo(f"the reading was not kept: {problem}", err=True)
    if json:
        about = {"name": architecture.name, "id": architecture.id, "classes": classes}
        _print_json(_ordered(latency) | about | {"resolution": architecture.resolution})
        return
    print_rows(
        {
            "net": architecture.name or architecture.id,
            "resolution": "{} x {}".format(*architecture.size),
            "latency": f"{latency.latency_ms:.4g} ms ({_way(latency)})",
            **_runs(latency),
            "device": latency.device,
            "runtime": f"{latency.runtime}, threads: {latency.threads}",
        }
    )


def print_front(run: Path, device: Device, *, fresh: bool, json: bool) -> None:
    """Measure a run's front by a device, and print that beside what the run has."""
    from archsearch.results import open_search

    results = open_search(run)
    found = results.remeasured(device, fresh=fresh)
    if json:
        _print_json([_front_data(trial, latency) for trial, latency in found])
    else:
        _print_front(results, device, found)


def remeasure(results: RunResults) -> None:
    """At the end of a run with predicted latencies: measure its front by emulation, or say how."""
    from archsearch.errors import InputError

    predicted = results.study.device
    if predicted is None or predicted.how != "predicted":
        return
    device = predicted.emulated
    try:
        device.ensure_ready()
    except InputError as error:
        typer.echo(
            f"latencies are predicted and the front was not re-measured: {error}; then "
            f"'archsearch measure {results.folder} --device {device.name}' does it"
        )
        return
    typer.echo(f"latencies are predicted; re-measuring the front by {device.name}")
    _print_front(results, device, results.remeasured(device))


def _print_front(results: RunResults, device: Device, found: Remeasured) -> None:
    from archsearch.devices.reading import Latency
    from archsearch.devices.source import footnote, one_source
    from archsearch.tables import latencies_of, readable

    front = results.pareto()
    table = readable(front).drop(columns="blocks")
    column = f"latency_ms ({device.how})"
    table[column] = [f"{x.latency_ms:.4g}" if isinstance(x, Latency) else "-" for _, x in found]
    own = latencies_of(trial.measures for trial, _ in found)
    there = [latency for _, latency in found if isinstance(latency, Latency)]
    sources = [(one_source({"front": latencies}), latencies) for latencies in (own, there)]
    print_table(table, " ".join(footnote(source, of) for source, of in sources if source))
    for trial, latency in found:
        if not isinstance(latency, Latency):
            typer.echo(f"trial {trial.number}: {latency}")


def _front_data(trial: Trial, found: Latency | InputError) -> dict[str, Any]:
    from archsearch.devices.reading import Latency
    from archsearch.measures import latency_in

    own = latency_in(trial.measures)
    return {
        "number": trial.number,
        "id": trial.architecture_id,
        "in_run": own and _ordered(own),
        "remeasured": _ordered(found) if isinstance(found, Latency) else None,
        "error": None if isinstance(found, Latency) else str(found),
    }


def _ordered(latency: Latency) -> dict[str, Any]:
    data = latency.to_data()
    return {key: data[key] for key in _FIRST} | data


def _way(latency: Latency) -> str:
    error = latency.expected_error
    return latency.how if error is None else f"{latency.how}, ±{100 * error:.2g} %"


def _runs(latency: Latency) -> dict[str, str]:
    if latency.n == 1:
        return {}
    return {"p10 and p90": f"{latency.p10_ms:.4g} and {latency.p90_ms:.4g} ms of {latency.n} runs"}


def _print_json(data: Any) -> None:
    import json

    typer.echo(json.dumps(data, indent=2))
