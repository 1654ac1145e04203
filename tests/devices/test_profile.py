"""Profiles: the shipped ones hold together, and counts become milliseconds as their keys say."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from made_counts import made_counts

from archsearch.devices import profile
from archsearch.devices.emulator.isas import ISAS
from archsearch.devices.profile import CLASSES, FEATURES, OTHER_RUNTIME_ERROR, Isa, Profile
from archsearch.devices.reading import Latency
from archsearch.documents import dump
from archsearch.errors import InputError

ONE = dict.fromkeys(CLASSES, 0.0)


def by_hand() -> dict[str, object]:
    errors = {"nets": 20, "families": 9, "mape": 0.05, "median": 0.04, "max": 0.2, "spearman": 0.99}
    fit = {"counts": "armv7", "runtime": "ncnn 1.0", "cross_validated": errors}
    return {
        "board": "mine",
        "title": "My board",
        "core": "Cortex-A7",
        "clock_ghz": 1.0,
        "source": {"table": "t", "commit": "c", "licence": "l", "time": "min_ms"},
        "fits": [
            {**fit, "threads": 1, "coefficients": {"ns_per_fma": 2.0, "ns_per_load_byte": 0.5}},
            {**fit, "threads": 4, "coefficients": {"ns_per_simd": 1.0, "ns_per_instruction": 3.0}},
        ],
    }


@pytest.mark.parametrize("name", profile.names())
def test_every_shipped_profile_is_whole(name: str) -> None:
    """It loads, is called as its file, says its source, and no (threads, counts) stands twice."""
    shipped = profile.load(name)
    assert shipped.board == name
    assert shipped.source.commit == "Tencent/ncnn@a4d2ea1"
    assert shipped.source.licence == "BSD-3-Clause"
    kinds = [(fit.threads, fit.counts) for fit in shipped.fits]
    assert len(set(kinds)) == len(kinds)
    for fit in shipped.fits:
        assert sum(fit.coefficients.values()) > 0
        assert fit.cross_validated.families >= 6
        assert fit.cross_validated.median <= fit.cross_validated.max


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("rk3288", "Cortex-A17"),
        ("raspberry_pi_3b_plus", "Cortex-A53"),
        ("raspberry_pi_4", "Cortex-A72"),
        ("raspberry_pi_5", "Cortex-A76"),
        ("orange_pi_cm4", "Cortex-A55"),
        ("khadas_vim3", "Cortex-A73"),
    ],
)
def test_the_promised_cores_are_there(name: str, core: str) -> None:
    """At one thread and at four."""
    shipped = profile.load(name)
    assert shipped.core == core
    assert {fit.threads for fit in shipped.fits} == {1, 4}


def test_rk3288_takes_both_kinds_of_counts() -> None:
    """aarch64 first, because MNN has no ARMv7 build; ARMv7 for ncnn."""
    rk3288 = profile.load("rk3288")
    assert rk3288.isas == ("aarch64-fp32", "armv7")
    assert rk3288.fit(1).counts == "aarch64-fp32"
    assert rk3288.fit(4, "armv7").counts == "armv7"


def test_instruction_sets_are_those_that_can_be_emulated() -> None:
    """Profiles and the emulator name them alike."""
    assert set(get_args(Isa)) == set(ISAS)


@pytest.mark.parametrize("feature", FEATURES)
def test_features_are_about_known_classes(feature: str) -> None:
    """And each is about at least one."""
    assert FEATURES[feature]
    assert FEATURES[feature].keys() <= set(CLASSES)


def test_milliseconds_by_hand() -> None:
    """2 ns a multiply-accumulate and 0.5 ns a byte; a division counts as ten."""
    mine = Profile.model_validate(by_hand())
    counts = {**ONE, "fma_q": 3e6, "fma_d": 1e6, "ld_bytes": 4e6, "fpdiv": 1e6}
    assert mine.milliseconds(counts) == pytest.approx(2 * 4 + 0.5 * 4)
    assert mine.milliseconds(counts, threads=4) == pytest.approx(10 + 3 * (3 + 1 + 1))


def test_many_nets_at_once_are_each_net_on_its_own() -> None:
    """A mapping of arrays, an array of counts, and one net after another agree."""
    mine = profile.load("raspberry_pi_4")
    array = made_counts(50, seed=3)
    alone = [mine.milliseconds(dict(zip(CLASSES, row, strict=True))) for row in array]
    columns = dict(zip(CLASSES, array.T, strict=True))
    assert np.allclose(mine.milliseconds(columns), alone, rtol=1e-12)
    assert np.allclose(mine.milliseconds(array), alone, rtol=1e-12)
    assert mine.milliseconds(array.reshape(5, 10, -1)).shape == (5, 10)


def test_missing_counts_are_told() -> None:
    """Which class, and what is needed."""
    counts = {name: 1.0 for name in CLASSES if name != "vst"}
    with pytest.raises(InputError, match="counts lack vst; a profile needs fma_q"):
        profile.load("rk3288").milliseconds(counts)


def test_missing_fit_is_told() -> None:
    """Threads or counts that were never timed, with those that were."""
    rk3399 = profile.load("rk3399")
    with pytest.raises(
        InputError, match="rk3399 has no profile for 4 threads; it has: 1 thread with"
    ):
        rk3399.milliseconds(ONE, threads=4)
    with pytest.raises(InputError, match="for 1 thread and armv7 counts"):
        rk3399.fit(1, "armv7")


def test_another_runtime_is_expected_to_be_worse() -> None:
    """The own runtime's version does not matter; another runtime has the error of the one check."""
    mine = Profile.model_validate(by_hand())
    assert mine.expected_error() == mine.expected_error(runtime="ncnn 2.0") == 0.05
    assert mine.expected_error(runtime="MNN 3.6.1") == OTHER_RUNTIME_ERROR
    data = by_hand()
    data["fits"][0]["cross_validated"]["mape"] = 0.3  # type: ignore[index]
    assert Profile.model_validate(data).expected_error(runtime="MNN 3.6.1") == 0.3


