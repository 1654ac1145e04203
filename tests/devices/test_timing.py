"""The timing protocol, its arithmetic against second algorithms and its course on a fake clock."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsearch.devices.boards.onboard import machine, receive, timing

JOB = {"warmups": 5, "warmup_s": 0.0, "runs": 30, "seconds": 2.0, "limit_s": 300.0}
TIMES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=50)


class FakeMachine:
    """A clock that only runs of nets move; it writes down what ran."""

    def __init__(self, net_s: float = 0.01, reference_s: float = 0.002) -> None:
        self.now = 0.0
        self.ran: list[str] = []
        self.seconds = {"net": net_s, "reference": reference_s}

    def run(self, name: str) -> None:
        self.ran.append(name)
        self.now += self.seconds[name]

    def measure(self, **changed: Any) -> dict[str, Any]:
        return timing.measure(
            lambda: self.run("net"),
            lambda: self.run("reference"),
            {**JOB, **changed},
            lambda: self.now,
            lambda: self.ran.append("snapshot"),
        )


@pytest.mark.parametrize("module", [timing, machine, receive])
def test_what_runs_on_boards_is_python_3_7(module: Any) -> None:
    """Boards have old pythons: no newer syntax, and nothing but the stdlib."""
    tree = ast.parse(Path(module.__file__).read_text(), feature_version=(3, 7))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - {""} <= {*sys.stdlib_module_names, "__future__"}


@given(TIMES, st.floats(0, 1))
def test_quantiles_are_numpys(times: list[float], share: float) -> None:
    """Linear between neighbours, as everybody expects."""
    assert timing.quantile(sorted(times), share) == pytest.approx(np.quantile(times, share))


@given(st.lists(TIMES, min_size=2, max_size=6).filter(lambda parts: len(parts) % 2 == 0))
def test_summary_is_ordered(parts: list[list[float]]) -> None:
    """p10 <= median <= p90, n counts every run, drift compares halves."""
    found = timing.summary(parts)
    assert found["p10_ms"] <= found["median_ms"] <= found["p90_ms"]
    assert found["n"] == sum(map(len, parts))
    half = len(parts) // 2
    first, second = (np.concatenate(group) for group in (parts[:half], parts[half:]))
    assert found["drift"] == pytest.approx(np.median(second) / np.median(first) - 1)


def test_the_protocol_keeps_its_least() -> None:
    """At least 5 warm-ups, 30 runs and 2 s; the exact times of a steady machine come back."""
    fake = FakeMachine()
    found = fake.measure()
    assert fake.ran[:11] == ["reference", "net"] * 5 + ["snapshot"]
    assert fake.ran[-1] == "snapshot"
    assert found["n"] >= 30
    assert found["n"] * 0.01 >= 2.0 - 1e-6
    assert found["median_ms"] == pytest.approx(10.0)
    assert found["reference"]["median_ms"] == pytest.approx(2.0)
    assert found["drift"] == pytest.approx(0, abs=1e-9)


def test_a_slow_net_is_run_thirty_times() -> None:
    """Where 2 s are over sooner."""
    assert FakeMachine(net_s=1.0).measure()["n"] == 30


def test_the_reference_net_stands_between_slices() -> None:
    """Its runs are spread over the whole time, so that drift of the machine shows in it."""
    fake = FakeMachine()
    found = fake.measure()
    after = fake.ran[fake.ran.index("snapshot") + 1 : -1]
    blocks = [name for name, before in zip(after, [None, *after], strict=False) if name != before]
    assert blocks == ["reference", *["net", "reference"] * timing.SLICES]
    assert found["reference"]["n"] == timing.SLICES * timing.REFERENCE_RUNS


@pytest.mark.parametrize("slower", [1.0, 1.2, 2.0])
def test_a_machine_that_gets_slower_shows_in_both(slower: float) -> None:
    """Drift is the change between the halves, of the net and of the reference net."""
    fake = FakeMachine()
    original = fake.run

    def run(name: str) -> None:
        late = fake.ran.count("net") > 5 + 1 + 3 * (34 + 1)
        fake.seconds = {"net": 0.01 * (slower if late else 1), "reference": 0.002}
        if late:
            fake.seconds["reference"] *= slower
        original(name)

    fake.run = run  # type: ignore[method-assign]
    found = fake.measure()
    assert found["drift"] == pytest.approx(slower - 1, abs=1e-6)
    assert found["reference"]["drift"] == pytest.approx(slower - 1, abs=1e-6)


@pytest.mark.parametrize("limit_s", [0.05, 5.0])
def test_a_net_that_takes_too_long_ends(limit_s: float) -> None:
    """In the warm-up or later: the time limit holds."""
    fake = FakeMachine(net_s=1.0)
    with pytest.raises(timing.TooSlow, match="30 runs and their warm-ups take too long"):
        fake.measure(limit_s=limit_s)
    assert fake.now <= limit_s + 1.1


def test_a_held_board_is_waited_for_and_given_up(tmp_path: Path) -> None:
    """One measurement at a time, whoever asks."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with (tmp_path / "lock").open("w") as mine, (tmp_path / "lock").open("w") as other:
        timing._hold(mine.fileno(), 1.0, lambda: now[0], sleep)
        with pytest.raises(timing.Busy, match="another measurement has held the board for 3 s"):
            timing._hold(other.fileno(), 3.0, lambda: now[0], sleep)
    assert now[0] == pytest.approx(3.0, abs=0.2)


