"""The numbers that a study can ask for: unit, better direction, and the stage that makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from archsearch.devices.reading import Latency
from archsearch.proxies import PROXIES
from archsearch.trial import Measured, Stage

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Measure:
    """A named number. ``stage`` says where in the cascade it becomes known."""

    name: str
    unit: str
    direction: Direction
    stage: Stage
    meaning: str


_COUNTED = (
    Measure("params", "parameters", "minimize", "screen", "trainable numbers, head included"),
    Measure("macs", "multiply-accumulates", "minimize", "screen", "of one image, see cost.static"),
    Measure("activations", "elements", "minimize", "screen", "written by what macs counts"),
    Measure("peak_memory_bytes", "bytes", "minimize", "screen", "of one image, without weights"),
)
_TIMED = (Measure("latency_ms", "ms", "minimize", "latency", "median of one image on the device"),)
LATENCY = "latency_ms"
"""Its stage holds where it is measured or emulated; predicted, it is known at the screen."""

_SCORED = tuple(
    Measure(proxy.name, "score", proxy.direction, "score", "training-free proxy")
    for proxy in PROXIES.values()
    if proxy.name not in {measure.name for measure in _COUNTED}
)
_TRAINED = (
    Measure("val_accuracy", "fraction", "maximize", "train", "validation accuracy, short training"),
    Measure("train_s", "s", "minimize", "train", "seconds of training, all repetitions"),
)

ACCURACY = "val_accuracy"
"""Known only after the last epoch: what a trial has at a rung is called otherwise."""

MEASURES: dict[str, Measure] = {m.name: m for m in (*_COUNTED, *_TIMED, *_SCORED, *_TRAINED)}


def accuracy_at(epochs: float) -> str:
    """Name of the accuracy at a rung, such as ``val_accuracy@3``."""
    return f"{ACCURACY}@{epochs:g}"


def epochs_reached(measures: Mapping[str, Measured], whole: float) -> float:
    """The fidelity of a trial: epochs after which it was last judged, ``whole`` if it ended."""
    if ACCURACY in measures:
        return whole
    names = [name.partition("@") for name in measures]
    return max((float(at) for name, _, at in names if name == ACCURACY and at), default=0.0)


def latency_measured(latency: Latency, stage: Stage, seconds: float = 0.0) -> Measured:
    """A latency as a trial stores it."""
    return Measured(
        LATENCY,
        latency.latency_ms,
        stage,
        n=latency.n,
        seconds=seconds,
        reading=latency.to_data(),
    )


def latency_in(measures: Mapping[str, Measured]) -> Latency | None:
    """The latency among a trial's measures, with all that its device said of it."""
    found = measures.get(LATENCY)
    return None if found is None or found.reading is None else Latency(**found.reading)
