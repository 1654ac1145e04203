"""Do an ablation's statistics hold what they say? Simulated, and on NAS-Bench-201's three seeds.

    python benchmarks/ablation_statistics.py                 (all, under 5 minutes of one core)
    python benchmarks/ablation_statistics.py error coverage  (some of its parts)

Parts: ``error`` (family-wise error under no effect), ``coverage`` (of the 95 % intervals),
``power`` (against its forecast), ``equivalence`` (of a difference as large as the margin),
``adaptive`` (error, saving, power and coverage with adaptive seeds), ``factorial`` (error and
coverage of effects), ``nasbench201`` (verdicts on known pairs; needs ../shared/data). Every share
is printed with its Monte Carlo standard error and the number of studies behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import sqrt
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from archsearch.significance.adaptive import undecided
from archsearch.significance.corrected import at_most, corrected_p
from archsearch.significance.effects import decompose
from archsearch.significance.equivalence import equivalence_p
from archsearch.significance.intervals import bca, interval, t_interval
from archsearch.significance.paired import judge
from archsearch.significance.pairs import pairs_of
from archsearch.significance.power import forecast
from archsearch.significance.sequential import Looks
from archsearch.significance.sign_flip import sign_flip_p

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

TABLE = Path(__file__).parents[1] / "../shared/data/bench/nasbench201.csv.gz"
ALPHA = 0.05
ARMS = 5
LOOKS = Looks(6, 12)

NOISES: Mapping[str, Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "skew 1 (gamma 4)": lambda rng, shape: (rng.gamma(4, size=shape) - 4) / 2,
    "skew 2 (exponential)": lambda rng, shape: rng.exponential(size=shape) - 1,
    "heavy tails (t, 3)": lambda rng, shape: rng.standard_t(3, shape) / sqrt(3),
}
"""Noise of mean 0 and standard deviation 1."""


def share(hits: Sequence[bool] | Flags) -> str:
    """A share with its Monte Carlo error, both in per cent."""
    p, n = float(np.mean(hits)), np.size(hits)
    return f"{100 * p:5.1f} ± {100 * sqrt(max(p * (1 - p), 0.25 / n) / n):.1f} %"


def frame_of(accuracies: Floats) -> pd.DataFrame:
    """A study's frame of accuracies (seeds, arms); the first arm is the base."""
    seeds, arms = accuracies.shape
    columns = ["base", *(f"arm {k}" for k in range(1, arms))]
    return pd.DataFrame(accuracies, columns=columns, index=range(1, seeds + 1))


def significant(frame: pd.DataFrame, looks: Looks | None = None) -> Flags:
    """Which arms (arms - 1,) are called different from the base."""
    return at_most(corrected_p(pairs_of(frame, "base"), ALPHA, looks), ALPHA)


def error() -> None:
    """Family-wise error: how often any arm that does nothing is called different."""
    print(f"family-wise error, nominal {ALPHA:.0%}; 2,000 studies each")
    rng = np.random.default_rng(1)
    for (name, draw), (n, arms) in product(NOISES.items(), ((6, 1), (8, ARMS), (12, ARMS))):
        hits = [significant(frame_of(draw(rng, (n, arms + 1)))).any() for _ in range(2000)]
        print(f"  {name:21s} n = {n:2d}, arms {arms}: {share(hits)}")
    print("  12 seeds, 5 arms, normal but")
    for name, made in _HARDER.items():
        hits = [significant(frame_of(made(rng)))[2:].any() for _ in range(2000)]
        print(f"    {name:45s} {share(hits)}")


def _two_real(rng: np.random.Generator) -> Floats:
    return rng.standard_normal((12, 6)) + np.array([0, 3, 3, 0, 0, 0])


def _unequal_spread(rng: np.random.Generator) -> Floats:
    return rng.standard_normal((12, 6)) * np.array([1, 3, 0.3, 1, 3, 0.3])


