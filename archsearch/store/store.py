"""A run's database, open: what a run writes and what everybody may read."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, get_args

import sqlalchemy as sa

from archsearch.errors import InputError
from archsearch.store.sqlite_file import (
    StoreFull,
    explained,
    fold_log,
    locked,
    open_engine,
    write_new,
)
from archsearch.store.tables import (
    CURVE,
    DECISIONS,
    GENERATIONS,
    MEASURES,
    META,
    READINGS,
    SESSIONS,
    TABLES,
    TRIALS,
    Generation,
    measure_row,
    measured_of,
    point_of,
    point_row,
    reading_rows,
    text,
    trial_of,
    trial_row,
)
from archsearch.trial import CurvePoint, Measured, Stage, State, Trial

SCHEMA = 1

DATABASE = "run.sqlite"
"""The file in a run's folder."""

_STAGES: tuple[Stage, ...] = get_args(Stage)


class Store:
    """One run's database, open for reading or, by one process at a time, for writing.

    Attributes:
        path: the SQLite file.
        study: the study's plain data, as the run was begun with it.
        identity: hash of what decides the study's trials.
        environment: what the run was begun on.
        created: when, ISO 8601 in UTC.
    """

    def __init__(self, path: Path, lock: IO[str] | None) -> None:
        """Use ``Store.create`` or ``Store.open``."""
        self.path = path
        self._lock = lock
        self._engine = open_engine(path, "ro" if lock is None else "rw")
        self._began = time.monotonic()
        try:
            meta = self._read_meta()
            self.study: Mapping[str, Any] = meta["study"]
            self.identity: str = meta["identity"]
            self.environment: Mapping[str, Any] = meta["environment"]
            self.created: str = meta["created"]
            self._before_s = self._past_seconds()
            self._started = time.time()
            self._session = 0 if lock is None else self._begin_session()
        except BaseException:
            self._engine.dispose()
            raise

    @classmethod
    def create(
        cls, path: Path, study: Mapping[str, Any], identity: str, environment: Mapping[str, Any]
    ) -> Store:
        """Begin the database of a run and open it for writing.

        The file appears whole or not at all.

        Raises:
            InputError: there is one already, another process is beginning it, or the folder cannot
                be written.
        """
        lock = locked(path)
        new = path.with_name(f".{path.name}.new")
        try:
            if path.exists():
                raise InputError(f"{path}: exists; go on with its run or choose another folder")
            meta = {
                "schema": SCHEMA,
                "study": dict(study),
                "identity": identity,
                "environment": dict(environment),
                "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            }
            with explained(path):
                new.unlink(missing_ok=True)
                write_new(new, meta)
                new.rename(path)
            return cls(path, lock)
        except BaseException:
            new.unlink(missing_ok=True)
            lock.close()
            raise

    @classmethod
    def open(cls, path: Path, write: bool = False) -> Store:
        """Open the database of a run.

        Raises:
            InputError: there is no such file, it is no run, was written by a newer version, or
                (for writing) another process writes it.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such file; give the run.sqlite of a run")
        if not write:
            return cls(path, None)
        lock = locked(path)
        try:
            return cls(path, lock)
        except BaseException:
            lock.close()
            raise

    def close(self) -> None:
        """Close the file and let another process write. Closing twice is allowed."""
        try:
            if self._lock is not None and not self._lock.closed:
                with suppress(StoreFull):  # the last seconds of work would go unnoticed
                    self.touch()
                fold_log(self._engine)
        finally:
            self._engine.dispose()
            if self._lock is not None:
                self._lock.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def renew_study(self, study: Mapping[str, Any]) -> None:
        """Store the study as it is now, with another budget or engine."""
        here = META.c.key == "study"
        with self._writing() as connection:
            connection.execute(sa.update(META).where(here).values(value=dict(study)))
        self.study = study

    def add_generation(
        self, number: int, counts: Mapping[str, int], trials: Sequence[Trial], sampler_s: float
    ) -> None:
        """Store a proposed generation with its trials and what was measured of them so far."""
        generation = {"number": number, "counts": dict(counts), "sampler_s": sampler_s}
        measures = [measure_row(t.number, m) for t in trials for m in t.measures.values()]
        readings = [row for t in trials for row in reading_rows(t.number, t.measures.values())]
        with self._writing() as connection:
            connection.execute(sa.insert(GENERATIONS), generation)
            _insert(connection, TRIALS, [trial_row(trial) for trial in trials])
            _insert(connection, MEASURES, measures)
            _insert(connection, READINGS, readings)

    def record(
        self,
        number: int,
        stage: Stage,
        measures: Sequence[Measured],
        curve: Sequence[CurvePoint] = (),
        state: State = "waiting",
        error: str | None = None,
    ) -> None:
        """Store what one stage found of one trial.

        Raises:
            ValueError: the trial is unknown, over, or behind this stage already. A training is
                recorded at each of its rungs, and once at its end.
        """
        points = [point_row(number, point) for point in curve]
        change = {"stage": stage, "state": state, "error": text(error)}
        with self._writing() as connection:
            self._ensure_due(connection, number, stage)
            here = TRIALS.c.number == number
            finished_s = self.active_seconds()
            connection.execute(
                sa.update(TRIALS).where(here).values(**change, finished_s=finished_s)
            )
            _insert(connection, MEASURES, [measure_row(number, m) for m in measures])
            _insert(connection, READINGS, reading_rows(number, measures))
            _insert(connection, CURVE, points)

    def settle(
        self, generation: int, ends: Mapping[int, tuple[State, tuple[float, ...] | None]]
    ) -> None:
        """Store the end of a generation: the state of each trial and what the sampler is told.

        Raises:
            ValueError: ``ends`` does not hold exactly the trials of this generation, or its end is
                stored already.
        """
        rows = [
            {"at": number, "end": state, "values": None if told is None else list(map(float, told))}
            for number, (state, told) in ends.items()
        ]
        change = sa.update(TRIALS).where(TRIALS.c.number == sa.bindparam("at"))
        change = change.values(
            state=sa.bindparam("end"),
            told=sa.bindparam("values"),
            finished_s=sa.func.coalesce(TRIALS.c.finished_s, self.active_seconds()),
        )
        with self._writing() as connection:
            self._ensure_open(connection, generation, ends)
            if rows:
                connection.execute(change, rows)
            here = GENERATIONS.c.number == generation
            connection.execute(sa.update(GENERATIONS).where(here).values(settled=True))

    def decide(self, generation: int, decision: Mapping[str, Any]) -> None:
        """Store how the trained ones of a generation were chosen; the first decision stays."""
        row = {"generation": generation, "decision": dict(decision)}
        with self._writing() as connection:
            connection.execute(sa.insert(DECISIONS).prefix_with("OR IGNORE"), row)

    def decisions(self) -> dict[int, Mapping[str, Any]]:
        """How generations were chosen, by number, where that was decided."""
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(DECISIONS.name):
                return {}  # a database of before there were any
            rows = connection.execute(sa.select(DECISIONS).order_by(DECISIONS.c.generation))
            return {row.generation: row.decision for row in rows}

    def trials(self) -> list[Trial]:
        """Every trial in the order of numbers, with its measures."""
        measures: dict[int, dict[str, Measured]] = defaultdict(dict)
        with self._reading() as connection:
            rows = connection.execute(sa.select(TRIALS).order_by(TRIALS.c.number)).all()
            readings = _readings(connection)
            for row in connection.execute(sa.select(MEASURES).order_by(MEASURES.c.id)):
                reading = readings.get((row.trial, row.name))
                measures[row.trial][row.name] = measured_of(row, reading)
        return [trial_of(row, measures.get(row.number, {})) for row in rows]

    def curves(self) -> dict[int, tuple[CurvePoint, ...]]:
        """Learning curves by trial number, each in the order it was recorded."""
        points: dict[int, list[CurvePoint]] = defaultdict(list)
        with self._reading() as connection:
            for row in connection.execute(sa.select(CURVE).order_by(CURVE.c.id)):
                points[row.trial].append(point_of(row))
        return {number: tuple(curve) for number, curve in points.items()}

    def generations(self) -> list[Generation]:
        """Every generation in order."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(GENERATIONS).order_by(GENERATIONS.c.number))
            return [Generation(**row._mapping) for row in rows]

    def known_ids(self) -> set[str]:
        """The architecture ids of all trials."""
        with self._reading() as connection:
            return set(connection.scalars(sa.select(TRIALS.c.architecture_id)))

    def active_seconds(self) -> float:
        """Seconds during which some process had the run open for writing, over all its starts.

        Of a process that was killed, the time until its last write or ``touch`` counts.
        """
        if self._lock is None:
            return self._past_seconds()
        return self._before_s + time.monotonic() - self._began

    def touch(self) -> None:
        """Store that the run is still at work. Every write does that too."""
        with self._writing():
            pass

    def _read_meta(self) -> dict[str, Any]:
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(META.name):
                raise InputError(
                    f"{self.path}: is no run of archsearch; give the run.sqlite of one"
                )
            schema = sa.select(META.c.value).where(META.c.key == "schema")
            if (found := connection.scalar(schema)) != SCHEMA:
                raise InputError(
                    f"{self.path}: was written by another version of archsearch (schema {found}, "
                    f"this one reads {SCHEMA}); open it with that version"
                )
            return {row.key: row.value for row in connection.execute(sa.select(META))}

    def _begin_session(self) -> int:
        row = {"started": self._started, "seen": self._started}
        with explained(self.path), self._engine.begin() as connection:
            TABLES.create_all(connection)  # a database of before latencies lacks their table
            key = connection.execute(sa.insert(SESSIONS), row).inserted_primary_key
        return int(key[0]) if key else 0

    def _past_seconds(self) -> float:
        with self._reading() as connection:
            spent = sa.func.sum(SESSIONS.c.seen - SESSIONS.c.started)
            return float(connection.scalar(sa.select(spent)) or 0.0)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with explained(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One transaction, in which the session is marked as alive too."""
        with explained(self.path), self._engine.begin() as connection:
            yield connection
            # Measured on a clock that nobody sets.
            seen = self._started + time.monotonic() - self._began
            here = SESSIONS.c.id == self._session
            connection.execute(sa.update(SESSIONS).where(here).values(seen=seen))

    def _ensure_due(self, connection: sa.Connection, number: int, stage: Stage) -> None:
        found = sa.select(TRIALS.c.state, TRIALS.c.stage).where(TRIALS.c.number == number)
        row = connection.execute(found).one_or_none()
        if row is None:
            raise ValueError(f"trial {number}: is not in {self.path}")
        if row.state != "waiting":
            raise ValueError(f"trial {number}: is {row.state}; {stage!r} cannot follow")
        at_a_rung = stage == row.stage == "train"
        if _STAGES.index(stage) <= _STAGES.index(row.stage) and not at_a_rung:
            raise ValueError(f"trial {number}: {stage!r} cannot follow the stage {row.stage!r}")

    def _ensure_open(
        self, connection: sa.Connection, generation: int, ends: Mapping[int, object]
    ) -> None:
        settled = sa.select(GENERATIONS.c.settled).where(GENERATIONS.c.number == generation)
        if connection.scalar(settled) is not False:
            raise ValueError(f"generation {generation}: is unknown or settled already")
        members = sa.select(TRIALS.c.number).where(TRIALS.c.generation == generation)
        if (numbers := set(connection.scalars(members))) != set(ends):
            raise ValueError(
                f"generation {generation}: has the trials {sorted(numbers)}; got {sorted(ends)}"
            )


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)


def _readings(connection: sa.Connection) -> dict[tuple[int, str], Mapping[str, Any]]:
    """Readings by trial and measure; none in a database of before there were any."""
    if not sa.inspect(connection).has_table(READINGS.name):
        return {}
    return {(r.trial, r.name): r.reading for r in connection.execute(sa.select(READINGS))}
