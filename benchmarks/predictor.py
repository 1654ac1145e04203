"""Does the predictor order nets better than what needs no training, and do its intervals cover?

    python benchmarks/predictor.py ../shared/data/bench            (2 minutes of CPU)
    python benchmarks/predictor.py ../shared/data/bench --models   (other models, 2 minutes)

Spaces are tables of trained nets: those of NAS-Bench-201 that NAS-Bench-Suite-Zero scored with
eleven proxies, one of each isomorphism class (a twin among the training nets would give a net away
and make residuals look small), and NAS-Bench-Macro, without proxies. For each number of training
nets: 90 % intervals and predictions of held-out nets, mean and standard deviation over draws of the
training nets. The bar is a coverage of 85 to 95 %. A baseline takes the direction that is better on
the training nets.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from archsearch.predictor import TREES, Predictor, judge

Floats = NDArray[np.float64]

TRAINED = (50, 100, 200)
HELD_OUT = 400
PROXIES = ("synflow", "grasp", "fisher", "grad_norm", "nwot", "jacov", "snip", "l2_norm", "plain")


@dataclass(frozen=True)
class Table:
    """Trained nets: features (N, F), accuracies (N,) and baselines (N,)."""

    name: str
    features: Floats
    accuracy: Floats
    baselines: dict[str, Floats]

    def __str__(self) -> str:
        """Name and number of nets."""
        return f"{self.name} ({len(self.accuracy):,} nets)"


def nasbench201(folder: Path, with_proxies: bool) -> Table:
    """CIFAR-10 validation accuracy after 200 epochs of one net of each isomorphism class."""
    scored = pd.read_csv(folder / "zc_nasbench201.csv.gz").query("task == 'cifar10'")
    nets = pd.read_csv(folder / "nasbench201.csv.gz", dtype={"ops": str}).set_index("idx")
    found = scored.join(nets[["ops", "iso_class"]], on="idx").drop_duplicates("iso_class")
    known = found[list(PROXIES)].where(np.isfinite(found[list(PROXIES)]))
    found[list(PROXIES)] = known.fillna(known.min())  # the logarithm of a net without any path
    costs = {name: np.log(found[name].to_numpy(float)) for name in ("params", "flops")}
    proxies = {name: found[name].to_numpy(float) for name in PROXIES} if with_proxies else {}
    return Table(
        f"NAS-Bench-201, {'with' if with_proxies else 'without'} proxies",
        _features(list(found["ops"]), costs | proxies),
        found["val_accuracy"].to_numpy(float),
        costs | proxies,
    )


def macro(folder: Path) -> Table:
    """CIFAR-10 accuracy of the 6,561 nets of NAS-Bench-Macro."""
    found = pd.read_csv(folder / "nasbench_macro.csv.gz", dtype={"arch": str})
    costs = {name: np.log(found[name].to_numpy(float)) for name in ("params", "flops")}
    features = _features(list(found["arch"]), costs)
    accuracy = found["mean_acc"].to_numpy(float)
    return Table("NAS-Bench-Macro", features, accuracy, costs)


def _features(choices: list[str], numbers: dict[str, Floats]) -> Floats:
    """Every choice a column, and the numbers."""
    digits = np.array([[int(digit) for digit in text] for text in choices])
    chosen = (digits[:, :, None] == np.unique(digits)).reshape(len(digits), -1)
    return np.column_stack([chosen.astype(float), *numbers.values()])


def splits(table: Table, n: int, draws: int) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
    """Training and held-out nets of each draw."""
    for draw in range(draws):
        order = np.random.default_rng([draw, n]).permutation(len(table.accuracy))
        yield draw, order[:n], order[n : n + HELD_OUT]


def coverage(table: Table, n: int, draws: int, gate: bool) -> dict[str, list[float]]:
    """Coverage, width, correlations and seconds of each draw; with ``gate`` who was let through."""
    found: dict[str, list[float]] = {}
    for draw, train, rest in splits(table, n, draws):
        began = time.process_time()
        model = Predictor(table.features[train], table.accuracy[train], draw)
        seconds = time.process_time() - began
        said, truth = model.predict(table.features[rest]), table.accuracy[rest]
        baselines = {name: x[train] for name, x in table.baselines.items()}
        known = {n: spearmanr(x, table.accuracy[train]).statistic for n, x in baselines.items()}
        best = max(known, key=lambda name: abs(known[name]))
        row = {
            "coverage": float(((said.low <= truth) & (truth <= said.high)).mean()),
            "width": float((said.high - said.low).mean()),
            "predictor": spearmanr(said.value, truth).statistic,
            "baseline": spearmanr(np.sign(known[best]) * table.baselines[best][rest], truth)[0],
            "seconds": seconds,
        }
        if gate:
            judged = judge(table.features[train], table.accuracy[train], baselines, draw)
            row["beats"] = float(judged is not None and judged.beats)
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return found


MODELS: dict[str, Callable[[int], Any]] = {
    "extra trees": lambda seed: ExtraTreesRegressor(TREES, max_features=0.5, random_state=seed),
    "random forest": lambda seed: RandomForestRegressor(TREES, max_features=0.5, random_state=seed),
    "boosted trees": lambda seed: HistGradientBoostingRegressor(
        min_samples_leaf=5, random_state=seed
    ),
    "gaussian process": lambda seed: make_pipeline(
        StandardScaler(),
        GaussianProcessRegressor(
            ConstantKernel(1.0) * RBF(5.0, (0.5, 100)) + WhiteKernel(0.1, (1e-3, 2)),
            normalize_y=True,
            random_state=seed,
        ),
    ),
    "ridge": lambda _: make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13))),
}


def print_models(tables: list[Table], draws: int) -> None:
    """Print Spearman's correlation of held-out nets, a line a model."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # a bound of the noise is reached
    for table in tables:
        print(f"\n{table}: Spearman of held-out nets, mean ± sd of {draws} draws")
        for name, make in MODELS.items():
            cells = []
            for n in TRAINED:
                found = [
                    spearmanr(
                        make(draw)
                        .fit(table.features[train], table.accuracy[train])
                        .predict(table.features[rest]),
                        table.accuracy[rest],
                    ).statistic
                    for draw, train, rest in splits(table, n, draws)
                ]
                cells.append(f"{np.mean(found):.3f} ± {np.std(found, ddof=1):.3f}")
            print(f"  {name:17} " + "   ".join(cells), flush=True)


