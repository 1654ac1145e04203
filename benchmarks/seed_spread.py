"""Do the trained candidates of a run differ by more than their seed-to-seed spread?

    python benchmarks/seed_spread.py runs/mobile_5m

Needs a run with ``training.seeds`` of at least 2. Prints the standard deviation between candidates
(of their means), the pooled one between repetitions of a candidate, and one-way ANOVA's F with its
p-value: the chance of so large a ratio if all candidates were equal.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from scipy.stats import f

import archsearch


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    trials = archsearch.open_run(parser.parse_args().run).trials
    done = trials[(trials.state == "complete") & (trials.val_accuracy_n >= 2)]
    nets, n = len(done), done.val_accuracy_n.to_numpy(dtype=float)
    if nets < 2 or len(set(n)) > 1:
        raise SystemExit("needs at least two complete trials with the same number of repetitions")
    within = float(np.mean(done.val_accuracy_sd.to_numpy(dtype=float) ** 2))
    between = float(np.var(done.val_accuracy.to_numpy(dtype=float), ddof=1))
    ratio = n[0] * between / within
    p = f.sf(ratio, nets - 1, nets * (n[0] - 1))
    print(f"candidates {nets}, repetitions of each {n[0]:.0f}")
    print(f"accuracy {done.val_accuracy.min():.4f} to {done.val_accuracy.max():.4f}")
    print(f"sd between candidates  {math.sqrt(between):.4f}")
    print(f"sd between repetitions {math.sqrt(within):.4f} (pooled)")
    print(f"F({nets - 1}, {nets * (n[0] - 1):.0f}) = {ratio:.1f}, p = {p:.1e}")


if __name__ == "__main__":
    main()
