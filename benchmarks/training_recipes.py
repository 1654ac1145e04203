"""Which optimiser trains briefly best: accuracy, and how surely it orders nets.

The same nets, seeds and images are trained with each optimiser at several learning rates, for the
same epochs. For each is printed: the mean accuracy over nets (± its deviation over seeds); the
seed-to-seed deviation of one net; the share of the variance of one training that is due to the net
(the intraclass correlation); the ranking stability, which is the mean Spearman correlation between
the nets' orders of two seeds; and CPU seconds a training, because epochs are not seconds.

    OMP_NUM_THREADS=1 python benchmarks/training_recipes.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from archsearch.architecture import Architecture
from archsearch.augment import Augmentation
from archsearch.cost import count
from archsearch.datasets import DatasetConfig, Images, load
from archsearch.matching import NotAMember
from archsearch.network import build
from archsearch.published import load as published
from archsearch.seeds import derive
from archsearch.space import load_space
from archsearch.training import Recipe, TrainingFailed, train

RATES: Mapping[str, tuple[float, ...]] = {
    "adamw": (1e-3, 2e-3, 4e-3),
    "nadam": (1e-3, 2e-3, 4e-3),
    "sgd": (1e-2, 2e-2, 5e-2),
    "muon": (4e-3, 8e-3, 1.6e-2),
}
NETS = ("edgenext_xx_small", "parcnet_xs")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--optimizers", nargs="+", default=list(RATES), choices=list(RATES))
    parser.add_argument("--images", default="mnist5k")
    parser.add_argument("--train", type=int, default=500, help="training images")
    parser.add_argument("--validation", type=int, default=1000)
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--resolution", type=int, default=28)
    parser.add_argument("--space", type=Path, default=Path("search_spaces/mobile.yaml"))
    parser.add_argument("--members", type=int, default=4, help="members drawn from the space")
    parser.add_argument("--most-params", type=float, default=2e6)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", dest="changes",
                        help="more of the recipe, such as ema_decay=0.9")  # fmt: skip
    given = parser.parse_args()
    if given.seeds < 2:
        parser.error("a spread needs --seeds of 2 at least")
    return given


def _nets(given: argparse.Namespace) -> list[Architecture]:
    space, rng = load_space(given.space), np.random.default_rng(0)
    found = [published(name) for name in NETS]
    while len(found) < len(NETS) + given.members:
        try:
            member = space.decode(space.draw(rng))
        except NotAMember:
            continue  # a draw whose layers do not fit each other
        if member.problem() is None and count(member, 10).params <= given.most_params:
            found.append(member)
    return found


def _accuracy(net: Architecture, images: Images, recipe: Recipe, side: int, seed: int) -> float:
    module = build(net, len(images.classes), resolution=side, seed=derive(seed, "init"))
    try:
        return train(module, images, recipe, side, seed).validation_accuracy
    except TrainingFailed:
        return 1 / len(images.classes)


def _line(table: np.ndarray, seconds: float) -> str:
    """What the accuracies (nets, seeds) of one recipe say."""
    between, within = table.mean(1).var(ddof=1), table.var(1, ddof=1).mean()
    net = max(0.0, between - within / table.shape[1])
    pairs = combinations(range(table.shape[1]), 2)
    rho = np.mean([spearmanr(table[:, a], table[:, b]).statistic for a, b in pairs])
    return (
        f"accuracy {table.mean():.3f} ± {table.mean(0).std(ddof=1):.3f}  sd of seeds "
        f"{within**0.5:.3f}  share of the net {net / (net + within):.2f}  stability {rho:.2f}  "
        f"{seconds / table.size:.1f} CPU s"
    )


def _recipe(name: str, rate: float, given: argparse.Namespace) -> Recipe:
    more: dict[str, Any] = {}
    for change in given.changes:
        key, _, value = change.partition("=")
        more[key] = float(value)
    return Recipe.model_validate(
        {
            "epochs": given.epochs,
            "batch_size": given.batch_size,
            "optimizer": name,
            "learning_rate": rate,
            "layer_scale": 1.0,
            "augmentation": Augmentation(shift=0.1, rotation=10.0, scale=0.1),
            "evaluate_every": 1000,
            **more,
        }
    )


def main() -> None:
    """Print one line for each optimiser and learning rate."""
    given = _arguments()
    torch.set_num_threads(1)
    images = load(DatasetConfig(name=given.images, train=given.train, validation=given.validation))
    nets = _nets(given)
    print(f"{len(nets)} nets x {given.seeds} seeds, {given.train} images, {given.epochs:g} epochs")
    for name in given.optimizers:
        for rate in RATES[name]:
            recipe = _recipe(name, rate, given)
            start = time.process_time()
            rows = [
                [_accuracy(net, images, recipe, given.resolution, s) for s in range(given.seeds)]
                for net in nets
            ]
            seconds = time.process_time() - start
            print(f"{name:6s} {rate:6.0e}  {_line(np.array(rows), seconds)}", flush=True)


if __name__ == "__main__":
    main()
