"""Time of fronts and hypervolumes of many points, in processor time.

    OMP_NUM_THREADS=1 python benchmarks/fronts.py

Points are even in a cube, where few are on the front, or on a sphere, where all are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from archsearch.attainment import differences, surfaces
from archsearch.knees import sharpness
from archsearch.membership import Noise, front_probability
from archsearch.pareto import Points, crowding, fronts, hypervolume, non_dominated

REPEATS = 5


def cube(rng: np.random.Generator, n: int, m: int) -> Points:
    """Even points in the unit cube."""
    return rng.random((n, m))


def sphere(rng: np.random.Generator, n: int, m: int) -> Points:
    """Points on the part of the unit sphere that faces the ideal point."""
    points = np.abs(rng.normal(size=(n, m)))
    return np.asarray(1 - points / np.linalg.norm(points, axis=1, keepdims=True))


def timed(name: str, call: Callable[[], Any]) -> None:
    """Print the processor time of a call."""
    seconds = []
    for _ in range(REPEATS):
        begin = time.process_time()
        call()
        seconds.append(time.process_time() - begin)
    print(
        f"{name:58} median {median(seconds):7.3f} s "
        f"({min(seconds):.3f} to {max(seconds):.3f}, n = {REPEATS})",
        flush=True,
    )


def many_points(rng: np.random.Generator, n: int, m: int) -> None:
    """What a front of ``n`` points in ``m`` objectives costs."""
    flags, reference = [False] * m, [1.1] * m
    for shape in (cube, sphere):
        points = shape(rng, n, m)
        where = f"{n:,} points, {m} objectives, {shape.__name__}"
        timed(f"{where}: front", partial(non_dominated, points, flags))
        timed(f"{where}: all ranks", partial(fronts, points, flags))
        timed(f"{where}: hypervolume", partial(hypervolume, points, reference, flags))
        timed(f"{where}: crowding", partial(crowding, points))


def repeated_runs(rng: np.random.Generator) -> None:
    """What is made of the fronts of runs."""
    runs = [sphere(rng, 100, 2) for _ in range(20)]
    timed("20 runs of 100: surfaces", partial(surfaces, runs, (False, False)))
    timed(
        "10 runs of 100 against 10: differences",
        partial(differences, runs[:10], runs[10:], (1.1, 1.1), (False, False)),
    )
    points = sphere(rng, 1_000, 2)
    noises = [Noise.known(np.full(1_000, 0.01)), Noise.known(np.zeros(1_000))]
    timed(
        "1,000 candidates: probability of the front, 2,000 draws",
        partial(front_probability, points, noises, (False, False), 0),
    )
    timed("1,000 points on a front: knees", partial(sharpness, points, (False, False)))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    many_points(rng, 1_000_000, 2)
    many_points(rng, 100_000, 3)
    repeated_runs(rng)
