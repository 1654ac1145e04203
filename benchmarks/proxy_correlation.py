"""Do the training-free scores of a run order its trained candidates better than params do?

    python benchmarks/proxy_correlation.py runs/mobile_5m

Prints Spearman's rank correlation with the validation accuracy for each proxy of the study and for
the counted baselines, each with a 95 % bootstrap interval (10,000 resamples of the candidates).
The candidates were chosen by these proxies, which narrows what is left to order.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

import archsearch

RESAMPLES = 10_000


def interval(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Percentile bootstrap of Spearman's correlation; resamples without spread are left out."""
    rng = np.random.default_rng(0)
    picks = rng.integers(len(x), size=(RESAMPLES, len(x)))
    a, b = rankdata(x[picks], axis=1), rankdata(y[picks], axis=1)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    norms = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    low, high = np.quantile((a * b).sum(axis=1)[norms > 0] / norms[norms > 0], [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Print one line a measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    run = archsearch.open_run(parser.parse_args().run)
    score = run.study.settings.cascade.score
    done = run.trials[run.trials.state == "complete"]
    accuracy = done.val_accuracy.to_numpy(dtype=float)
    print(f"{'measure':10} {'spearman':>9}  95 % interval   n = {len(done)}")
    for name in (*(score.names if score else ()), "params", "macs"):
        values = done[name].to_numpy(dtype=float)
        low, high = interval(values, accuracy)
        rho = spearmanr(values, accuracy).statistic
        print(f"{name:10} {rho:9.2f}  {low:5.2f} to {high:5.2f}")


if __name__ == "__main__":
    main()
