"""What a board answers, checked: a board is not believed more than a file."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.onboard.timing import PROTOCOL
from archsearch.documents import Misfit
from archsearch.records import check


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Spread(_Record):
    """Times of one net: median, p10 and p90 in ms, number of runs, and drift.

    ``drift`` is the median of the second half of the runs against that of the first, less 1.
    """

    median_ms: PositiveFloat
    p10_ms: PositiveFloat
    p90_ms: PositiveFloat
    n: PositiveInt
    drift: float


class Snapshot(_Record):
    """State of the machine at one moment, as far as it tells."""

    khz: NonNegativeInt | None
    limit_khz: NonNegativeInt | None
    governor: str | None
    celsius: float | None


class Machine(_Record):
    """What the machine is."""

    board: str | None
    kernel: str
    machine: str
    python: str
    implementer: int | None
    part: int | None
    cpu: str | None
    highest_khz: NonNegativeInt | None


class Timing(Spread):
    """A net timed on a board.

    Attributes:
        reference: the reference net's times, between those of the net.
        before: state of the machine after the warm-up.
        after: its state after the last run.
        throttled: how the clock was held back meanwhile; None where it was not, as far as the
            machine tells.
        cores: cores that the process was pinned to.
        threads: of the runtime.
        runtime: version of the runtime.
        machine: the machine.
        output: the net's output for the input that was sent along, base64 of float32 values.
    """

    reference: Spread
    before: Snapshot
    after: Snapshot
    throttled: str | None
    cores: tuple[int, ...] = Field(min_length=1)
    threads: PositiveInt
    runtime: str
    machine: Machine
    output: str | None

    @property
    def drifted(self) -> float:
        """The larger drift of the two nets, as an absolute value."""
        return max(abs(self.drift), abs(self.reference.drift))


def timing_in(answer: dict[str, Any]) -> Timing:
    """Check an answer.

    Raises:
        BoardFailed: it is none of the timing protocol.
    """
    try:
        return check(Timing, answer)
    except Misfit as misfit:
        place = ".".join(map(str, misfit.location))
        raise BoardFailed(f"answered nonsense ({place}: {misfit.message})", again=True) from None


def answer_in(stdout: str) -> dict[str, Any] | None:
    """Find the answer: the last line that is one; login shells and runtimes print, too."""
    for line in reversed(stdout.splitlines()):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and found.get("protocol") == PROTOCOL:
            return found
    return None
