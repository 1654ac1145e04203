"""``archsearch audit``: how far proxies, short trainings and predictors can be trusted here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.output import print_table

if TYPE_CHECKING:
    from archsearch.study import Study


def audit(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).")],
    nets: Annotated[int, typer.Option(min=1, help="Nets to train, published ones included.")] = 40,
    epochs: Annotated[
        float | None, typer.Option(help="Epochs of the long training (default: 4 times STUDY's).")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions of the long training.")] = 1,
    short: Annotated[
        list[float] | None,
        typer.Option(
            metavar="EPOCHS",
            help="A shorter training to judge, with its own schedule; repeatable (default: "
            "STUDY's own recipe; 0: none).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Run folder (default: runs/NAME_audit)."),
    ] = None,
    copy_to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Copy the finished report here as well.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a leaf of the study; repeatable."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Budget in minutes of each training; the rest is left out.")
    ] = None,
) -> None:
    """Train a sample of a study's space for long, and say what orders it as the result does.

    An audit may be killed at any moment: the same command goes on with it.
    """
    from archsearch.audit import audit_of, audit_study, save
    from archsearch.audit.report import footnote, notes, table
    from archsearch.study import load_study

    asked = load_study(study, changes or [])
    asked.ensure_search()
    folder = out or Path("runs") / f"{asked.settings.name}_audit"
    own = asked.settings.training
    long = audit_study(asked, nets, epochs or 4 * own.epochs, seeds, minutes)
    _train(asked, long, folder, _shorter(asked, short))
    found = audit_of(folder)
    print_table(table(found), footnote(found))
    for note in notes(found):
        typer.echo(note)
    paths = save(found, folder)
    if copy_to is not None:
        copy_to.mkdir(parents=True, exist_ok=True)
        paths += [Path(shutil.copy(path, copy_to)) for path in paths]
    typer.echo(f"wrote {', '.join(map(str, paths))}")


def _train(asked: Study, long: Study, folder: Path, shorter: list[float]) -> None:
    """Make what is missing of the long training, and then of the shorter ones."""
    from rich.console import Console

    from archsearch.audit import short_study
    from archsearch.audit.trained import AUDITED, short_folder
    from archsearch.progress import progress
    from archsearch.runs import work_on

    runs = {folder: long} | {
        short_folder(folder, few): short_study(asked, long, few, asked.settings.training.seeds)
        for few in shorter
    }
    for place, study in runs.items():
        with progress(Console(stderr=True)) as watch:
            done = work_on(study, place, watch)
        (folder / AUDITED).write_text(asked.to_yaml(), encoding="utf-8")
        typer.echo(f"{study.settings.name}: {len(done.trials)} nets")


def _shorter(asked: Study, short: list[float] | None) -> list[float]:
    return [asked.settings.training.epochs] if short is None else [few for few in short if few > 0]
