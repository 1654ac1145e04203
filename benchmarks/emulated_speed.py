"""How long the emulated device takes for nets of about 0.5 GMACs.

    OMP_NUM_THREADS=1 python benchmarks/emulated_speed.py
    OMP_NUM_THREADS=1 python benchmarks/emulated_speed.py --nets 6 --repeat 3

"cold" is a process of its own for one net: Python's start, torch's import, export, conversion, the
emulator's start, the counted run. "batch" is one device for all nets, in two emulated processes,
its start included; seconds a net. Nothing is looked up in the cache of readings. Processor time is
that of all processes together: on a machine that does other work it is the figure to look at.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.cost import count
from archsearch.devices.emulated import Emulated
from archsearch.devices.profile import load
from archsearch.devices.runtimes import Refused
from archsearch.space import load_space

SPACE = Path(__file__).parent.parent / "search_spaces" / "mobile.yaml"
BOARD, NET, SEED = "raspberry_pi_4", "edgenext_x_small", 7
LEAST, MOST = 0.45e9, 0.55e9
"""MACs."""


@contextmanager
def seconds(into: list[tuple[float, float]], share: int = 1) -> Iterator[None]:
    """Note seconds on the clock and of processor time, this process's and its children's."""
    began, used = time.perf_counter(), _processor_s()
    yield
    into.append(((time.perf_counter() - began) / share, (_processor_s() - used) / share))


def _processor_s() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def members(number: int) -> list[Architecture]:
    """The published net, and random members of the mobile space of about its size."""
    space, rng = load_space(SPACE), np.random.default_rng(SEED)
    found = [published.load(NET)]
    while len(found) < number:
        net = space.sample(rng)
        if LEAST <= count(net).macs <= MOST:
            found.append(net)
    return found


def cold() -> None:
    """Emulate one net from nothing, as a user's first command does."""
    command = [sys.executable, "-m", "archsearch", "measure", NET, "--fresh"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [*command, "--device", f"emulated:{BOARD}"],
            env={**os.environ, "ARCHSEARCH_CACHE": folder},
            stdout=subprocess.DEVNULL,
            check=True,
        )


def batch(nets: list[Architecture]) -> None:
    """Emulate many nets; a refusal ends the benchmark."""
    with Emulated(load(BOARD), processes=2) as device:
        for found in device.latencies(nets):
            if isinstance(found, Refused):
                raise found


def tell(name: str, taken: list[tuple[float, float]]) -> None:
    """Print median, least and most of both times."""
    texts = [
        f"{statistics.median(times):6.2f} s ({min(times):.2f} to {max(times):.2f})"
        for times in zip(*taken, strict=True)
    ]
    print(f"{name:24} {texts[0]} on the clock, {texts[1]} of processor time, n = {len(taken)}")


def main() -> None:
    """Print seconds of one net from cold, and a net in a batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=6, help="of the batch")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    nets = members(asked.nets)
    print("GMACs:", ", ".join(f"{count(net).macs / 1e9:.3f}" for net in nets))
    print(f"load before: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    one: list[tuple[float, float]] = []
    many: list[tuple[float, float]] = []
    for _ in range(asked.repeat):
        with seconds(one):
            cold()
    for _ in range(asked.repeat):
        with seconds(many, share=len(nets)):
            batch(nets)
    tell(f"cold, {NET}", one)
    tell(f"batch of {len(nets)}, a net", many)


if __name__ == "__main__":
    main()
