"""The command line: a command parses, calls one function and prints.

No module here imports anything heavy at its top: ``archsearch --help`` must not wait for torch.
"""

from __future__ import annotations

from typing import Annotated

import typer

from archsearch.cli import (
    audit,
    compare,
    devices,
    draw,
    export,
    importance,
    measure,
    nets,
    report,
    run,
    schema,
    show,
    space,
    table,
    train,
    weights,
)
from archsearch.cli.exits import Commands

app = typer.Typer(
    cls=Commands,
    help="Neural architecture search and ablation for mobile vision backbones.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("audit")(audit.audit)
app.command("status")(show.status)
app.command("pareto")(show.pareto)
app.command("limits")(show.limits)
app.command("list")(show.list_runs)
app.command("compare")(compare.compare)
app.command("table")(table.table)
app.command("importance")(importance.importance)
app.command("report")(report.report)
app.command("check")(report.check)
app.add_typer(space.app, name="space")
app.add_typer(devices.app, name="devices")
app.command("describe")(nets.describe)
app.command("measure")(measure.measure)
app.command("published")(nets.published)
app.command("draw")(draw.draw)
app.command("export")(export.export)
app.command("schema")(schema.schema)
app.command("train")(train.train)
app.command("weights")(weights.weights)


def main() -> None:
    """Run the command that the process was given; a user's mistake exits with code 2."""
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        import archsearch

        typer.echo(archsearch.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del version
