"""The tables of a run's database, and how records become rows and rows records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from archsearch.trial import ARM, CurvePoint, Measured, Trial

TABLES = sa.MetaData()
META = sa.Table(
    "meta",
    TABLES,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)
GENERATIONS = sa.Table(
    "generations",
    TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("sampler_s", sa.Float, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False, default=False),
)
TRIALS = sa.Table(
    "trials",
    TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("generation", sa.ForeignKey("generations.number"), nullable=False, index=True),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("choices", sa.JSON, nullable=False),
    sa.Column("architecture_id", sa.Text, nullable=False),
    sa.Column("architecture", sa.JSON, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("note", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("told", sa.JSON(none_as_null=True)),
    sa.Column("error", sa.Text),
    sa.Column("finished_s", sa.Float),
)
# A search has one trial a net, an ablation one a net and seed.
_IS_ARM = TRIALS.c.origin == sa.literal_column(f"'{ARM}'")
sa.Index("one_a_net", TRIALS.c.architecture_id, unique=True, sqlite_where=~_IS_ARM)
sa.Index(
    "one_a_net_and_seed",
    TRIALS.c.architecture_id,
    TRIALS.c.seed,
    unique=True,
    sqlite_where=_IS_ARM,
)
# A NaN is stored as NULL: SQLite has none.
MEASURES = sa.Table(
    "measures",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("trial", sa.ForeignKey("trials.number"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("sd", sa.Float),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.UniqueConstraint("trial", "name"),
)
# Device and way of what has one: a table of its own, so that older databases need no change.
READINGS = sa.Table(
    "readings",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("trial", sa.ForeignKey("trials.number"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("reading", sa.JSON, nullable=False),
    sa.UniqueConstraint("trial", "name"),
)
CURVE = sa.Table(
    "curve_points",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("trial", sa.ForeignKey("trials.number"), nullable=False, index=True),
    sa.Column("repetition", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Float, nullable=False),
    sa.Column("train_loss", sa.Float),
    sa.Column("validation_accuracy", sa.Float),
    sa.Column("seconds", sa.Float, nullable=False),
)
# Why a generation was chosen as it was; a table of its own, as that of the readings.
DECISIONS = sa.Table(
    "decisions",
    TABLES,
    sa.Column("generation", sa.ForeignKey("generations.number"), primary_key=True),
    sa.Column("decision", sa.JSON, nullable=False),
)
SESSIONS = sa.Table(
    "sessions",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("started", sa.Float, nullable=False),  # seconds since 1970
    sa.Column("seen", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class Generation:
    """What the store knows of a generation besides its trials.

    ``counts`` is what the screen counted while it was proposed, ``sampler_s`` the seconds that
    took. ``settled`` is True once its end was stored.
    """

    number: int
    counts: Mapping[str, int]
    sampler_s: float
    settled: bool


def trial_row(trial: Trial) -> dict[str, Any]:
    """A trial without its measures, which are rows of their own."""
    row = {field.name: getattr(trial, field.name) for field in fields(Trial)}
    del row["measures"]
    row |= {name: dict(row[name]) for name in ("choices", "architecture", "note")}
    row["told"] = None if trial.told is None else list(map(float, trial.told))
    return row | {"error": text(trial.error)}


def trial_of(row: sa.Row[Any], measures: Mapping[str, Measured]) -> Trial:
    """The trial of a row; when it was last worked on is when it ended, once it has."""
    known = dict(row._mapping)
    known["told"] = None if row.told is None else tuple(row.told)
    known["finished_s"] = None if row.state == "waiting" else row.finished_s
    return Trial(**known, measures=measures)


def measure_row(trial: int, measure: Measured) -> dict[str, Any]:
    """A measure of the trial with this number."""
    row = {"trial": trial, **vars(measure), "value": float(measure.value)}
    del row["reading"]
    return row


def reading_rows(trial: int, measures: Iterable[Measured]) -> list[dict[str, Any]]:
    """The readings among the measures of the trial with this number."""
    return [
        {"trial": trial, "name": measure.name, "reading": dict(measure.reading)}
        for measure in measures
        if measure.reading is not None
    ]


def measured_of(row: sa.Row[Any], reading: Mapping[str, Any] | None = None) -> Measured:
    """The measure of a row, with its reading if it has one."""
    known = dict(row._mapping) | {"reading": reading}
    del known["id"], known["trial"]
    return Measured(**(known | {"value": math.nan if row.value is None else row.value}))


def point_row(trial: int, point: CurvePoint) -> dict[str, Any]:
    """A point of the learning curve of the trial with this number."""
    return {"trial": trial, **vars(point)}


def point_of(row: sa.Row[Any]) -> CurvePoint:
    """The point of a learning curve of a row."""
    known: dict[str, Any] = {name: math.nan if x is None else x for name, x in row._mapping.items()}
    del known["id"], known["trial"]
    return CurvePoint(**known)


def text(message: str | None) -> str | None:
    """The message as valid UTF-8: what a failed trial says may be anything."""
    return message and message.encode("utf-8", "backslashreplace").decode("utf-8")
