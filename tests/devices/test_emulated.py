"""The emulated device: latencies from real ARM code, refusals with their reasons."""

from __future__ import annotations

from pathlib import Path

import pytest
from devices.emulation import installation

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.devices.emulated import Emulated
from archsearch.devices.emulator.installation import Installation
from archsearch.devices.profile import INSTRUCTIONS, Profile
from archsearch.devices.reading import Latency
from archsearch.devices.runtimes import Refused
from archsearch.errors import InputError


def _profile(isa: str = "aarch64-fp32", runtime: str = "MNN 3.6.1") -> Profile:
    """One nanosecond an instruction."""
    errors = {"nets": 20, "families": 8, "mape": 0.03, "median": 0.02, "max": 0.1, "spearman": 0.99}
    fit = {
        "counts": isa,
        "runtime": runtime,
        "threads": 1,
        "coefficients": {"ns_per_instruction": 1.0},
        "cross_validated": errors,
    }
    source = {"table": "made up", "commit": "0", "licence": "none", "time": "min"}
    return Profile.model_validate(
        {"board": "made", "title": "Made up", "core": "A72", "source": source, "fits": [fit]}
    )


def _net(name: str = "mobilenetv2_100", size: int = 64) -> Architecture:
    return published.load(name).at((size, size))


def test_a_net_gets_a_latency_that_says_how_it_came() -> None:
    """Milliseconds are counted instructions times the profile's coefficients."""
    with Emulated(_profile(), processes=1, installation=installation()) as device:
        (counts,) = device.counts([_net()], 10)
        found = device.latency(_net(), 10)
    assert not isinstance(counts, Refused)
    total = sum(counts[name] for name in INSTRUCTIONS)
    assert found.latency_ms == pytest.approx(total / 1e6, rel=1e-4)
    assert found == Latency(
        latency_ms=found.latency_ms,
        p10_ms=found.latency_ms,
        p90_ms=found.latency_ms,
        n=1,
        threads=1,
        how="emulated",
        device="emulated:made",
        runtime="MNN 3.6.1",
        expected_error=0.03,
    )


@pytest.mark.parametrize(
    ("runtime", "most"), [("mnn", 1e-6), ("ncnn", 1e-4), ("onnxruntime", 1e-4)]
)
def test_counts_repeat_whatever_ran_before(runtime: str, most: float) -> None:
    """In later jobs of a process and in a new one; here at 64 pixels, where little is executed."""
    nets, totals = [_net(), _net("resnet50", 32), _net()], []
    for order in (nets, nets[::-1]):
        with Emulated(_profile(), runtime, processes=1, installation=installation()) as device:
            found = [one for one in device.latencies(order, 10) if isinstance(one, Latency)]
        totals.append([one.latency_ms for one in found])
    (first, other, again), (second, *_, last) = totals
    assert [again, second, last] == pytest.approx([first] * 3, rel=most)
    assert totals[1][1] == pytest.approx(other, rel=most)


def test_a_refused_net_leaves_the_others_theirs() -> None:
    """One that ncnn lacks operators for, one that its converter gets wrong; the reason is said."""
    nets = [_net(), _net("mobilevit_xxs"), _net("edgenext_xx_small"), _net()]
    with Emulated(_profile(), "ncnn", installation=installation()) as device:
        first, unknown, wrong, last = device.latencies(nets, 10)
    assert isinstance(unknown, Refused)
    assert "mobilevit_xxs: ncnn's converter pnnx" in str(unknown)
    assert "has no ncnn layer for Tensor.reshape" in str(unknown)
    assert isinstance(wrong, Refused)
    assert "edgenext_xx_small: the converted model computes something else" in str(wrong)
    assert isinstance(first, Latency)
    assert isinstance(last, Latency)
    assert first.latency_ms == pytest.approx(last.latency_ms, rel=1e-5)


def test_a_runtime_that_the_profile_is_not_for_is_refused(tmp_path: Path) -> None:
    """No counts of one instruction set with coefficients of another."""
    nowhere = Installation(tmp_path, {}, "", "", ())
    with pytest.raises(InputError, match="MNN does not run on armv7, which the profile of made"):
        Emulated(_profile("armv7"), installation=nowhere)


def test_another_runtime_than_the_profiles_raises_the_expected_error() -> None:
    """The number says that it is worth less."""
    profile = _profile(runtime="ncnn 1.0")
    with Emulated(profile, processes=1, installation=installation()) as device:
        assert device.latency(_net(size=32), 10).expected_error == 0.21


def test_without_a_setup_the_command_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first thing that a new user meets."""
    monkeypatch.setenv("ARCHSEARCH_EMULATOR", str(tmp_path))
    with pytest.raises(InputError, match="run 'archsearch devices setup emulated'"):
        Emulated(_profile())
