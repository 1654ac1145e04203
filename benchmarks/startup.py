"""How long a user waits for ``archsearch --help``.

    python benchmarks/startup.py --repeats 20

Prints the median and the range of wall seconds over fresh processes, and the same for an empty
Python process, so that their ratio can be compared between machines.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path


def seconds(command: list[str], repeats: int) -> list[float]:
    """Wall seconds of each of ``repeats`` fresh processes, after one that warms the disk cache."""
    found = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - began)
    return found[1:]


def main() -> None:
    """Print one line a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    script = str(Path(sys.executable).parent / "archsearch")
    for name, command in {
        "archsearch --help": [script, "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }.items():
        times = seconds(command, repeats)
        print(
            f"{name:20} median {statistics.median(times):.3f} s, "
            f"{min(times):.3f} to {max(times):.3f} s, n = {repeats}"
        )


if __name__ == "__main__":
    main()
