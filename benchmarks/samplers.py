"""Compare the samplers on a toy space: hypervolume at equal budget, and what a proposal costs.

    python benchmarks/samplers.py --seeds 10
    python benchmarks/samplers.py --seeds 0 --speed 1000

The toy (the exact one of the field's comparison is not given; this one is ours): three stages of
one to three equal blocks; a block is parc (kernel 7, 14 or 28), gn (order 2 to 5) or sdta (splits 2
to 4). 27 000 architectures. With (size, gain) of SIZES for a block, stage s = 0, 1, 2 and depth d:

    params   = sum over stages of 1.25 (1 + s) size d            to be minimized, at most 100
    accuracy = sum over stages of (1 + s / 2) gain d ** 0.7      to be maximized

Accuracy is monotone in every setting and separable over stages. The hypervolume counts from
(accuracy 0, params 100). Candidates over the limit and duplicates are refused, as in a search. It
shows what the machinery does, and is no ranking of strategies: real accuracy is noisy.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from archsearch.documents import parse
from archsearch.pareto import hypervolume, non_dominated
from archsearch.samplers import SAMPLERS, make_sampler
from archsearch.samplers.sampler import Accept, Past, Sampler
from archsearch.samplers.strategy import Direction
from archsearch.seeds import derive
from archsearch.space import SearchSpace, load_space, tree_of
from archsearch.trial import Choices

TOY = """
schema: 1
input: {channels: 3, resolution: 224}
stem: {patch: {size: 4}}
stages:
""" + "".join(
    f"""
  - width: {width}
    {"downsample: conv" if index else ""}
    blocks:
      - repeat: {{int: [1, 3]}}
        choice:
          - pacc: {{kernel: {{choice: [7, 14, 28]}}}}
          - gnconv: {{order: {{int: [2, 5]}}}}
          - sdta: {{splits: {{int: [2, 4]}}, heads: 4}}
