"""Images a second of our training beside a plain DataLoader loop of the same nets.

The plain loop is the usual tutorial's: a map-style dataset whose ``__getitem__`` makes a PIL
image, resizes, turns, shifts and normalises it; a shuffling ``DataLoader`` (with as many workers as
is best here, each number is tried); the module as it is built; ``torch.optim.AdamW`` as it is by
default; ``loss.item()`` each step. Same net and initial weights, images, batch size, resolution,
changes of images, label smoothing, weight decay, schedule and threads; evaluation is in neither.

Rounds are interleaved (ours, then the plain loop with each number of workers), the first is
thrown away. The ratio is ours / the plain loop's with the best number of workers, round by round.

    OMP_NUM_THREADS=2 python benchmarks/training_speed.py
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable
from statistics import mean, median, stdev

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from archsearch.api import build
from archsearch.augment import Augmentation
from archsearch.datasets import DatasetConfig, Images, load
from archsearch.datasets.tensors import Normalisation, resized
from archsearch.training import Recipe, Training, learning_rate

NETS = {"edgenext_xx_small": 32, "parcnet_xs": 32, "parc_mobilenetv2": 28, "hornet_tiny_gf": 28}
DEGREES, ZOOM, SHIFT = 10.0, 0.1, 0.1


class PlainImages(Dataset[tuple[Tensor, int]]):
    """Images changed one by one, as tutorials do."""

    def __init__(self, images: Images, side: int) -> None:
        self.images, self.side = images, side
        scale = Normalisation.of(resized(images.train_x, side))
        self.mean, self.std = scale.mean[0], scale.std[0]

    def __len__(self) -> int:
        return len(self.images.train_y)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.images.train_x[index])
        image = image.resize((self.side, self.side), Image.Resampling.BILINEAR)
        image = image.transform(
            image.size, Image.Transform.AFFINE, self.matrix(), Image.Resampling.BILINEAR
        )
        flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        pixels = flat.view(self.side, self.side, 3).permute(2, 0, 1).float()
        return (pixels - self.mean) / self.std, int(self.images.train_y[index])

    def matrix(self) -> tuple[float, ...]:
        """A random turn, zoom and shift about the middle."""
        angle = math.radians(random.uniform(-DEGREES, DEGREES))
        zoom = 1 + random.uniform(-ZOOM, ZOOM)
        c, s, half = math.cos(angle) / zoom, math.sin(angle) / zoom, self.side / 2
        right, down = (random.uniform(-SHIFT, SHIFT) * self.side for _ in range(2))
        return c, -s, half - c * half + s * half + right, s, c, half - s * half - c * half + down


Clock = Callable[[], float]


def ours(net: nn.Module, images: Images, recipe: Recipe, side: int, clock: Clock) -> float:
    """Train as we do; images a second."""
    training = Training(net, images, recipe, side, seed=0)
    start = clock()
    training.run()
    return int(recipe.epochs) * len(images.train_y) / (clock() - start)


def plain(
    net: nn.Module, images: Images, recipe: Recipe, side: int, clock: Clock, workers: int
) -> float:
    """Train as a tutorial does; images a second, the start of the workers left out."""
    loader = DataLoader(
        PlainImages(images, side),
        recipe.batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    steps = len(loader) * int(recipe.epochs)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate(step, steps, recipe) / recipe.learning_rate
    )
    net.train()
    if workers:
        next(iter(loader))  # the workers start here and stay
    seen, start = 0, clock()
    for _ in range(int(recipe.epochs)):
        for x, y in loader:
            loss = F.cross_entropy(net(x), y, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            loss.item()
            seen += len(y)
    return seen / (clock() - start)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nets", nargs="+", default=list(NETS), help="published nets")
    parser.add_argument("--images", default="mnist5k")
    parser.add_argument("--train", type=int, default=1000, help="training images")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds, 2 at least")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--cpu-seconds",
        action="store_true",
        help="count this process's CPU seconds, for a machine in use (no workers then)",
    )
    parser.add_argument("--compile", action="store_true", help="our loop with torch.compile")
    parser.add_argument("--bf16", action="store_true", help="our loop with autocast to bf16")
    given = parser.parse_args()
    if given.rounds < 2:
        parser.error("a spread needs --rounds of 2 at least")
    if given.cpu_seconds:
        given.workers = [0]
    return given


def _measure(name: str, images: Images, recipe: Recipe, given: argparse.Namespace) -> float:
    """Print one line; return the mean ratio."""
    side = NETS.get(name, 32)
    clock = time.process_time if given.cpu_seconds else time.perf_counter

    def net() -> nn.Module:
        return build(name, len(images.classes), resolution=side, seed=0)

    ways: dict[str, Callable[[], float]] = {
        "ours": lambda: ours(net(), images, recipe, side, clock)
    }
    for workers in given.workers:
        ways[f"plain, {workers}"] = lambda n=workers: plain(net(), images, recipe, side, clock, n)
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for round_ in range(given.rounds + 1):
        for way, run in ways.items():
            rate = run()
            if round_:
                rates[way].append(rate)
    mine = rates.pop("ours")
    best = max(rates, key=lambda way: median(rates[way]))
    ratios = [a / b for a, b in zip(mine, rates[best], strict=True)]
    others = "  ".join(f"{way} workers {median(r):6.1f}" for way, r in rates.items())
    print(
        f"{name:18s} {side:3d} px  ours {median(mine):6.1f}  {others}  ratio {mean(ratios):.2f} "
        f"± {stdev(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}, n = {len(ratios)})",
        flush=True,
    )
    return mean(ratios)


def main() -> None:
    """Print images a second and their ratio for each net."""
    given = _arguments()
    torch.set_num_threads(given.threads)
    images = load(DatasetConfig(name=given.images, train=given.train, validation=10))
    recipe = Recipe(
        epochs=given.epochs,
        batch_size=given.batch_size,
        augmentation=Augmentation(rotation=DEGREES, scale=ZOOM, translation=SHIFT),
        evaluate_every=1000,
        precision="bf16" if given.bf16 else "float32",
        compile=given.compile,
    )
    print(f"{given.threads} threads, batches of {given.batch_size}; images a second, medians")
    ratios = [_measure(name, images, recipe, given) for name in given.nets]
    print(f"mean ratio over {len(ratios)} nets {mean(ratios):.2f}, least {min(ratios):.2f}")


if __name__ == "__main__":
    main()
