"""``archsearch devices check``: is a board usable, and how well does it agree with itself?"""

from __future__ import annotations

from dataclasses import dataclass

from archsearch.devices.boards.answer import Snapshot, Timing
from archsearch.devices.boards.cores import core_name
from archsearch.devices.boards.measured import REFERENCE, REFERENCE_SIZE, Measured


@dataclass(frozen=True)
class Report:
    """The reference net timed twice on a board.

    Attributes:
        name: of the board.
        runtime: with its version there.
        first: the one timing.
        second: the other.
        drift_at_most: the change that the board's file still calls steady.
    """

    name: str
    runtime: str
    first: Timing
    second: Timing
    drift_at_most: float

    @property
    def disagreement(self) -> float:
        """How far the two medians are apart, as a share of the smaller."""
        one, other = self.first.median_ms, self.second.median_ms
        return abs(one - other) / min(one, other)

    def rows(self) -> dict[str, str]:
        """Return labels and texts to print."""
        last = self.second
        machine = last.machine
        size = "x".join(map(str, REFERENCE_SIZE))
        times = f"{self.first.median_ms:.2f} and {last.median_ms:.2f} ms"
        return {
            "board": f"{self.name}: {machine.board or 'does not tell its model'}",
            "core": f"{core_name(machine)}, pinned to {', '.join(map(str, last.cores))}",
            "clock": f"{_mhz(last.after.khz)} under load, at most {_mhz(machine.highest_khz)}",
            "governor": last.after.governor or "does not tell",
            "temperature": f"{_celsius(self.first.before)} before, {_celsius(last.after)} after",
            "kernel": f"{machine.kernel}, {machine.machine}, Python {machine.python}",
            "runtime": f"{self.runtime}, threads: {last.threads}",
            "reference net": f"{REFERENCE} at {size}: {times}, {self.disagreement:.1%} apart",
            "drift": f"{self.first.drifted:.1%} and {last.drifted:.1%} within a measurement",
            "verdict": "; ".join(self.findings()) or "steady",
        }

    def findings(self) -> list[str]:
        """What makes this board's numbers less sure than they could be; empty: nothing."""
        most, both = self.drift_at_most, (self.first, self.second)
        found = [f"throttled: {timing.throttled}" for timing in both if timing.throttled]
        if self.disagreement > most:
            found.append(f"two timings differ by more than {most:.0%}")
        if max(self.first.drifted, self.second.drifted) > most:
            found.append(f"drifts by more than {most:.0%} within a measurement")
        if self.second.after.governor not in (None, "performance"):
            found.append("governor 'performance' would be steadier")
        return found


def check_board(device: Measured) -> Report:
    """Time the reference net twice.

    Raises:
        BoardFailed: the board cannot be used; says why and what to do.
    """
    board, net = device.board, device.reference
    first, second = (board.time_once(net, net) for _ in range(2))
    runtime = f"{board.runtime.name} {second.runtime}"
    return Report(board.name, runtime, first, second, board.settings.drift_at_most)


def _mhz(khz: int | None) -> str:
    return f"{khz // 1000} MHz" if khz else "unknown"


def _celsius(snapshot: Snapshot) -> str:
    return "unknown" if snapshot.celsius is None else f"{snapshot.celsius:.0f} °C"