"""
    for index, width in enumerate((32, 64, 128))
)
SIZES = {
    "pacc": {7: (4.0, 2.0), 14: (6.0, 3.5), 28: (10.0, 4.5)},
    "gnconv": {2: (3.0, 1.0), 3: (6.0, 2.5), 4: (9.0, 5.0), 5: (14.0, 6.0)},
    "sdta": {2: (3.0, 2.0), 3: (7.0, 3.0), 4: (12.0, 4.0)},
}
"""Size and gain of a block by its setting. pacc stands for parc."""
LEAF = {"pacc": "kernel", "gnconv": "order", "sdta": "splits"}
MOST_PARAMS = 100.0
DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize")
MAXIMIZE = (True, False)
REFERENCE = (0.0, MOST_PARAMS)


def toy_values(choices: Choices) -> tuple[float, float]:
    """Accuracy and params of a point of the toy."""
    accuracy = params = 0.0
    for stage in range(3):
        path = f"stages.{stage}.blocks.0"
        layer = str(choices[f"{path}.layer"])
        size, gain = SIZES[layer][int(choices[f"{path}.{layer}.{LEAF[layer]}"])]
        depth = int(choices[f"{path}.repeat"])
        params += 1.25 * (1 + stage) * size * depth
        accuracy += (1 + stage / 2) * gain * depth**0.7
    return accuracy, params


def toy_points() -> Iterator[Choices]:
    """Every point of the toy."""
    block = [(layer, value) for layer, sizes in SIZES.items() for value in sizes]
    for picked in itertools.product(itertools.product(block, (1, 2, 3)), repeat=3):
        point: Choices = {}
        for stage, ((layer, value), depth) in enumerate(picked):
            path = f"stages.{stage}.blocks.0"
            point |= {f"{path}.repeat": depth, f"{path}.layer": layer}
            point[f"{path}.{layer}.{LEAF[layer]}"] = value
        yield point


def fresh(within: Callable[[Choices], bool], known: set[str]) -> Accept:
    """Accept what is within the limit and new."""

    def accept(choices: Choices) -> bool:
        key = repr(sorted(choices.items()))
        if key in known or not within(choices):
            return False
        known.add(key)
        return True

    return accept


def search(
    sampler: Sampler,
    values: Callable[[Choices], tuple[float, float]],
    evaluations: int,
    generation: int,
    seed: int,
    within: Callable[[Choices], bool],
) -> list[Past]:
    """Run ask and evaluate until ``evaluations`` points are known."""
    past: list[Past] = []
    accept = fresh(within, set())
    while len(past) < evaluations:
        count = min(generation, evaluations - len(past))
        proposals = sampler.ask(past, count, derive(seed, len(past)), accept, 2000)
        if not proposals:
            break
        past += [Past(p.choices, values(p.choices), True, p.note) for p in proposals]
    return past


def compare(names: list[str], seeds: int, evaluations: int, generation: int) -> None:
    """Print the hypervolume of every sampler, and of the true front."""
    space = SearchSpace(tree_of(parse(TOY, "toy")), "toy")
    every = np.array([toy_values(point) for point in toy_points()])
    inside = every[every[:, 1] <= MOST_PARAMS]
    front = inside[non_dominated(inside, MAXIMIZE)]
    best = hypervolume(front, REFERENCE, MAXIMIZE)
    print(
        f"{len(every)} points, {len(inside)} within {MOST_PARAMS:g} params, "
        f"{len(front)} on the front, hypervolume {best:.0f}"
    )
    print(f"{'sampler':18} {'HV mean':>8} {'sd':>6} {'n':>3} {'share':>7} {'front points':>12}")
    for name in names:
        volumes, found = [], []
        for seed in range(seeds):
            sampler = make_sampler(name, space, DIRECTIONS, {})
            past = search(
                sampler,
                toy_values,
                evaluations,
                generation,
                seed,
                lambda choices: toy_values(choices)[1] <= MOST_PARAMS,
            )
            points = np.array([trial.values for trial in past])
            volumes.append(hypervolume(points, REFERENCE, MAXIMIZE))
            found.append(len({tuple(p) for p in points} & {tuple(p) for p in front}))
        print(
            f"{name:18} {np.mean(volumes):8.0f} {np.std(volumes, ddof=1):6.0f} {seeds:3} "
            f"{np.mean(volumes) / best:7.1%} {np.mean(found):12.1f}"
        )


def clock(names: list[str], space: SearchSpace, evaluations: int, generation: int) -> None:
    """Print the time of a proposal, from the first to the last of a long run, in milliseconds."""
    leaves = space.leaves()
    rng = np.random.default_rng(0)
    weights = {path: rng.random(len(domain.labels)) for path, domain in leaves}
    places = {path: domain.labels.index for path, domain in leaves}

    def values(choices: Choices) -> tuple[float, float]:
        parts = [weights[path][places[path](label)] for path, label in choices.items()]
        return float(np.sum(parts)), float(np.square(parts).sum())

    print(f"{space.name}: {len(leaves)} leaves, generations of {generation}")
    print(f"{'sampler':18} {'trials':>6} {'ms a trial':>10} {'last tenth':>10}")
    for name in names:
        sampler = make_sampler(name, space, DIRECTIONS, {})
        past: list[Past] = []
        accept = fresh(lambda _: True, set())
        seconds: list[float] = []
        while len(past) < evaluations:
            began = time.perf_counter()
            proposals = sampler.ask(past, generation, len(past), accept, 2000)
            seconds.append((time.perf_counter() - began) / len(proposals))
            past += [Past(p.choices, values(p.choices), True, p.note) for p in proposals]
        tenth = max(1, len(seconds) // 10)
        print(
            f"{name:18} {len(past):6} {1e3 * np.mean(seconds):10.2f} "
            f"{1e3 * np.mean(seconds[-tenth:]):10.2f}"
        )


def main() -> None:
    """Parse the command line and print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samplers", nargs="+", choices=list(SAMPLERS), default=list(SAMPLERS))
    parser.add_argument("--seeds", type=int, default=10, help="repetitions on the toy; 0: none")
    parser.add_argument("--evaluations", type=int, default=135, help="budget on the toy")
    parser.add_argument("--generation", type=int, default=16, help="proposals an ask")
    parser.add_argument("--speed", type=int, default=0, help="trials of the speed run; 0: none")
    parser.add_argument(
        "--space", type=Path, default=Path("search_spaces/mobile.yaml"), help="for the speed run"
    )
    given = parser.parse_args()
    if given.seeds:
        compare(given.samplers, given.seeds, given.evaluations, given.generation)
    if given.speed:
        clock(given.samplers, load_space(given.space), given.speed, given.generation)


if __name__ == "__main__":
    main()
