"""What all training-free scores cost together, against what each costs alone.

    python benchmarks/proxy_sharing.py --images 32 --size 64 --repeats 5

Each score is taken alone, on a fresh copy of everything, then all in one call of ``score_all``, one
after the other in one process on one thread. Printed are the CPU seconds of each alone (median over
repeats, which do not count the first), their sum, the suite's, and the ratio with its range. Where
the nets are on a GPU, seconds are wall seconds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.network import build
from archsearch.proxies import PROXIES, score_all
from archsearch.space import load_space

MOBILE = Path(__file__).parents[1] / "search_spaces" / "mobile.yaml"


def nets(names: Sequence[str], members: int) -> dict[str, Architecture]:
    """The published nets of these names, and random members of the mobile space."""
    found = {name: published.load(name) for name in names}
    space, rng = load_space(MOBILE), np.random.default_rng(0)
    return found | {f"mobile member {number}": space.sample(rng) for number in range(members)}


def seconds(act: Callable[[], object], device: torch.device) -> float:
    """CPU seconds of ``act``; on a GPU wall seconds until it is idle."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    began = clock()
    act()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - began


def measured(net: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Seconds of each score alone, and of ``suite``."""

    def taking(names: Sequence[str]) -> float:
        return seconds(lambda: score_all(net, images, labels, names, seed=0), images.device)

    return {name: taking([name]) for name in PROXIES} | {"suite": taking(list(PROXIES))}


def report(name: str, rows: Sequence[dict[str, float]]) -> None:
    """Print one net's medians and its ratio."""
    print(f"\n{name}")
    for proxy in (*PROXIES, "suite"):
        print(f"  {proxy:20} {statistics.median(row[proxy] for row in rows):8.3f} s")
    sums = [sum(row[proxy] for proxy in PROXIES) for row in rows]
    ratios = [row["suite"] / total for row, total in zip(rows, sums, strict=True)]
    print(f"  {'sum of all alone':20} {statistics.median(sums):8.3f} s")
    print(
        f"  ratio {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}, "
        f"n = {len(rows)}"
    )


def main() -> None:
    """Print one block a net."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", nargs="*", default=["edgenext_xx_small"])
    parser.add_argument("--members", type=int, default=2, help="random members of mobile.yaml")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(asked.device)
    chance = torch.Generator().manual_seed(0)
    images = torch.randn(asked.images, 3, asked.size, asked.size, generator=chance).to(device)
    labels = (torch.arange(asked.images) % 10).to(device)
    for name, architecture in nets(asked.nets, asked.members).items():
        net = build(architecture, 10, resolution=asked.size, seed=0).to(device)
        rows = [measured(net, images, labels) for _ in range(asked.repeats + 1)]
        report(name, rows[1:])


if __name__ == "__main__":
    main()