def test_a_profile_of_ones_own_is_read_back(tmp_path: Path) -> None:
    """What was written is what is read."""
    path = tmp_path / "mine.yaml"
    path.write_text(dump(by_hand()))
    assert profile.read_profile(path) == Profile.model_validate(by_hand())


@pytest.mark.parametrize(
    ("given", "wanted", "told"),
    [
        ("ns_per_fma", "ns_per_fmaa", r"mine.yaml:\d+: .*unknown coefficient 'ns_per_fmaa'; did"),
        ("ns_per_fma: 2.0", "ns_per_fma: -2.0", r"mine.yaml:\d+: fits.0.coefficients.ns_per_fma:"),
        ("counts: armv7", "counts: armv6", r"mine.yaml:\d+: fits.0.counts: got 'armv6'"),
        ("core:", "cor:", r"mine.yaml:\d+: (cor: unknown key|the key 'core' is missing)"),
    ],
)
def test_a_bad_profile_is_told_with_its_line(
    tmp_path: Path, given: str, wanted: str, told: str
) -> None:
    """File, line and key of what does not hold."""
    path = tmp_path / "mine.yaml"
    path.write_text(dump(by_hand()).replace(given, wanted, 1))
    with pytest.raises(InputError, match=told):
        profile.read_profile(path)


def test_an_unknown_device_is_told_with_the_nearest() -> None:
    """By name."""
    with pytest.raises(InputError, match="unknown device 'rk3289'; did you mean 'rk3288'"):
        profile.load("rk3289")


def test_a_latency_has_the_keys_that_the_command_prints() -> None:
    """The JSON of ``archsearch measure``."""
    latency = Latency(3.0, 2.9, 3.2, 30, 1, "measured", "host", "MNN 3.6.1", None)
    assert latency.to_data() == {
        "latency_ms": 3.0, "p10_ms": 2.9, "p90_ms": 3.2, "n": 30, "threads": 1, "how": "measured",
        "device": "host", "runtime": "MNN 3.6.1", "expected_error": None,
    }  # fmt: skip
