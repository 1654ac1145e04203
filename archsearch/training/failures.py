"""How a training can end without an accuracy."""

from __future__ import annotations


class TrainingFailed(RuntimeError):  # noqa: N818 (an outcome of a trial, not a fault)
    """A training that gave no accuracy; the message says why and what to change."""


class Diverged(TrainingFailed):
    """The loss or the network's output was no longer finite."""


class TimeLimit(TrainingFailed):
    """The recipe's time limit was reached."""
