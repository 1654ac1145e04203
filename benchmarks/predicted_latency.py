"""How good and how fast predicted latencies are.

    OMP_NUM_THREADS=1 python benchmarks/predicted_latency.py
    OMP_NUM_THREADS=1 python benchmarks/predicted_latency.py --points --nets 100 --counts counts.csv

The rate is of ``Predicted.population`` on random members of the mobile space, in seconds of
processor time on one thread: "first" with empty memories, "again" the same points once more. With
``--nets`` random members are emulated whole and compared; their counts are appended to ``--counts``
and those there are not emulated again. The draws are other ones than those of ``archsearch devices
learn``, and independent of them.
"""

from __future__ import annotations

import argparse
import csv
import time
from itertools import count, islice
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from archsearch.architecture import Architecture
from archsearch.codes import draw_codes
from archsearch.cost import count as macs
from archsearch.cost.population import PopulationCosts
from archsearch.cost.static import forget
from archsearch.devices.emulated import Emulated
from archsearch.devices.predicted import Predicted
from archsearch.devices.profile import CLASSES, load
from archsearch.devices.runtimes import Refused
from archsearch.seeds import derive
from archsearch.space import SearchSpace, load_space

SPACE = Path(__file__).parent.parent / "search_spaces" / "mobile.yaml"
SEED = 5


def drawn(space: SearchSpace, number: int) -> Architecture:
    """A random member that the fit never saw."""
    rng = np.random.default_rng(derive(SEED, "predicted latency", "test", number))
    return space.sample(rng)


def rates(space: SearchSpace, boards: list[str], points: int) -> None:
    """Print nets a second; first what layers cost is forgotten too, which time needs besides."""
    codes = draw_codes(space.tree, np.random.default_rng(1), 3 * points)
    codes = codes[PopulationCosts(space.tree).count(codes).valid][:points]
    for board in boards:
        price = Predicted(load(board)).population(space.tree)
        forget()
        for name in ("first", "again"):
            began = time.process_time()
            price(codes)
            rate = len(codes) / (time.process_time() - began)
            print(f"{board:16} {name:6} {rate:10,.0f} nets/s, n = {len(codes)}")


def numbers(space: SearchSpace, nets: int, most_macs: float) -> list[int]:
    """Numbers of the first members that have at most so many MACs."""
    few = (number for number in count() if macs(drawn(space, number)).macs <= most_macs)
    return list(islice(few, nets))


def counted(given: argparse.Namespace, members: dict[int, Architecture]) -> dict[int, list[float]]:
    """Executed instructions of members by number, emulated where the file has none."""
    found: dict[int, list[float]] = {}
    if given.counts.exists():
        with given.counts.open(newline="") as file:
            for row in csv.DictReader(file):
                found[int(row["member"])] = [float(row[name]) for name in CLASSES]
    todo = [number for number in members if number not in found]
    if todo:
        profile = load(given.boards[0])
        emulated = Emulated(profile, isa=given.isa, processes=given.processes)
        with emulated as device, given.counts.open("a") as out:
            if not found:
                print("member", *CLASSES, sep=",", file=out)
            counts = device.counts(members[number] for number in todo)
            for number, one in zip(todo, counts, strict=True):
                if isinstance(one, Refused):
                    print(f"{number}: left out, {one}")
                    continue
                found[number] = [one[name] for name in CLASSES]
                print(number, *map(round, found[number]), sep=",", file=out, flush=True)
    return {number: found[number] for number in members if number in found}


def errors(space: SearchSpace, given: argparse.Namespace) -> None:
    """Print errors against emulation."""
    members = {n: drawn(space, n) for n in numbers(space, given.nets, given.most_macs)}
    counts = counted(given, members)
    array = np.array(list(counts.values()))
    for board in given.boards:
        profile = load(board)
        device = Predicted(profile, isa=given.isa)
        found = np.array([device.latency(members[number]).latency_ms for number in counts])
        emulated = profile.milliseconds(array, isa=given.isa)
        off = found / emulated - 1
        print(
            f"{board:20} MAPE {abs(off).mean():.2%}, bias {off.mean():+.2%}, most "
            f"{abs(off).max():.2%}, Spearman {spearmanr(found, emulated)[0]:.4f}, "
            f"{emulated.min():.0f} to {emulated.max():.0f} ms, n = {len(off)}"
        )


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", nargs="+", default=["rk3288", "raspberry_pi_4"])
    parser.add_argument("--points", type=int, nargs="*", default=[3_000, 50_000])
    parser.add_argument("--nets", type=int, default=0)
    parser.add_argument("--most-macs", type=float, default=float("inf"))
    parser.add_argument("--isa", default="aarch64-fp32")
    parser.add_argument("--counts", type=Path, default=Path("predicted_latency_counts.csv"))
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    space = load_space(SPACE)
    for points in given.points:
        rates(space, given.boards, points)
    if given.nets:
        errors(space, given)


if __name__ == "__main__":
    main()
