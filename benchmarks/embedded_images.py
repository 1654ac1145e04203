"""Do the embedded images tell nets apart? Between-net spread against seed-to-seed spread.

Trains members of a search space several times each, one thread, and prints each net's accuracy,
then the deviation between nets, the deviation between seeds, and the share of the variance of a
single training that is due to the net (the intraclass correlation, 1 is best). Images are
saturated where the best net is close to 1 and the share is low.

    .venv/bin/python benchmarks/embedded_images.py --images mnist5k --train 1000 --epochs 4

Measured on 6 members of search_spaces/mobile.yaml (1.7 to 5.5 M parameters) x 3 seeds, batches of
50, 32 pixels, 1,000 validation images (digits: 1,000), learning rate 2e-3 where not said, 13 to 27
s a training on one core of a machine in use:

    images   train epochs                    best  sd nets  sd seeds  share
    mnist5k  1000  4                         .922    .049      .011    .95
    mnist5k  1000  4  --learning-rate 1e-3   .909    .069      .013    .96
    mnist5k  1000  4  --layer-scale 1e-6     .916    .042      .015    .89
    mnist5k  1000  4  --augment 0            .925    .019      .005    .93
    mnist5k   500  4                         .790    .173      .042    .94
    digits    500  8                         .961    .012      .005    .84
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from archsearch.architecture import Architecture
from archsearch.augment import Augmentation
from archsearch.datasets import SOURCES, DatasetConfig, Images, load
from archsearch.network import build
from archsearch.seeds import derive
from archsearch.space import load_space
from archsearch.training import Recipe, TrainingFailed, train


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", default="mnist5k", choices=sorted(SOURCES))
    parser.add_argument("--path", help="file or folder of the images, where the source needs one")
    parser.add_argument("--train", type=int, default=1000, help="training images")
    parser.add_argument("--validation", type=int, default=1000, help="validation images")
    parser.add_argument("--resolution", type=int, default=32, help="pixels a side")
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--layer-scale", type=float, default=1.0)
    parser.add_argument("--augment", type=float, default=1.0, help="strength, 0 is off")
    parser.add_argument("--flip", action="store_true", help="flip too (never with digits)")
    parser.add_argument("--space", type=Path, default=Path("search_spaces/mobile.yaml"))
    parser.add_argument("--nets", type=int, default=6, help="members drawn from the space")
    parser.add_argument("--most-params", type=float, default=6e6)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each net")
    given = parser.parse_args()
    if given.nets < 2 or given.seeds < 2:
        parser.error("a spread needs --nets and --seeds of 2 at least")
    return given


def _recipe(given: argparse.Namespace) -> Recipe:
    strength = given.augment
    augmentation = Augmentation(
        flip=0.5 * given.flip,
        rotation=15 * strength,
        scale=0.15 * strength,
        shift=0.1 * strength,
        erasing=min(1.0, 0.25 * strength),
    )
    return Recipe(
        epochs=given.epochs,
        batch_size=given.batch_size,
        learning_rate=given.learning_rate,
        layer_scale=given.layer_scale,
        augmentation=augmentation,
        evaluate_every=1000,
    )


def _members(given: argparse.Namespace) -> Iterator[Architecture]:
    space = load_space(given.space)
    rng = np.random.default_rng(0)
    found = 0
    while found < given.nets:
        member = space.decode(space.draw(rng))
        if _params(member) <= given.most_params:
            found += 1
            yield member


def _params(member: Architecture) -> int:
    return sum(parameter.numel() for parameter in build(member, 10, seed=0).parameters())


def _accuracies(
    member: Architecture, images: Images, recipe: Recipe, given: argparse.Namespace
) -> list[float]:
    accuracies = []
    for seed in range(given.seeds):
        net = build(
            member, len(images.classes), resolution=given.resolution, seed=derive(seed, "init")
        )
        try:
            trained = train(net, images, recipe, given.resolution, seed)
            accuracies.append(trained.validation_accuracy)
        except TrainingFailed as failure:
            print(f"  {failure}")
            accuracies.append(1 / len(images.classes))
    return accuracies


def _summary(table: np.ndarray) -> str:
    """One-way analysis of variance of (nets, seeds) accuracies."""
    between = table.mean(axis=1).var(ddof=1)
    within = table.var(axis=1, ddof=1).mean()
    net = max(0.0, between - within / table.shape[1])
    return (
        f"best {table.mean(axis=1).max():.3f}  sd of nets {np.sqrt(between):.4f}  "
        f"sd of seeds {np.sqrt(within):.4f}  share due to the net {net / (net + within):.2f}"
    )


def main() -> None:
    """Print one line a net and the summary."""
    given = _arguments()
    torch.set_num_threads(1)
    recipe = _recipe(given)
    images = load(
        DatasetConfig(
            name=given.images, path=given.path, train=given.train, validation=given.validation
        )
    )
    rows = []
    for member in _members(given):
        start = time.perf_counter()
        rows.append(_accuracies(member, images, recipe, given))
        seconds = (time.perf_counter() - start) / given.seeds
        text = " ".join(f"{accuracy:.3f}" for accuracy in rows[-1])
        print(f"{member.id} {_params(member) / 1e6:5.2f} M {seconds:5.1f} s  {text}", flush=True)
    print(_summary(np.array(rows)))


if __name__ == "__main__":
    main()
