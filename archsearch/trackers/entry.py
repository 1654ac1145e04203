"""What a tracker is told of one trial, in the words of trackers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archsearch.trial import CurvePoint, State, Trial


@dataclass(frozen=True)
class Entry:
    """A trial that is over.

    Attributes:
        trial: the trial.
        curve: its learning curve, every repetition's epochs in order.
    """

    trial: Trial
    curve: Sequence[CurvePoint]

    @property
    def name(self) -> str:
        """Such as ``trial_00042``, which sorts as its number does."""
        return f"trial_{self.trial.number:05d}"

    @property
    def state(self) -> State:
        """Whether it is complete, was stopped or failed."""
        return self.trial.state

    @property
    def measures(self) -> dict[str, float]:
        """Every number that was found, by its name and that of its spread."""
        found = {name: measured.value for name, measured in self.trial.measures.items()}
        spreads = ((f"{name}_sd", m.sd) for name, m in self.trial.measures.items())
        return found | {name: sd for name, sd in spreads if sd is not None}

    @property
    def tags(self) -> dict[str, str]:
        """What is no number."""
        trial = self.trial
        told = {"net": trial.architecture_id, "state": trial.state, "origin": trial.origin}
        told["generation"] = str(trial.generation)
        return told | ({"error": trial.error} if trial.error else {})