def print_coverage(tables: list[Table], draws: int, gate: bool) -> None:
    """Print a line for each number of training nets."""
    for table in tables:
        print(f"\n{table}: held-out nets, mean ± sd of {draws} draws; width in points")
        print("  trained  coverage of 90 %   width   predictor       best baseline   s")
        for n in TRAINED:
            found = coverage(table, n, draws, gate)
            cells = [f"{n:7}", _told(found["coverage"])]
            cells += [f"{np.mean(found['width']):5.1f}"]
            cells += [_told(found[name]) for name in ("predictor", "baseline")]
            cells += [f"{np.mean(found['seconds']):.1f}"]
            cells += [f"let through {sum(found['beats']):.0f} of {draws}"] if gate else []
            print("  " + "   ".join(cells), flush=True)


def _told(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the benchmark tables")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--models", action="store_true", help="compare models instead")
    parser.add_argument("--gate", action="store_true", help="judge against baselines as a run does")
    given = parser.parse_args()
    tables = [
        nasbench201(given.folder, with_proxies=True),
        nasbench201(given.folder, with_proxies=False),
        macro(given.folder),
    ]
    if given.models:
        print_models(tables, given.draws)
    else:
        print_coverage(tables, given.draws, given.gate)


if __name__ == "__main__":
    main()