def _failures(rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal((12, 6))
    noise[:, 1:][rng.random((12, 5)) < 0.15] = np.nan
    return noise


def _other_shape(rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal((12, 6))
    noise[:, 1:] = rng.exponential(size=(12, 5)) - 1
    return noise


_HARDER = {
    "2 arms differ by 3 sd (error of the other 3)": _two_real,
    "spreads from 0.3 to 3": _unequal_spread,
    "15 % of trainings failed": _failures,
    "arms of equal mean but skew 2": _other_shape,
}


def coverage() -> None:
    """How often the 95 % interval holds the true mean difference."""
    print("coverage of 95 % intervals; default and Student's t: 2,000 studies, BCa: 400")
    rng = np.random.default_rng(2)
    worst: dict[str, list[float]] = {}
    for (name, draw), n in product(NOISES.items(), range(5, 13)):
        drawn = draw(rng, (2000, n))
        ours = [_holds(interval(d)) for d in drawn]
        worst.setdefault(name, []).append(float(np.mean(ours)))
        line = f"  {name:21s} n = {n:2d}: default {share(ours)}"
        line += f", t {share([_holds(t_interval(d)) for d in drawn])}"
        if n in (6, 8, 12):
            line += f", BCa {share([_holds(bca(d)) for d in drawn[:400]])}"
        print(line)
    for name, covered in worst.items():
        print(f"  {name:21s} default from {min(covered):.1%} to {max(covered):.1%}")


def _holds(ends: tuple[float, float]) -> bool:
    return ends[0] <= 0 <= ends[1]


def power() -> None:
    """The forecast of power beside simulated power, in standard deviations of a difference."""
    print("power, forecast and simulated (normal, 1,000 studies); one arm differs, or all do")
    rng = np.random.default_rng(3)
    gaps = []
    for n, arms, effect in (
        *product((6, 7), (1,), (1.0, 2.0)),
        *product((8, 12), (1, ARMS), (0.8, 1.5)),
        *product((10, 15), (ARMS,), (1.0, 1.5)),
    ):
        said = forecast(n, effect, 1.0, arms, ALPHA)
        alone, together = (
            [_shown(rng, n, arms, effect, real) for _ in range(1000)] for real in (1, arms)
        )
        gaps.append(abs(said - float(np.mean(alone))))
        line = f"  n = {n:2d}, arms {arms}, {effect} sd: forecast {said:5.1%}, one {share(alone)}"
        print(line + (f", all {share(together)}" if arms > 1 else ""))
    print(f"  largest gap {100 * max(gaps):.1f} points")


def _shown(rng: np.random.Generator, n: int, arms: int, effect: float, real: int) -> bool:
    noise = rng.standard_normal((n, arms + 1)) / sqrt(2)
    noise[:, 1 : 1 + real] += effect
    return bool(significant(frame_of(noise))[0])


def equivalence() -> None:
    """How often a difference as large as the margin is called none, and how often none is."""
    print(f"called equal at {ALPHA:.0%}, margin 1.5 sd, one arm; 2,000 studies each")
    rng = np.random.default_rng(4)
    for (name, draw), n in product(NOISES.items(), (6, 8, 12)):
        drawn = draw(rng, (2000, n))
        wrong = [equivalence_p(d + 1.5, 1.5) <= ALPHA for d in drawn]
        flipped = [equivalence_p(d - 1.5, 1.5) <= ALPHA for d in drawn]
        right = [equivalence_p(d, 1.5) <= ALPHA for d in drawn]
        print(
            f"  {name:21s} n = {n:2d}: at +margin {share(wrong)}, at -margin {share(flipped)}, "
            f"at no difference {share(right)}"
        )


def adaptive() -> None:
    """Adaptive seeds, 6 to 12, beside 12 for all."""
    print("adaptive seeds, 6 to 12, 5 arms; 800 studies each")
    rng = np.random.default_rng(5)
    for name in ("normal", "skew 2 (exponential)", "heavy tails (t, 3)"):
        _adaptive(f"{name}, no effect", rng, NOISES[name], [0.0] * ARMS)
    normal = NOISES["normal"]
    _adaptive("normal, two arms differ by 2 sd", rng, normal, [2, 2, 0, 0, 0])
    _adaptive("normal, all arms differ by 1.5 sd", rng, normal, [1.5] * ARMS)
    _adaptive("normal, no effect, margin 1.5 sd", rng, normal, [0.0] * ARMS, 1.5)


def _adaptive(
    name: str,
    rng: np.random.Generator,
    draw: Draw,
    effects: Sequence[float],
    margin: float | None = None,
) -> None:
    real = np.array(effects, dtype=float)
    wrong, found, whole, trained, covered = [], [], [], [], []
    for _ in range(800):
        noise = draw(rng, (LOOKS.most, ARMS + 1)) / sqrt(2)
        full = frame_of(noise + np.concatenate([[0.0], real]))
        stopped, seeds = _stopped(full, margin)
        called = significant(stopped, LOOKS)
        wrong.append(bool(called[real == 0].any()))
        found.extend(called[real != 0])
        whole.extend(significant(full)[real != 0])
        trained.append((seeds.sum() + seeds.max()) / full.size)
        covered.extend(
            _holds(interval(pair.differences - one))
            for pair, one in zip(pairs_of(stopped, "base"), real, strict=True)
        )
    line = f"  {name}: trainings {np.mean(trained):.0%}, intervals cover {share(covered)}"
    line += f", family-wise error {share(wrong)}" if (real == 0).any() else ""
    print(line + (f", power {share(found)} (12 for all {share(whole)})" if found else ""))


def _stopped(full: pd.DataFrame, margin: float | None) -> tuple[pd.DataFrame, Floats]:
    """The frame as the rule would have made it, and the seeds of each arm."""
    wants = undecided(full, pairs_of(full, "base"), ALPHA, margin, LOOKS)
    seeds = LOOKS.first + wants[:-1].sum(axis=0)
    stopped = full.copy()
    for arm, n in zip(full.columns[1:], seeds, strict=True):
        stopped.iloc[n:, full.columns.get_loc(arm)] = np.nan
    return stopped, seeds


def factorial() -> None:
    """Error, coverage and power of the effects of a factorial design over its terms."""
    designs = {"2 x 2 x 2": (2, 2, 2), "2 x 3 (mixed)": (2, 3), "2 x 2 x 2 x 2": (2, 2, 2, 2)}
    print("factorial designs, 6 seeds; 1,000 studies each; 500 with an interaction a x b of 1 sd")
    rng = np.random.default_rng(6)
    for (name, sizes), (noise_name, draw) in product(designs.items(), NOISES.items()):
        levels = _levels(sizes)
        nothing = [decompose(_crossed(rng, draw, levels), levels) for _ in range(1000)]
        wrong = [any(row.significant for row in found) for found in nothing]
        line = f"  {name:14s} {noise_name:21s} family-wise error {share(wrong)}"
        if name == "2 x 2 x 2":
            real = [decompose(_crossed(rng, draw, levels, 1.0), levels) for _ in range(500)]
            rows = [found.of("a x b") for found in real]
            holds = [(row.low or 0) <= 1.0 <= (row.high or 0) for row in rows]
            line += f", a x b covered {share(holds)}, found {share([r.significant for r in rows])}"
        print(line)
    levels = _levels((2, 2, 2))
    spreads = np.array([0.3, 3, 1, 1, 0.3, 3, 1, 1])
    uneven = [
        decompose(_crossed(rng, NOISES["normal"], levels) * spreads, levels) for _ in range(1000)
    ]
    wrong = [any(row.significant for row in found) for found in uneven]
    print(f"  2 x 2 x 2      spreads of arms 0.3 to 3: family-wise error {share(wrong)}")


def _levels(sizes: Sequence[int]) -> pd.DataFrame:
    rows = list(product(*(range(size) for size in sizes)))
    return pd.DataFrame(rows, columns=list("abcd"[: len(sizes)]), index=[str(row) for row in rows])


def _crossed(
    rng: np.random.Generator, draw: Draw, levels: pd.DataFrame, effect: float = 0.0
) -> pd.DataFrame:
    """Six seeds; with ``effect`` a x b alone differs, by that much."""
    noise = draw(rng, (6, len(levels)))
    sign = (1 - 2 * (levels["a"] > 0)) * (1 - 2 * (levels["b"] > 0))
    return pd.DataFrame(noise + effect / 2 * sign.to_numpy(), columns=levels.index)


def nasbench201() -> None:
    """Verdicts where the truth is known: isomorphic nets, and operations exchanged on an edge."""
    if not TABLE.is_file():
        print(f"NAS-Bench-201: {TABLE} is not there")
        return
    nets = _three_seeds()
    rng = np.random.default_rng(7)
    twins, exchanged = _twins(nets), _exchanged(nets)
    print(f"NAS-Bench-201: {len(nets):,} nets above 80 %, three seeds each")
    _alone(twins, exchanged, rng)
    _pooled(twins, exchanged, rng)


def _three_seeds() -> pd.DataFrame:
    columns = ["c10_test_s0", "c10_test_s1", "c10_test_s2"]
    table = pd.read_csv(TABLE, dtype={"ops": str}, usecols=["ops", "iso_class", *columns])
    table = table.dropna()
    table["runs"] = list(table[columns].to_numpy() / 100)
    return table[table[columns].mean(axis=1) > 80].set_index("ops")


def _twins(nets: pd.DataFrame) -> Floats:
    """Differences (pairs, 3) of nets that compute the same; a net is in one pair at most."""
    runs = [list(group) for _, group in nets.groupby("iso_class")["runs"] if len(group) > 1]
    return np.array(
        [one - other for group in runs for one, other in zip(group[::2], group[1::2], strict=False)]
    )


def _exchanged(nets: pd.DataFrame) -> Mapping[str, Floats]:
    """Differences (pairs, 3) of nets with one edge exchanged, by what is exchanged."""
    runs = nets["runs"].to_dict()
    kinds = {
        "3x3 conv -> 1x1 conv, edge 0-3": (3, "3", "2"),
        "3x3 conv -> skip, edge 2-3": (5, "3", "1"),
        "3x3 conv -> pooling, edge 1-3": (4, "3", "4"),
    }
    return {
        name: np.array(
            [
                runs[other] - runs[ops]
                for ops in runs
                if ops[edge] == old and (other := ops[:edge] + new + ops[edge + 1 :]) in runs
            ]
        )
        for name, (edge, old, new) in kinds.items()
    }


def _alone(twins: Floats, exchanged: Mapping[str, Floats], rng: np.random.Generator) -> None:
    every = {"twins": twins, **exchanged}
    print("  one pair, its 3 seeds:")
    for name, pairs in every.items():
        called = [sign_flip_p(d) <= ALPHA for d in pairs[rng.permutation(len(pairs))[:500]]]
        naive = np.array([_student(d) for d in pairs])
        print(
            f"    {name:31s} mean {100 * pairs.mean():+.2f} points; called different "
            f"{share(called)} (an uncorrected t-test: {share(naive)}, n = {len(naive):,})"
        )
    frame = frame_of(np.column_stack([np.zeros(3), exchanged["3x3 conv -> skip, edge 2-3"][0]]))
    print(f"  what the tool says of three seeds: {judge(frame, 'base').notes[0]}")


def _student(d: Floats) -> bool:
    low, high = t_interval(d)
    return not low <= 0 <= high


def _pooled(twins: Floats, exchanged: Mapping[str, Floats], rng: np.random.Generator) -> None:
    print("  4 pairs pooled, 12 differences; 1,000 poolings:")
    for name, pairs in {"twins": twins, **exchanged}.items():
        drawn = [pairs[rng.choice(len(pairs), 4, replace=False)].ravel() for _ in range(1000)]
        called = np.array([sign_flip_p(d) <= ALPHA for d in drawn])
        right = np.array([np.sign(d.mean()) == np.sign(pairs.mean()) for d in drawn])
        said = f", of which with the table's sign {right[called].mean():.1%}"
        said = "" if name == "twins" else said
        print(f"    {name:31s} called different {share(called)}{said}")
    low, high = interval(twins.ravel())
    print(
        f"  all {twins.size:,} differences of twins pooled: {100 * twins.mean():+.4f} points, "
        f"95 % interval {100 * low:+.4f} to {100 * high:+.4f}"
    )


PARTS = {
    part.__name__: part
    for part in (error, coverage, power, equivalence, adaptive, factorial, nasbench201)
}


def main(names: Sequence[str]) -> None:
    """Run the parts called ``names``, or all of them."""
    for name in names or PARTS:
        start = process_time()
        PARTS[name]()
        print(f"  [{process_time() - start:.0f} s]\n")


if __name__ == "__main__":
    main(sys.argv[1:])
