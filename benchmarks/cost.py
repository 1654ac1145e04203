"""How fast costs are counted: one net, a population, and fvcore on the same nets.

    OMP_NUM_THREADS=1 nice python benchmarks/cost.py
    OMP_NUM_THREADS=1 python benchmarks/cost.py --nets 20 --sizes 20000 --runs 3

Everything in one run, on one thread, in seconds of processor time, which other programs on the
machine hardly change. "First": what is remembered of layers is empty, before each net and before
each population, and fills on the way; "again": the same points once more; "after others": points
never met, when others of the space have been counted before, as in a search. fvcore is timed
without building the modules that it needs and without importing it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from archsearch.architecture import Architecture
from archsearch.codes import IntArray, choices_of, draw_codes
from archsearch.cost import count
from archsearch.cost.counters.isolation import blocked, quiet
from archsearch.cost.population import PopulationCosts
from archsearch.cost.static import forget
from archsearch.network import build
from archsearch.screen import start_candidates
from archsearch.space import SearchSpace, load_space
from archsearch.study import load_study

STUDY = Path(__file__).parent.parent / "studies" / "mobile_5m.yaml"
SCREENED = 100_000
OTHERS = 2_000
"""Members that are counted one by one before those that are timed."""

SPACE = Path(__file__).parent.parent / "search_spaces" / "mobile.yaml"


def seconds(call: Callable[[], Any]) -> float:
    """Processor seconds of one call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def members(space: SearchSpace, number: int, seed: int) -> IntArray:
    """Rows of random members."""
    codes = draw_codes(space.tree, np.random.default_rng(seed), 100 + 10 * number)
    rows = codes[PopulationCosts(space.tree).count(codes).valid][:number]
    if len(rows) < number:
        raise SystemExit(f"only {len(rows)} of {len(codes)} random points are members")
    return rows


def time_counts(nets: Sequence[Architecture]) -> list[float]:
    """Seconds that ``count`` takes for each net."""
    return [seconds(partial(count, net)) for net in nets]


def time_first_counts(nets: Sequence[Architecture]) -> list[float]:
    """Seconds that ``count`` takes for each net, none of whose layers was met before."""
    times = []
    for net in nets:
        forget()
        times.append(seconds(partial(count, net)))
    return times


def show(name: str, times: Sequence[float], unit: str, scale: float) -> None:
    """One line: the median, the tenth and the ninetieth percentile, and how many."""
    low, middle, high = scale * np.quantile(times, [0.1, 0.5, 0.9])
    print(
        f"{name:46} {middle:10,.1f} {unit:12} p10 {low:,.1f}, p90 {high:,.1f}, n = {len(times)}",
        flush=True,
    )


def show_rates(name: str, points: int, times: Sequence[float]) -> None:
    """One line: points a second, the median and the range over the runs."""
    rates = [points / taken for taken in times]
    print(
        f"{name:46} {np.median(rates):10,.0f} points/s     "
        f"{min(rates):,.0f} to {max(rates):,.0f}, n = {len(rates)}",
        flush=True,
    )


def cold(space: SearchSpace, codes: IntArray) -> float:
    """Seconds for a population of which no layer was met before."""
    forget()
    return seconds(lambda: PopulationCosts(space.tree).count(codes))


def time_population(space: SearchSpace, points: int, runs: int) -> PopulationCosts:
    """Points a second of a population; returns a memory that has met ``points`` others."""
    codes = draw_codes(space.tree, np.random.default_rng(0), points)
    first = [cold(space, codes) for _ in range(runs)]
    costs = PopulationCosts(space.tree)
    costs.count(codes)
    again = [seconds(lambda: costs.count(codes)) for _ in range(runs)]
    show_rates(f"population of {points:,}, first", points, first)
    show_rates(f"population of {points:,}, again", points, again)
    return costs


def fvcore_times(nets: Sequence[Architecture]) -> list[float]:
    """Seconds that fvcore takes to count each net, its module built before."""
    with quiet(), blocked("torchvision"):
        from fvcore.nn import FlopCountAnalysis

    def total(net: Architecture) -> float:
        module, image = build(net, seed=0).eval(), torch.zeros(1, net.channels, *net.size)
        analysis = FlopCountAnalysis(module, image)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        with torch.no_grad(), quiet():
            return seconds(analysis.total)

    return [total(net) for net in nets]


def main() -> None:
    """Print a line for each timing and each ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", type=Path, default=SPACE)
    parser.add_argument("--nets", type=int, default=200, help="members that fvcore counts too")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--runs", type=int, default=5, help="of each population")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    space = load_space(arguments.space)

    def decoded(rows: IntArray) -> list[Architecture]:
        return [space.decode(choices_of(space.tree, row)) for row in rows]

    rows = members(space, arguments.nets, seed=1)
    nets = decoded(rows)
    first = time_first_counts(decoded(members(space, arguments.nets, seed=2)))
    others = decoded(members(space, OTHERS, seed=3))
    forget()
    for other in others:
        count(other)
    after, again = time_counts(nets), time_counts(nets)
    show("count() of a net, first", first, "us", 1e6)
    show(f"count() of a net, after {OTHERS:,} others", after, "us", 1e6)
    show("count() of a net, again", again, "us", 1e6)
    for points in arguments.sizes:
        costs = time_population(space, points, arguments.runs)
    met = seconds(lambda: costs.count(rows))
    new = float(np.median([cold(space, rows) for _ in range(arguments.runs)]))
    theirs = fvcore_times(nets)
    show("fvcore on a net", theirs, "ms", 1e3)

    study = load_study(STUDY, [f"start.screen={SCREENED}"])
    forget()
    screened = [seconds(lambda: start_candidates(study)) for _ in range(3)]
    show(f"screening {SCREENED:,} candidates", screened, "s", 1)

    print(f"\nfvcore's time on {len(nets)} nets, by ours on the same nets")
    for name, ours in {
        f"count(), after {OTHERS:,} others": sum(after),
        "count(), again": sum(again),
        "population of these, first": new,
        f"population of these, after {arguments.sizes[-1]:,} others": met,
    }.items():
        print(f"{name:46} {sum(theirs) / ours:10,.0f} times")


if __name__ == "__main__":
    main()
