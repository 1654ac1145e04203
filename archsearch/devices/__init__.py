"""Where latency comes from: one device a file and one line here.

This version ships no device. The seam is complete: a study that names a device registered here
gets its stage ``latency``, run alone on its machine, and ``latency_ms`` as an objective.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from archsearch.architecture import Architecture
from archsearch.trial import Measured


class Device(Protocol):
    """Measures, emulates or predicts the latency of one image."""

    def latency(self, architecture: Architecture, classes: int) -> Measured:
        """Return ``latency_ms`` with its n and sd over repetitions."""
        ...


DEVICES: dict[str, Callable[[], Device]] = {}
