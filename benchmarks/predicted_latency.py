"""How good and how fast predicted latencies are.

    OMP_NUM_THREADS=1 nice python benchmarks/predicted_latency.py
    OMP_NUM_THREADS=1 nice python benchmarks/predicted_latency.py --nets 100 --counts counts.jsonl

The rate is of ``Predicted.population`` on random members of the mobile space, in seconds of
processor time on one thread: "first" with empty memories, "again" the same points once more. With
``--nets`` random members are emulated whole and compared; their counts are appended to ``--counts``
and those there are not emulated again. The draws are other ones than those of ``archsearch devices
learn``, and independent of them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from archsearch.architecture import Architecture
from archsearch.codes import draw_codes
from archsearch.cost.population import PopulationCosts
from archsearch.devices.emulated import Emulated
from archsearch.devices.predicted import Predicted
from archsearch.devices.profile import CLASSES, as_array, load
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
    """Print nets a second."""
    codes = draw_codes(space.tree, np.random.default_rng(1), 3 * points)
    codes = codes[PopulationCosts(space.tree).count(codes).valid][:points]
    for board in boards:
        price = Predicted(load(board)).population(space.tree)
        for name in ("first", "again"):
            began = time.process_time()
            price(codes)
            rate = len(codes) / (time.process_time() - began)
            print(f"{board:16} {name:6} {rate:10,.0f} nets/s, n = {len(codes)}")


def counted(space: SearchSpace, nets: int, file: Path) -> dict[int, list[float]]:
    """Executed instructions of members by number, emulated where the file has none."""
    lines = file.read_text().splitlines() if file.exists() else []
    found = {row["i"]: list(row["counts"].values()) for row in map(json.loads, lines)}
    todo = [number for number in range(nets) if number not in found]
    if todo:
        with Emulated(load("rk3288")) as device, file.open("a") as out:
            counts = device.counts(drawn(space, number) for number in todo)
            for number, one in zip(todo, counts, strict=True):
                if isinstance(one, Refused):
                    print(f"{number}: left out, {one}")
                    continue
                found[number] = [one[name] for name in CLASSES]
                print(json.dumps({"i": number, "counts": dict(one)}), file=out, flush=True)
    return {number: found[number] for number in range(nets) if number in found}


def errors(space: SearchSpace, boards: list[str], nets: int, file: Path) -> None:
    """Print errors against emulation."""
    counts = counted(space, nets, file)
    members = [drawn(space, number) for number in counts]
    array = as_array(dict(zip(CLASSES, np.array(list(counts.values())).T, strict=True)))
    for board in boards:
        profile = load(board)
        device = Predicted(profile)
        found = np.array([device.latency(member).latency_ms for member in members])
        emulated = profile.milliseconds(array)
        off = found / emulated - 1
        print(
            f"{board:16} MAPE {abs(off).mean():.2%}, bias {off.mean():+.2%}, most "
            f"{abs(off).max():.2%}, Spearman {spearmanr(found, emulated)[0]:.4f}, "
            f"{emulated.min():.0f} to {emulated.max():.0f} ms, n = {len(off)}"
        )


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", nargs="+", default=["rk3288", "raspberry_pi_4"])
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--nets", type=int, default=0)
    parser.add_argument("--counts", type=Path, default=Path("predicted_latency_counts.jsonl"))
    given = parser.parse_args()
    space = load_space(SPACE)
    rates(space, given.boards, given.points)
    if given.nets:
        errors(space, given.boards, given.nets, given.counts)


if __name__ == "__main__":
    main()
