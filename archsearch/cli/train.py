"""``archsearch train``: one net, trained to the end of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archsearch.cli.exits import INTERRUPTED
from archsearch.cli.nets import NetText
from archsearch.cli.options import resolution_of
from archsearch.cli.output import print_rows

if TYPE_CHECKING:
    from archsearch.training import Trained
    from archsearch.trainings import Plan


def train(
    net: NetText,
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE[:PATH]",
            help="Images, such as mnist5k, npz:mine.npz, or a mapping as in a study's data.",
        ),
    ],
    epochs: Annotated[
        float | None, typer.Option(min=0, help="Passes over the images, if not the recipe's.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Recipe (YAML: the keys of training).")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a leaf of the recipe; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder (default: trainings/NET)."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in the folder.")
    ] = False,
    classes: Annotated[
        int | None, typer.Option(min=1, help="Outputs of the net, if not the images' classes.")
    ] = None,
    resolution: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Training size, if not the net's own times scale."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Where to train; auto prefers a GPU.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads, if not all; part of the result's bits.")
    ] = None,
) -> None:
    """Train a net fully, storing every epoch; a training that was stopped goes on with --resume."""
    from archsearch.lookup import find_net
    from archsearch.trainings import Plan, data_of, recipe_of

    architecture = find_net(net).architecture
    shorter = [] if epochs is None else [f"epochs={epochs}"]
    plan = Plan(
        architecture,
        data_of(data),
        recipe_of(recipe, [*(changes or []), *shorter]),
        None if resolution is None else resolution_of(resolution),
        classes,
        seed,
        device,
    )
    folder = out or Path("trainings") / (architecture.name or architecture.id)
    _print(_trained(plan, folder, threads, resume=resume), folder)


def _trained(plan: Plan, folder: Path, threads: int | None, *, resume: bool) -> Trained:
    """Train where the user can watch, and stop it."""
    import torch
    from rich.console import Console

    from archsearch.errors import InputError
    from archsearch.training import TrainingFailed
    from archsearch.training_progress import training_progress
    from archsearch.trainings import ENVIRONMENT, train_in

    if resume and not (folder / ENVIRONMENT).exists():
        typer.echo(f"{folder}: nothing to go on with, a new training begins", err=True)
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with training_progress(Console(stderr=True)) as watch:
            return train_in(folder, plan, watch, resume=resume)
    except KeyboardInterrupt:
        typer.echo(f"stopped; with --resume the same command goes on in {folder}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except TrainingFailed as failure:
        raise InputError(str(failure)) from None


def _print(trained: Trained, folder: Path) -> None:
    best = max(trained.curve, key=lambda point: point.validation_accuracy)
    print_rows(
        {
            "epochs": f"{trained.curve[-1].epoch:g}",
            "validation accuracy": f"{trained.validation_accuracy:.4f} of "
            f"{trained.validation_count:,} images",
            "best": f"{best.validation_accuracy:.4f} after epoch {best.epoch:g}",
            "images a second": f"{trained.images_per_s:,.0f}",
        }
    )
    typer.echo(f"wrote {folder / 'best.safetensors'} and {folder / 'curve.csv'}")
