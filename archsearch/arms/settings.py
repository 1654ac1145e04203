"""The records of an ablation file: what each part may say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from archsearch.arms.claims import Claim, stated
from archsearch.datasets import DatasetConfig
from archsearch.documents import Location
from archsearch.errors import nearest
from archsearch.settings import Engine
from archsearch.significance.sign_flip import MOST_EXACT
from archsearch.training import Recipe

BASE = "base"
"""A factor's first level, and the arm of which every factor is at that level."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Probability = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class Record(BaseModel):
    """A part of the file: strict, and nothing in it is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Level(Record):
    """A change to the base: blocks removed, then inserted, then layers replaced, then leaves set.

    Attributes:
        remove: kinds of blocks.
        insert: a place in every stage (``first``, ``last``, ``before_N``) or in one
            (``stages.N.first``), and the block put there.
        replace: a kind of layer, and the layer (``{KIND: {LEAF: VALUE}}``, or KIND) put there.
        set: KIND.LEAF for every layer of a kind, or the path of one leaf, with its new value.
        at: path or paths inside which layers are meant by their kind; everywhere if not given.
        claim: the row of ``ablations.csv`` that states what the paper found, or ``not found``.
    """

    remove: tuple[str, ...] = Field(default=(), strict=False)
    insert: dict[str, Any] = {}
    replace: dict[str, Any] = {}
    set: dict[str, Any] = {}
    at: tuple[str, ...] = Field(default=(), strict=False)
    claim: Claim | Literal["not found"] | None = None

    @field_validator("remove", "at", mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given

    @field_validator("claim", mode="before")
    @classmethod
    def _stated(cls, claim: Any) -> Any:
        return stated(claim)


class Factor(Level):
    """A change with a name, or several ``levels``, one of which is chosen."""

    levels: dict[Name, Level] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Factor:
        beside = sorted(self.model_fields_set - {"levels"})
        if self.levels is None:
            if not (self.remove or self.insert or self.replace or self.set):
                raise ValueError("changes nothing; give it set, replace, insert, remove or levels")
        elif not self.levels:
            raise ValueError("levels is empty; name one change at least")
        elif beside:
            raise ValueError(f"has levels and {beside[0]}; put {beside[0]} into its levels")
        return self

    def changes(self, name: str) -> Iterator[tuple[str, Level, Location]]:
        """Its levels but for the base: label, change, and where that stands inside the factor."""
        if self.levels is None:
            yield name, self, ()
            return
        for label, level in self.levels.items():
            yield label, level, ("levels", label)


class Seeds(Record):
    """How often every arm is trained: ``first`` times, and up to ``most`` where ``adaptive``."""

    first: int = Field(ge=1)
    most: int = Field(ge=1)
    adaptive: bool = False

    @model_validator(mode="after")
    def _rising(self) -> Seeds:
        if self.most < self.first:
            raise ValueError(f"first <= most must hold, got {self.first} > {self.most}")
        if self.most > self.first and not self.adaptive:
            raise ValueError("most above first needs adaptive: true; add it or drop most")
        if self.adaptive and self.most > MOST_EXACT:
            raise ValueError(
                f"adaptive takes most: {MOST_EXACT} or fewer, got {self.most}: its test looks at "
                "all 2^most sign patterns"
            )
        return self


class DesignOptions(Record):
    """``resolution`` (3 to 5) of a fractional factorial design; the others have no option."""

    resolution: int | None = Field(default=None, ge=3, le=5)


DESIGNS = (
    "one_at_a_time",
    "leave_one_out",
    "cumulative",
    "full_factorial",
    "fractional_factorial",
)


class Minutes(Record):
    """What the run may cost."""

    minutes: float | None = Field(default=None, gt=0)


class AblationSettings(Record):
    """Everything in an ablation file, its short forms written out.

    ``design`` has one key. ``seed`` is that of the whole study: the trainings' descend from it.
    ``alpha`` is the family-wise error of the table, ``margin`` the difference in accuracy below
    which two arms count as equivalent.
    """

    kind: Literal["ablation"]
    name: Name
    question: str | None = None
    base: dict[str, Any]
    factors: dict[Name, Factor]
    design: dict[str, DesignOptions]
    seeds: Seeds
    seed: int = 0
    training: Recipe = Recipe()
    data: DatasetConfig
    classes: int = Field(default=1000, ge=1)
    device: str | dict[str, Any] | None = None
    alpha: Probability = 0.05
    margin: Probability | None = None
    engine: Engine = Engine()
    budget: Minutes = Minutes()
    notes: str | None = None

    @field_validator("factors")
    @classmethod
    def _some(cls, factors: Mapping[str, Factor]) -> Mapping[str, Factor]:
        if not factors:
            raise ValueError("got {}; name one change at least")
        return factors

    @field_validator("design")
    @classmethod
    def _one_design(cls, design: Mapping[str, DesignOptions]) -> Mapping[str, DesignOptions]:
        given = ", ".join(design) or "nothing"
        if len(design) != 1 or given not in DESIGNS:
            raise ValueError(f"got {given}; {nearest(given, DESIGNS)}")
        resolution = design[given].resolution
        if (given == "fractional_factorial") != (resolution is not None):
            raise ValueError(
                "fractional_factorial needs resolution: 3, 4 or 5"
                if resolution is None
                else f"{given} takes no resolution; drop it"
            )
        return design

    @field_validator("training")
    @classmethod
    def _one_training(cls, training: Recipe) -> Recipe:
        if training.seeds != 1:
            raise ValueError(
                f"training.seeds: {training.seeds} would average trainings that are compared one "
                "by one; drop it and give seeds: beside training"
            )
        return training

    @property
    def design_name(self) -> str:
        """Its one key."""
        return next(iter(self.design))

    @property
    def resolution(self) -> int | None:
        """That of a fractional design."""
        return self.design[self.design_name].resolution
