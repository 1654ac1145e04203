"""Successive halving and extrapolated curves, replayed on real tables.

    python benchmarks/multi_fidelity.py search --seeds 8
    python benchmarks/multi_fidelity.py bounds
    python benchmarks/multi_fidelity.py bounds --run runs/mobile_5m

``search`` runs NAS-Bench-201's space as a study: a real run with its store, whose trainings are
looked up: the accuracy after 12 epochs at the rung, after 200 at the end. Prints the hypervolume
(accuracy and MACs of complete trials; share of that of the whole space's front) that is reached
with equal epochs, mean and standard deviation over seeds. The 12 epochs have a schedule of their
own in the table, which orders nets better than the first 12 of 200 would.

``bounds`` prints how often a net ended below its upper 95 % bound, within the 90 % interval, and
how far the bound lies above the prediction: on NAS-Bench-201 (12 to 200 epochs, finished curves
drawn from all nets or from those that halving would keep), on NATS-Bench's curves of three nets
(each left out in turn), and on a run's own curves.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archsearch.curves import extrapolated
from archsearch.datasets import load
from archsearch.documents import Document
from archsearch.evaluate import Job, Outcome, Package, Workbench
from archsearch.measures import ACCURACY, accuracy_at
from archsearch.pareto import hypervolume
from archsearch.search import Run
from archsearch.space import architecture_of
from archsearch.store import Store
from archsearch.study import Study, study_of
from archsearch.trial import Measured, Trial

Floats = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "../shared/data/bench"
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("edge01", "edge02", "edge12", "edge03", "edge13", "edge23")
SHORT, WHOLE = 12, 200
BUDGETS = (4_000, 8_000, 16_000)
MAXIMIZE = (True, False)
WORST = 0.85
"""Accuracy from which the hypervolume counts: from 0.1, one middling net has most of it."""
WAYS: Mapping[str, Mapping[str, object]] = {
    "no rungs": {},
    "keep 1/2": {"rungs": [SHORT], "keep": 0.5},
    "keep 1/4": {"rungs": [SHORT], "keep": 0.25},
    "keep 1/4, asynchronous": {"rungs": [SHORT], "keep": 0.25, "asynchronous": True},
    "keep 1/2, extrapolated": {"rungs": [SHORT], "keep": 0.5, "extrapolate": True},
    "keep 9/10, extrapolated": {"rungs": [SHORT], "keep": 0.9, "extrapolate": True},
}


def table() -> list[dict[str, str]]:
    """Rows of NAS-Bench-201."""
    with gzip.open(BENCH / "nasbench201.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


class Replay(Workbench):
    """Looks accuracies up instead of training."""

    def __init__(self, study: Study, known: Mapping[str, tuple[float, float]]) -> None:
        super().__init__(study, load(study.settings.data))
        self.known = known

    def evaluate(self, package: Package) -> list[Outcome]:
        """Answer at once; the seconds are epochs."""
        return [self._looked_up(job) for job in package.jobs]

    def _looked_up(self, job: Job) -> Outcome:
        net = architecture_of(Document("job", dict(job.architecture)))
        cell = net.stages[0].blocks[0]
        short, whole = self.known["".join(str(OPERATIONS.index(getattr(cell, e))) for e in EDGES)]
        epochs = (job.until or WHOLE) - job.reached
        name, value = (ACCURACY, whole) if job.until is None else (accuracy_at(job.until), short)
        return Outcome(job.number, "train", (Measured(name, value, "train", seconds=epochs),))


def study_with(way: Mapping[str, object], sampler: str, seed: int) -> Study:
    """The study of one way to spend epochs."""
    data = {
        "schema": 1,
        "name": "replay",
        "seed": seed,
        "space": "nasbench201.yaml",
        "classes": 10,
        "objectives": [{"maximize": ACCURACY}, {"minimize": "macs"}],
        "sampler": sampler,
        "cascade": {"train": dict(way)},
        "training": {"epochs": float(WHOLE)},
        "data": {"name": "digits"},
        "budget": {"trials": 10_000},
        "engine": "local",
    }
    return study_of(Document("replay", data), ROOT / "search_spaces")


def spent_of(trials: Sequence[Trial]) -> float:
    """Epochs that trials took."""
    return sum(m.seconds for t in trials for m in t.measures.values() if m.stage == "train")


def searched(study: Study, known: Mapping[str, tuple[float, float]]) -> dict[int, list[Trial]]:
    """Run until the last budget is spent; the trials at each budget."""
    found: dict[int, list[Trial]] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "run.sqlite", study.data, study.identity, {})
        run, bench = Run(study, store), Replay(study, known)
        while len(found) < len(BUDGETS) and (package := run.next_package()) is not None:
            before = list(run.trials.values())
            run.finish(bench.evaluate(package))
            for budget in BUDGETS:
                if budget not in found and spent_of(list(run.trials.values())) > budget:
                    found[budget] = before
        store.close()
    return found


def volume(points: Floats, reference: Sequence[float]) -> float:
    """Hypervolume above the reference point."""
    return hypervolume(points, reference, MAXIMIZE) if len(points) else 0.0


def search(seeds: int, samplers: Sequence[str]) -> None:
    """Print the hypervolume of each way at each budget."""
    rows = table()
    known = {r["ops"]: (float(r["c10_val_e12"]) / 100, float(r["c10_test"]) / 100) for r in rows}
    whole = np.array([[float(r["c10_test"]) / 100, 1e6 * float(r["flops_m"])] for r in rows])
    reference = (WORST, whole[:, 1].max())
    best = volume(whole, reference)
    print(
        f"{'sampler':17} {'way':24} " + " ".join(f"{f'{b:,} epochs':>15}" for b in BUDGETS), end=""
    )
    print("   trials begun, ended (last budget)")
    for sampler in samplers:
        for name, way in WAYS.items():
            found = [searched(study_with(way, sampler, seed), known) for seed in range(seeds)]
            cells = []
            for budget in BUDGETS:
                shares = [volume(points_of(run[budget]), reference) / best for run in found]
                cells.append(f"{np.mean(shares):8.4f} ± {np.std(shares, ddof=1):.4f}")
            last = [run[BUDGETS[-1]] for run in found]
            begun = np.mean([sum(spent_of([t]) > 0 for t in trials) for trials in last])
            ended = np.mean([len(points_of(trials)) for trials in last])
            print(
                f"{sampler:17} {name:24} {' '.join(cells)}   {begun:.0f}, {ended:.0f}", flush=True
            )


def points_of(trials: Sequence[Trial]) -> Floats:
    """Accuracy and MACs of the complete trials."""
    names = (ACCURACY, "macs")
    found = [[t.measures[n].value for n in names] for t in trials if t.state == "complete"]
    return np.array(found).reshape(-1, 2)


def judged(curves: Floats, finals: Floats, asked: Floats, truth: Floats) -> Floats:
    """Of each asked curve: below the bound, within the interval, bound less prediction."""
    found = extrapolated(curves, finals, asked)
    if found is None:
        return np.empty((0, 3))
    below, within = truth <= found.high, (truth <= found.high) & (truth >= found.low)
    return np.stack([below, within, found.high - found.value], axis=1).astype(float)


def left_out(curves: Floats, finals: Floats, groups: Sequence[object]) -> Floats:
    """Judge each group by the others."""
    found = []
    for group in dict.fromkeys(groups):
        out = np.array([g == group for g in groups])
        found.append(judged(curves[~out], finals[~out], curves[out], finals[out]))
    return np.concatenate(found)


def told(label: str, found: Floats) -> None:
    """Print one line."""
    if len(found):
        below, within, reach = *found[:, :2].mean(axis=0), np.median(found[:, 2])
        print(f"{label:58} {len(found):7,} {below:8.3f} {within:8.3f} {reach:10.4f}")
    else:
        print(f"{label:58} {0:7}  too few finished curves")


def from_table() -> Iterator[tuple[str, Floats]]:
    """NAS-Bench-201, 12 epochs to 200."""
    rows = table()
    rng = np.random.default_rng(0)
    for data, short in (
        ("c10", "c10_val_e12"),
        ("c100", "c100_test_e12"),
        ("in16", "in16_test_e12"),
    ):
        pairs = np.array([[float(r[short]), float(r[f"{data}_test"])] for r in rows]) / 100
        for kept in (False, True):
            for finished in (8, 16, 64):
                found = []
                for _ in range(200):
                    some = pairs[rng.choice(len(pairs), 2 * (finished + 50), replace=False)]
                    if kept:
                        some = some[some[:, 0] >= np.median(some[:, 0])]
                    ended, new = some[:finished], some[finished : finished + 50]
                    found.append(judged(ended[:, :1], ended[:, 1], new[:, :1], new[:, 1]))
                among = "the better half" if kept else "all"
                label = f"NAS-Bench-201 {data}, {finished} finished of {among}"
                yield label, np.concatenate(found)


def from_curves() -> Iterator[tuple[str, Floats]]:
    """NATS-Bench's 200-epoch curves: three nets, three seeds each, by image set."""
    accuracy: dict[tuple[str, str, str], dict[int, float]] = {}
    with gzip.open(BENCH / "natsbench_curves_3archs.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            value = row["x_valid_acc"] or row["ori_test_acc"] or row["x_test_acc"]
            if row["hp"] == str(WHOLE) and value:
                key = row["dataset"], row["arch_idx"], row["seed"]
                accuracy.setdefault(key, {})[int(row["epoch"])] = float(value) / 100
    for data in sorted({key[0] for key in accuracy}):
        runs = {key: curve for key, curve in accuracy.items() if key[0] == data}
        runs = {key: curve for key, curve in runs.items() if WHOLE in curve}
        for rung in (12, 50, 100):
            some = {key: curve for key, curve in runs.items() if rung in curve}
            curves = np.array([[curve[rung]] for curve in some.values()]).reshape(-1, 1)
            finals = np.array([curve[WHOLE] for curve in some.values()])
            label = f"NATS-Bench {data}, {rung} epochs, one left out"
            yield label, left_out(curves, finals, list(some)) if len(some) else np.empty((0, 3))


def from_run(folder: Path) -> Iterator[tuple[str, Floats]]:
    """A run's own curves: each complete trial left out, by the epochs before."""
    with Store.open(folder / "run.sqlite") as store:
        finals = {
            t.number: t.measures[ACCURACY].value for t in store.trials() if t.state == "complete"
        }
        stored = store.curves()
    means: dict[int, dict[float, float]] = {}
    for number in finals:
        epochs = sorted({p.epoch for p in stored[number]})
        means[number] = {
            e: float(np.mean([p.validation_accuracy for p in stored[number] if p.epoch == e]))
            for e in epochs
        }
    *before, _ = sorted(set.intersection(*(set(curve) for curve in means.values())))
    for last in range(1, len(before) + 1):
        curves = np.array([[curve[e] for e in before[:last]] for curve in means.values()])
        label = f"{folder.name}, {len(curves)} trials, epochs to {before[last - 1]:g}"
        yield label, left_out(curves, np.array(list(finals.values())), list(finals))


def bounds(run: Path | None) -> None:
    """Print how good the bounds are."""
    print(f"{'':58} {'judged':>7} {'below':>8} {'within':>8} {'bound up':>10}")
    if run is not None:
        for label, found in from_run(run):
            told(label, found)
        return
    for label, found in (*from_table(), *from_curves()):
        told(label, found)


def main() -> None:
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["search", "bounds"])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--samplers", nargs="+", default=["random", "pareto_evolution"])
    parser.add_argument("--run", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "search":
        search(arguments.seeds, arguments.samplers)
    else:
        bounds(arguments.run)


if __name__ == "__main__":
    main()
