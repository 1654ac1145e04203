"""``archsearch run``: search, and print what was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.arms import announce, conclude
from archsearch.cli.latency import remeasure
from archsearch.cli.output import print_table, print_trust

if TYPE_CHECKING:
    from archsearch.results import RunResults
    from archsearch.search import Run
    from archsearch.summary import Summary


def run(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study or ablation file (YAML).")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Run folder (default: runs/NAME)."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a leaf of the study; repeatable."),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="ray|local", help="Who runs the trials.")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Budget in trials.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget in minutes.")] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TRACKER[:PLACE]",
            help="Tell trials to tensorboard[:FOLDER] or mlflow[:URI] as well; repeatable.",
        ),
    ] = None,
) -> None:
    """Search for a Pareto front or compare the arms of an ablation, or go on with what was stopped.

    A run may be killed at any moment: the same command goes on with it.
    """
    from rich.console import Console

    from archsearch.progress import progress
    from archsearch.results import open_run
    from archsearch.runs import work_on
    from archsearch.study import load_study
    from archsearch.trackers import ensure_trackers, tracked

    ensure_trackers(log or ())
    asked = load_study(study, [*(changes or []), *_overrides(study, trials, minutes, engine)])
    if asked.plan is not None:
        announce(asked.plan)
    folder = out or Path("runs") / asked.settings.name
    starts: list[Summary] = []
    warnings: list[str] = []
    with (
        progress(Console(stderr=True)) as shown,
        tracked(log or (), shown, warnings.append) as watch,
    ):
        done = work_on(asked, folder, _noting(starts, watch))
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    now = _summary(done)
    if asked.plan is not None:
        adaptive = asked.plan.settings.seeds.adaptive
        conclude(now, folder, now.done - starts[0].done, adaptive)
        return
    typer.echo(_ending(now, new=now.done - starts[0].done, exhausted=done.exhausted))
    _print_results(now, open_run(folder))


def _overrides(
    study: Path, trials: int | None, minutes: float | None, engine: str | None
) -> list[str]:
    """The flags as changes of the study's file, which may name the engine in the short form.

    Raises:
        InputError: an ablation was given a budget of trials.
    """
    from archsearch.documents import read
    from archsearch.errors import InputError

    data = read(study).data
    given = data if isinstance(data, dict) else {}
    if trials is not None and given.get("kind") == "ablation":
        raise InputError(f"--trials {trials}: an ablation trains arms x seeds; --set seeds=6")
    short = isinstance(given.get("engine"), str)
    name = "engine" if short else "engine.name"
    places = {"budget.trials": trials, "budget.minutes": minutes, name: engine}
    return [f"{path}={value}" for path, value in places.items() if value is not None]


def _noting(
    starts: list[Summary], watch: Callable[[Run], Callable[[], None]]
) -> Callable[[Run], Callable[[], None]]:
    """Watch a run, and note what it held when it was begun or taken up again."""

    def noting(run: Run) -> Callable[[], None]:
        starts.append(_summary(run))
        return watch(run)

    return noting


def _summary(run: Run) -> Summary:
    from archsearch.summary import summarize

    return summarize(run.study, run.trials.values(), run.counts, run.elapsed_s)


def _ending(now: Summary, new: int, exhausted: bool) -> str:
    """Why the run ended, and how it could go on."""
    done = f"{now.done} of {now.budget_trials} trials are done"
    if now.state == "finished" and not new:
        return f"{now.name} was already complete: {done}; a larger --trials goes on"
    if now.state == "finished":
        return f"{now.name} is complete: {done}"
    if exhausted:
        return f"{now.name} has ended: {done}, and the sampler finds no new member in the limits"
    return f"{now.name} is out of time: {done}; a larger --minutes goes on"


def _print_results(now: Summary, results: RunResults) -> None:
    from archsearch.summary import by_reason
    from archsearch.tables import readable

    typer.echo(
        f"screened {now.screened:,}, rejected {by_reason(now.rejected)}, scored {now.scored:,}, "
        f"trained {now.trained:,}, failed {by_reason(now.failed)}"
    )
    front = results.pareto()
    if front.empty:
        typer.echo("no trial was completed, so there is no front yet")
        return
    print_table(readable(front), front.attrs["footnote"])
    print_trust(results)
    table, figure = results.save()
    typer.echo(f"wrote {table} and {figure}; archsearch status {results.folder} says more")
    remeasure(results)
