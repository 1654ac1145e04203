"""Calibration: made-up boards whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from board_files import Scripted, timing

from archsearch.architecture import Architecture
from archsearch.devices import profile as profiles
from archsearch.devices.boards.calibrate import (
    Candidate,
    calibrate,
    candidates,
    starting_profile,
)
from archsearch.devices.boards.calibration import choose, refit
from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.measured import Measured
from archsearch.devices.boards.settings import HostSettings
from archsearch.devices.profile import CLASSES, Fit, FloatArray
from archsearch.devices.reading import Latency
from archsearch.devices.runtimes import Refused
from archsearch.documents import dump
from archsearch.errors import InputError

BASE = profiles.load("raspberry_pi_4").fit(1, "aarch64-fp32")


def made_counts(nets: int, seed: int = 0) -> FloatArray:
    """Counts of nets that differ in their mixture of instructions and in size."""
    generator = np.random.default_rng(seed)
    mixture = generator.lognormal(15, 0.7, (nets, len(CLASSES)))
    mixture[:, -2:] *= 8  # bytes
    return mixture * generator.lognormal(0, 1, (nets, 1))


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_another_clock_is_found_exactly(factor: float) -> None:
    """A board that differs from the profile by a factor alone: no error is left."""
    counts = made_counts(6)
    ms = BASE.milliseconds(counts) * factor
    found = refit(counts, ms, BASE, "MNN 3.6.1")
    others = made_counts(50, seed=1)
    assert found.fit.milliseconds(others) == pytest.approx(BASE.milliseconds(others) * factor, 1e-3)
    assert found.fit.cross_validated.mape < 1e-3
    assert found.fit.runtime == "MNN 3.6.1"


def test_the_error_that_it_expects_is_the_error_that_comes() -> None:
    """On a board with other coefficients and noise, averaged over draws, within a factor of two."""
    weights = profiles.class_weights(["fma", "simd", "load_byte", "store_byte"])
    stated, true = [], []
    for seed in range(8):
        generator = np.random.default_rng(seed)
        truth = weights @ (generator.lognormal(0, 0.5, 4) * [0.8, 0.5, 0.1, 0.4]) / 1e6
        counts, unseen = made_counts(10, seed), made_counts(200, seed + 100)
        noise = generator.normal(1, 0.02, 10)
        found = refit(counts, counts @ truth * noise, BASE, "MNN 3.6.1")
        stated.append(found.fit.cross_validated.mape)
        true.append(np.mean(np.abs(found.fit.milliseconds(unseen) / (unseen @ truth) - 1)))
    assert 0.5 < np.mean(stated) / np.mean(true) < 2


def test_a_net_has_no_part_in_its_own_prediction() -> None:
    """Its time may be anything: what is predicted for it stays."""
    counts = made_counts(7)
    ms = BASE.milliseconds(counts)
    changed = ms.copy()
    changed[3] *= 5
    first, second = (refit(counts, times, BASE, "MNN 3.6.1") for times in (ms, changed))
    assert first.predicted_ms[3] == second.predicted_ms[3]
    assert first.predicted_ms[2] != second.predicted_ms[2]


def test_few_nets_are_refused() -> None:
    """Below five a profile cannot be told from chance."""
    counts = made_counts(4)
    with pytest.raises(InputError, match="4 nets were measured; a profile needs at least 5"):
        refit(counts, BASE.milliseconds(counts), BASE, "MNN 3.6.1")


def test_chosen_nets_are_spread() -> None:
    """Of many alike and a few that differ, those that differ come first, each net once."""
    alike = np.repeat(made_counts(1), 20, axis=0)
    different = made_counts(4, seed=5)
    chosen = choose(np.vstack([alike, different]), BASE, 24)
    assert sorted(chosen) == list(range(24))
    assert set(chosen[:5]) >= {20, 21, 22, 23}


def test_a_choice_is_better_than_chance() -> None:
    """Its determinant, which D-optimal designs enlarge, beats that of random choices."""
    counts = made_counts(40)
    shares = counts @ profiles.class_weights([name[7:] for name in BASE.coefficients])
    shares = shares / BASE.milliseconds(counts)[:, None]
    shares /= np.sqrt((shares**2).mean(axis=0))

    def information(nets: Sequence[int]) -> float:
        x = shares[list(nets)]
        return float(np.linalg.slogdet(x.T @ x + 1e-3 * np.eye(x.shape[1]))[1])

    generator = np.random.default_rng(0)
    by_chance = [information(generator.choice(40, 12, replace=False)) for _ in range(100)]
    assert information(choose(counts, BASE, 12)) > max(by_chance)


class Bench(Measured):
    """A made-up board: times come from made-up coefficients, some nets fail."""

    def __init__(self, folder: Path, times: dict[str, float], fails: set[str]) -> None:
        super().__init__(Scripted([], folder))
        self._machine = timing().machine
        self.times, self.fails = times, fails
        self.measured: list[str] = []

    def latencies(
        self, architectures: object, classes: int = 1000
    ) -> Iterator[Latency | Refused | BoardFailed]:
        del classes
        for net in architectures:  # type: ignore[attr-defined]
            self.measured.append(net.id)
            if net.id in self.fails:
                yield BoardFailed("pi: not steady")
            else:
                ms = self.times[net.id]
                yield Latency(ms, ms, ms, 60, 1, "measured", "pi", "MNN 3.6.1", 0.01)


def made_bench(folder: Path, fails: int) -> tuple[Bench, dict[str, dict[str, float]]]:
    """A board twice as slow as the profile says; the ``fails`` first nets asked for fail."""
    nets = [candidate.architecture for candidate in candidates()]
    counts = made_counts(len(nets))
    ms = dict(zip([n.id for n in nets], 2 * BASE.milliseconds(counts), strict=True))
    first = [nets[i].id for i in choose(counts, BASE, fails)]
    known = {
        net.id: dict(zip(CLASSES, row, strict=True)) for net, row in zip(nets, counts, strict=True)
    }
    return Bench(folder, ms, set(first)), known


def test_a_calibration_measures_and_refits(tmp_path: Path) -> None:
    """Nets that fail are replaced; the profile can be written and read again."""
    bench, known = made_bench(tmp_path, fails=2)
    said: list[str] = []

    def count(nets: Sequence[Architecture]) -> Iterator[dict[str, float]]:
        yield from (known[net.id] for net in nets)

    with bench:
        found = calibrate(bench, BASE, count, 6, said.append)
    assert len(found.nets) == len(found.readings) == 6
    assert len(bench.measured) == 8
    assert sum("not steady" in line for line in said) == 2
    path = tmp_path / "pi.profile.yaml"
    path.write_text(dump(found.profile.model_dump(mode="json", exclude_none=True)))
    read: Fit = profiles.read_profile(path).fit(1)
    others = made_counts(20, seed=9)
    assert read.milliseconds(others) == pytest.approx(2 * BASE.milliseconds(others), 1e-3)
    assert read.cross_validated.mape < 1e-3


def test_a_board_that_fails_again_and_again_ends_a_calibration(tmp_path: Path) -> None:
    """After three nets in a row."""
    bench, known = made_bench(tmp_path, fails=30)
    only = pytest.raises(BoardFailed, match="only 0 nets could be measured, 5 are needed")
    with bench, only:
        calibrate(bench, BASE, lambda nets: [known[net.id] for net in nets], 6, lambda _: None)
    assert len(bench.measured) == 3


def test_candidates_are_small_and_differ() -> None:
    """Published nets, each a net that can be built, none twice."""
    found = candidates()
    assert len(found) >= 20
    assert len({candidate.architecture.id for candidate in found}) == len(found)
    assert all(isinstance(c, Candidate) and c.architecture.problem() is None for c in found)


def test_a_calibration_begins_from_a_profile(tmp_path: Path) -> None:
    """The one that the file names; a missing one is said, and what to write."""
    file = tmp_path / "pi.yaml"
    with pytest.raises(InputError, match="has no 'profile'; name the shipped profile"):
        starting_profile(HostSettings(kind="host"), file)
    with pytest.raises(InputError, match="did you mean 'raspberry_pi_4'"):
        starting_profile(HostSettings(kind="host", profile="raspbery_pi_4"), file)
    half = HostSettings(kind="host", profile="raspberry_pi_4", threads=3, half=True)
    (fit,) = starting_profile(half, file).fits
    assert (fit.threads, fit.counts) == (3, "aarch64-fp16")
