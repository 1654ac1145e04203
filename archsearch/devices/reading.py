"""One latency as a device reports it, and the way in which it came."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

How = Literal["measured", "emulated", "predicted"]
"""``measured``: timed on the board. ``emulated``: instructions counted while real ARM code ran,
turned into time by a profile. ``predicted``: instructions computed from the layers' shapes."""


@dataclass(frozen=True)
class Latency:
    """The latency of one image.

    Attributes:
        latency_ms: median over runs; the one value where nothing was timed.
        p10_ms: tenth percentile over runs.
        p90_ms: ninetieth percentile over runs.
        n: how many runs; 1 where nothing was timed.
        threads: of the runtime.
        how: the way in which the number came.
        device: the device's name.
        runtime: with its version, such as ``MNN 3.6.1``.
        expected_error: relative (0.06 is 6 %): of an emulated or predicted number, that of the
            profile and the counts; of a measured one, the drift that was seen. None if unknown.
    """

    latency_ms: float
    p10_ms: float
    p90_ms: float
    n: int
    threads: int
    how: How
    device: str
    runtime: str
    expected_error: float | None

    def to_data(self) -> dict[str, Any]:
        """Return the keys of ``archsearch measure --json``."""
        return asdict(self)
