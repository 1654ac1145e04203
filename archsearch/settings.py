"""The records of a study file: what each part may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from archsearch import published
from archsearch.datasets import DatasetConfig
from archsearch.errors import nearest
from archsearch.measures import MEASURES, Direction
from archsearch.proxies import PROXIES
from archsearch.proxies.ensembles import ENSEMBLES, TURNED, Ensemble, ensemble_of
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
Epochs = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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
    """Stage of training-free proxies: ``proxies`` by their mean rank, or a named ``ensemble``.

    Each net is scored with ``inits`` initialisations on each of ``batches`` batches of ``images``
    training images, and has the mean. A proxy that is a counted measure is not computed again.
    ``-NAME`` turns a proxy round, which an audit may advise.
    """

    proxies: tuple[str, ...] | None = Field(default=None, strict=False, min_length=1)
    ensemble: str | None = None
    images: int = Field(default=32, ge=2)
    inits: int = Field(default=1, ge=1)
    batches: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _one(self) -> Score:
        if (self.proxies is None) == (self.ensemble is None):
            raise ValueError("score takes proxies: [NAME, ...] or ensemble: NAME, one of the two")
        return self

    @field_validator("proxies")
    @classmethod
    def _known(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        plain = tuple(name.removeprefix(TURNED) for name in names or ())
        for name in plain:
            if name not in PROXIES:
                raise ValueError(f"unknown proxy {name!r}; {nearest(name, PROXIES)}")
        _each_once(plain)
        return names

    @field_validator("ensemble")
    @classmethod
    def _known_ensemble(cls, name: str | None) -> str | None:
        if name is not None and name not in ENSEMBLES:
            raise ValueError(f"unknown ensemble {name!r}; {nearest(name, ENSEMBLES)}")
        return name

    @property
    def combination(self) -> Ensemble:
        """The proxies, and how their ranks are combined."""
        return ENSEMBLES[self.ensemble] if self.ensemble else ensemble_of(self.proxies or ())

    @property
    def names(self) -> tuple[str, ...]:
        """All its proxies."""
        return self.combination.proxies

    @property
    def computed(self) -> tuple[str, ...]:
        """Those that are not known before, as counted measures are."""
        return tuple(name for name in self.names if MEASURES[name].stage == "score")


class Train(_Record):
    """Stage of short training, for the best ``promote`` share of each generation.

    ``rungs`` are epochs at which the trials in training are compared and the best ``keep`` share
    goes on: ``asynchronous``, as soon as a trial is among the best of those that came so far.
    ``extrapolate`` stops those as well that cannot reach the front by their learning curve.
    ``predictor`` lets predicted accuracy choose instead of the score, from when on it is better on
    the run's own nets.
    """

    promote: float = Field(default=1.0, gt=0, le=1)
    rungs: tuple[Epochs, ...] = Field(default=(), strict=False)
    keep: float = Field(default=0.5, gt=0, lt=1)
    asynchronous: bool = False
    extrapolate: bool = False
    predictor: bool = False

    @field_validator("rungs")
    @classmethod
    def _rising(cls, rungs: tuple[float, ...]) -> tuple[float, ...]:
        named = [float(f"{epochs:g}") for epochs in rungs]
        if named != sorted(set(named)):
            raise ValueError(f"rungs must rise, got {', '.join(f'{e:g}' for e in rungs)}")
        return rungs

    @model_validator(mode="after")
    def _compared(self) -> Train:
        idle = sorted({"keep", "asynchronous", "extrapolate"} & self.model_fields_set)
        if idle and not self.rungs:
            raise ValueError(f"{idle[0]} says what happens at rungs; add rungs: [1, 3] or drop it")
        return self


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
    """Who runs the trials: ``ray`` or in-process ``local``; ``threads`` per worker.

    ``processor`` is where nets are scored and trained; ``auto`` is a GPU where there is one.
    """

    name: Literal["ray", "local"] = "ray"
    workers: int = Field(default=2, ge=1)
    threads: int = Field(default=1, ge=1)
    processor: Literal["auto", "cpu", "cuda"] = "cpu"


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
