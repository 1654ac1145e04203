"""The records of a study file: what each part may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from archsearch import published
from archsearch.datasets import DatasetConfig
from archsearch.errors import nearest
from archsearch.measures import MEASURES, Direction
from archsearch.training import Recipe


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Objective(_Record):
    """One thing to optimise: exactly one of ``maximize`` and ``minimize`` names a measure."""

    maximize: str | None = None
    minimize: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Objective:
        if (self.maximize is None) == (self.minimize is None):
            raise ValueError("an objective is {maximize: MEASURE} or {minimize: MEASURE}")
        _known_measure(self.measure)
        return self

    @property
    def measure(self) -> str:
        """Name of the measure."""
        return self.maximize or self.minimize or ""

    @property
    def direction(self) -> Direction:
        """Which way is better."""
        return "maximize" if self.maximize else "minimize"


Bound = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Limit(_Record):
    """A hard limit on a cost.

    What breaks one on a counted measure, or on a predicted latency, is rejected before it becomes a
    trial; a trial whose latency is measured or emulated and breaks one is stopped then.
    """

    at_most: Bound | None = None
    at_least: Bound | None = None

    @model_validator(mode="after")
    def _some(self) -> Limit:
        if self.at_most is None and self.at_least is None:
            raise ValueError("a constraint needs at_most or at_least")
        if None not in (self.at_most, self.at_least) and self.at_most < self.at_least:  # type: ignore[operator]
            raise ValueError(f"at_least <= at_most must hold, got {self.at_least} > {self.at_most}")
        return self

    def excess(self, value: float) -> float:
        """How far ``value`` is outside, as a share of the limit; 0 or less is inside."""
        above = -1.0 if self.at_most is None else (value - self.at_most) / max(self.at_most, 1)
        below = -1.0 if self.at_least is None else (self.at_least - value) / max(self.at_least, 1)
        return max(above, below)


class Start(_Record):
    """How a search begins: published nets, then members spread over the range of costs.

    ``screen`` random members are counted, and ``keep`` of those within the limits are chosen so
    that they cover the logarithms of params and MACs evenly.
    """

    nets: tuple[str, ...] = Field(default=(), strict=False)
    screen: int = Field(default=0, ge=0)
    keep: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _enough(self) -> Start:
        if self.keep > self.screen:
            raise ValueError(
                f"keep: {self.keep} of screen: {self.screen} is impossible; screen more"
            )
        return self

    @field_validator("nets")
    @classmethod
    def _known(cls, nets: tuple[str, ...]) -> tuple[str, ...]:
        for name in nets:
            if name not in published.names():
                raise ValueError(f"unknown net {name!r}; {nearest(name, published.names())}")
        return _each_once(nets)


class Score(_Record):
    """Stage of training-free proxies on ``images`` training images."""

    proxies: tuple[str, ...] = Field(strict=False, min_length=1)
    images: int = Field(default=32, ge=2)

    @field_validator("proxies")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        scored = [m.name for m in MEASURES.values() if m.stage == "score"]
        for name in names:
            if name not in scored:
                raise ValueError(f"unknown proxy {name!r}; {nearest(name, scored)}")
        return _each_once(names)


class Train(_Record):
    """Stage of short training, for the best ``promote`` share of each generation."""

    promote: float = Field(default=1.0, gt=0, le=1)


class Cascade(_Record):
    """Cheap before dear: what happens to a candidate after it was screened by cost."""

    score: Score | None = None
    train: Train | None = None

    @model_validator(mode="after")
    def _ranked(self) -> Cascade:
        if self.train is not None and self.train.promote < 1 and self.score is None:
            raise ValueError("train.promote below 1 needs a score stage to choose by; add score")
        return self


GENERATION = 16
"""Trials of a generation where a study does not say."""


class Budget(_Record):
    """What the run may cost: ``trials`` in generations of ``generation``, and ``minutes``."""

    trials: int = Field(ge=1)
    minutes: float | None = Field(default=None, gt=0)
    generation: int = Field(default=GENERATION, ge=1)


class Engine(_Record):
    """Who runs the trials: ``ray`` or in-process ``local``; ``threads`` per worker."""

    name: Literal["ray", "local"] = "ray"
    workers: int = Field(default=2, ge=1)
    threads: int = Field(default=1, ge=1)


class Settings(_Record):
    """Everything in a study file but its space."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    seed: int = 0
    classes: int = Field(default=1000, ge=1)
    objectives: tuple[Objective, ...] = Field(strict=False, min_length=1)
    constraints: dict[str, Limit] = {}
    sampler: dict[str, dict[str, Any]]
    start: Start = Start()
    cascade: Cascade
    device: str | dict[str, Any] | None = None
    training: Recipe = Recipe()
    data: DatasetConfig
    budget: Budget
    engine: Engine = Engine()
    notes: str | None = None


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that stands twice.

    Raises:
        ValueError: with the name.
    """
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValueError(f"{name} stands here twice; keep one")
    return names


def _known_measure(name: str) -> None:
    """Refuse the name of a measure that does not exist.

    Raises:
        ValueError: with the nearest name.
    """
    if name not in MEASURES:
        raise ValueError(f"unknown measure {name!r}; {nearest(name, MEASURES)}")