def board_files(root: Path, **files: str) -> Path:
    """A file system with these files; "__" stands for "/"."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def cpu(core: int, name: str) -> str:
    return f"sys/devices/system/cpu/cpu{core}/{name}"


def big_little(root: Path) -> Path:
    """Four slow and two fast cores, as on RK3399."""
    return board_files(
        root,
        **{
            cpu(i, "cpufreq/cpuinfo_max_freq"): f"{1416000 if i < 4 else 1800000}" for i in range(6)
        },
    )


@pytest.mark.parametrize(
    ("threads", "chosen"), [(1, [5]), (2, [5, 4]), (4, [5, 4, 3, 2]), (6, [5, 4, 3, 2, 1, 0])]
)
def test_the_fastest_cores_are_taken(threads: int, chosen: list[int], tmp_path: Path) -> None:
    """Highest clock first; among equals the last, because interrupts go to the first."""
    assert machine.fastest(list(range(6)), threads, big_little(tmp_path)) == chosen


def test_capacity_stands_in_for_a_clock(tmp_path: Path) -> None:
    """Kernels without cpufreq tell relative capacities."""
    capacities = {cpu(0, "cpu_capacity"): "1024", cpu(1, "cpu_capacity"): "446"}
    assert machine.fastest([0, 1], 1, board_files(tmp_path, **capacities)) == [0]


def test_pinning_takes_cores_that_exist() -> None:
    """Asked for others, it says which this machine has, and stays where it was."""
    before = os.sched_getaffinity(0)
    with pytest.raises(ValueError, match=r"cores \[4095\] for 1 threads: this machine has"):
        timing.pin([4095], 1, Path("/"))
    assert os.sched_getaffinity(0) == before


STATE = {
    "khz": 1_800_000,
    "limit_khz": 1_800_000,
    "governor": "ondemand",
    "celsius": 60.0,
    "throttle_count": None,
    "firmware_flags": None,
}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"khz": 1_750_000}, None),
        ({"khz": 1_000_000}, "clock fell from 1800 to 1000 MHz"),
        ({"limit_khz": 1_200_000}, "highest clock fell from 1800 to 1200 MHz"),
        ({"firmware_flags": 0x50000}, None),
        ({"firmware_flags": 0x50005}, "firmware throttles"),
        ({"khz": None, "limit_khz": None}, None),
    ],
)
def test_throttling_is_seen(changed: dict[str, Any], reason: str | None) -> None:
    """By the clock, its limit or the firmware; flags of the past alone are none."""
    found = machine.throttled(STATE, {**STATE, **changed})
    assert (found is None) if reason is None else (reason in (found or ""))


def test_throttling_events_are_counted() -> None:
    """Where the kernel counts them."""
    first, last = {**STATE, "throttle_count": 3}, {**STATE, "throttle_count": 5}
    assert "throttled 2 times" in (machine.throttled(first, last) or "")
    assert machine.throttled(first, first) is None


def test_a_snapshot_reads_what_there_is(tmp_path: Path) -> None:
    """The processor's zone among others, the Pi's flags in hexadecimal without 0x; else None."""
    root = board_files(
        tmp_path,
        **{
            cpu(0, "cpufreq/scaling_cur_freq"): "1500000\n",
            cpu(0, "cpufreq/scaling_governor"): "performance\n",
            "sys/class/thermal/thermal_zone0/type": "gpu-thermal",
            "sys/class/thermal/thermal_zone0/temp": "71000",
            "sys/class/thermal/thermal_zone1/type": "cpu-thermal",
            "sys/class/thermal/thermal_zone1/temp": "54321",
            "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        },
    )
    assert machine.snapshot(0, root) == {
        "khz": 1_500_000,
        "limit_khz": None,
        "governor": "performance",
        "celsius": 54.321,
        "throttle_count": None,
        "firmware_flags": 0x50005,
    }
    assert set(machine.snapshot(0, tmp_path / "nothing").values()) == {None}


CPUINFO = """processor\t: 0
CPU implementer\t: 0x41
CPU part\t: 0xd03

processor\t: 1
CPU implementer\t: 0x41
CPU part\t: 0xd08
"""


@pytest.mark.parametrize(("core", "part"), [(0, 0xD03), (1, 0xD08)])
def test_the_part_is_that_of_the_core(core: int, part: int, tmp_path: Path) -> None:
    """Boards with two kinds of cores tell each by itself; MIDR_EL1 wins where it can be read."""
    root = board_files(tmp_path, proc__cpuinfo=CPUINFO, **{"proc/device-tree/model": "A board\0"})
    found = machine.identity(core, root)
    assert (found["implementer"], found["part"], found["board"]) == (0x41, part, "A board")
    midr = {cpu(core, "regs/identification/midr_el1"): "0x00000000414fd0b1\n"}
    assert machine.identity(core, board_files(tmp_path, **midr))["part"] == 0xD0B
