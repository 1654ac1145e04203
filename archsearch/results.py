"""The results of a run, read from its folder while it goes on or after it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.audits import standing
from archsearch.cost import count
from archsearch.devices import Device
from archsearch.devices.reading import Latency
from archsearch.devices.readings import Remembering
from archsearch.devices.source import label, one_source
from archsearch.documents import Document
from archsearch.errors import InputError, nearest
from archsearch.front import Front
from archsearch.measures import LATENCY, MEASURES, Direction, epochs_reached, latency_measured
from archsearch.predicting import said
from archsearch.run_folders import database_of, databases_in, last_change
from archsearch.shown import beside
from archsearch.space import NotAMember, architecture_of
from archsearch.store import DATABASE, Store, choices_frame, curves_frame, trials_frame
from archsearch.study import Study, study_of
from archsearch.summary import Summary, summarize
from archsearch.tables import family, front_of, latencies_of, measured, on_front
from archsearch.trial import Measured, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from archsearch.figures.quantity import Quantity


def open_run(path: str | Path) -> RunResults:
    """Read the run in a folder as it is now; a run that goes on is not disturbed.

    Args:
        path: the run's folder, or the ``run.sqlite`` in it.

    Raises:
        InputError: there is no run; says what was found instead and what to give.
    """
    database = database_of(Path(path))
    store = Store.open(database)
    try:
        return RunResults(
            folder=database.parent,
            study=study_of(Document(str(database), store.study), database.parent),
            records=tuple(store.trials()),
            environment=store.environment,
            counts=sum((Counter(g.counts) for g in store.generations()), Counter()),
            elapsed_s=store.active_seconds(),
            changed=last_change(database),
            decisions=store.decisions(),
        )
    finally:
        store.close()


def open_search(path: str | Path) -> RunResults:
    """Read the run of a search.

    Raises:
        InputError: as ``open_run``, or it is the run of an ablation.
    """
    run = open_run(path)
    run.study.ensure_search()
    return run


@dataclass(frozen=True, eq=False, repr=False)
class RunResults:
    """A run as it was when it was opened.

    Attributes:
        folder: where it is.
        study: what was asked.
        records: its trials.
        environment: code, versions, machine and images that it was made with.
        counts: what its screens counted: ``asked``, and refusals by reason.
        elapsed_s: active seconds over all its starts.
        changed: when something was last stored, in local time.
        decisions: by generation, whether the predictor chose what to train, and why.
    """

    folder: Path
    study: Study
    records: tuple[Trial, ...]
    environment: Mapping[str, Any]
    counts: Mapping[str, int]
    elapsed_s: float
    changed: datetime
    decisions: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial, with its fidelity: the ``epochs`` after which it was last judged."""
        whole = self.study.settings.training.epochs
        reached = [epochs_reached(trial.measures, whole) for trial in self.records]
        return trials_frame(self.records).assign(epochs=reached)

    @cached_property
    def choices(self) -> pd.DataFrame:
        """One row a trial: ``number``, and its value at each leaf of the space (None if absent).

        Of an ablation: ``arm`` and ``seed``.
        """
        return choices_frame(self.records, self.study.paths)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Learning curves as they are now, one row an epoch of a training, for ``plot_curves``.

        Returns:
            ``number``, ``repetition``, ``epoch``, ``train_loss``, ``validation_accuracy``,
            ``seconds``, and ``family`` of the trial's blocks.
        """
        with Store.open(self.folder / DATABASE) as store:
            frame = curves_frame(store.curves())
        families = {n: family(self.architecture(n)) for n in frame["number"].unique()}
        return frame.assign(family=frame["number"].map(families))

    def points(self, x: str, y: str) -> pd.DataFrame:
        """What figures of two measures show: every trial that did not fail and has both.

        Returns:
            Both measures with their spreads, ``number``, ``family`` (of blocks), ``complete``,
            ``on_front`` (of these two measures) and ``finished_s`` (active seconds of the run).

        Raises:
            InputError: as ``pareto``.
        """
        return self._points(self._directions([x, y]))

    def quantity(self, name: str) -> Quantity:
        """A measure as figures show it: unit, better direction, and for latencies their source.

        Raises:
            InputError: as ``pareto``.
        """
        from archsearch.figures.quantity import Quantity

        (direction,) = self._directions([name]).values()
        about = self._latency_label() if name == LATENCY else None
        return Quantity(name, MEASURES[name].unit, direction == "maximize", about)

    def pareto(self, objectives: Sequence[str] | None = None) -> Front:
        """The non-dominated complete trials, best in the first objective first.

        In a notebook it shows itself as the figure of its first two objectives and a table.

        Args:
            objectives: names of measures; None for the study's objectives. A measure that is no
                objective of the study is taken in its own better direction.

        Returns:
            ``number``, ``net`` (a published net's name or the architecture's id), the measures,
            ``MEASURE_spread`` and ``MEASURE_n`` behind what varies, and ``blocks`` in short.
            ``attrs["footnote"]`` says what the spread is.

        Raises:
            InputError: a name is unknown, stands twice, or was measured in no complete trial; or
                the run is that of an ablation.
        """
        self.study.ensure_search()
        directions = self._directions(objectives)
        frame = front_of(self.records, directions, self._nets)
        blocks = [self.architecture(number).blocks_in_short() for number in frame["number"]]
        y, x, *_ = [*directions, None]
        x, y = self.axes(x, y)
        caption = f"{y} over {x}: the front of these two, and all trials that have both"
        return Front.of(frame.assign(blocks=blocks), partial(self.plot_pareto, x, y), caption)

    def beside_published(self, front: pd.DataFrame) -> pd.DataFrame:
        """A table as ``pareto`` gives it, with the published nets of the space below it.

        Returns:
            The columns of ``front``, and behind ``net`` whether it is a published one. Nets that
            the run did not train have no ``number`` and only what is counted.
        """
        nets = self._published([name for name in front.columns if name in MEASURES])
        tried = {t.architecture_id: t.number for t in self.records if t.state == "complete"}
        below = [
            {"number": tried.get(net.id), "blocks": net.blocks_in_short(), **row}
            for row in nets[~nets["net"].isin(front["net"])].to_dict("records")
            for net in [published.load(row["net"])]
        ]
        table = pd.DataFrame([*front.to_dict("records"), *below], columns=front.columns)
        table["number"] = table["number"].astype("Int64")
        table.insert(2, "published", table["net"].isin(published.names()))
        table.attrs = dict(front.attrs)
        return table

    def plot_pareto(
        self,
        x: str | None = None,
        y: str | None = None,
        ax: Axes | None = None,
        *,
        reference: tuple[float, float] | None = None,
    ) -> Figure:
        """Draw the front in two measures, all trials behind it, the space's published nets beside.

        The front drawn is that of ``x`` and ``y`` alone, whatever else the study optimises.

        Args:
            x: measure across; None for the study's second objective, or params.
            y: measure upwards; None for the study's first objective.
            ax: axes to draw in; None makes a figure.
            reference: point up to which the area that the front dominates is shaded.

        Raises:
            InputError: as ``pareto``.
        """
        # Imported here: matplotlib takes a second that tables do not need.
        from archsearch.figures.front import plot_front

        x, y = self.axes(x, y)
        return plot_front(
            self.points(x, y),
            self.quantity(x),
            self.quantity(y),
            published=self._published([x, y]),
            reference=reference,
            title=self.study.settings.name,
            ax=ax,
        )

    def remeasured(
        self, device: Device, *, fresh: bool = False
    ) -> list[tuple[Trial, Latency | InputError]]:
        """Measure the front's nets by another device, in the order of ``pareto``.

        Args:
            device: another device than the study's.
            fresh: also what it measured before.

        Returns:
            The trials of the front, each with its latency there or why it has none.

        Raises:
            InputError: the device is not set up.
        """
        front = [self._by_number[number] for number in self.pareto()["number"]]
        nets = [self.architecture(trial.number) for trial in front]
        with Remembering(device, fresh=fresh, processes=os.cpu_count() or 1) as asked:
            found = list(asked.latencies(nets, self.study.settings.classes))
        return list(zip(front, found, strict=True))

    def axes(self, x: str | None = None, y: str | None = None) -> tuple[str, str]:
        """The measures that ``plot_pareto`` draws across and upwards."""
        own = [objective.measure for objective in self.study.settings.objectives]
        y = y or next(name for name in (*own, "params", "macs") if name != x)
        return x or next(name for name in (*own, "params", "macs") if name != y), y

    def save(self) -> tuple[Path, Path]:
        """Write ``pareto.csv`` and ``front.png`` into the run's folder; return their paths."""
        from archsearch.figures.style import save as write_figure

        table, figure = self.folder / "pareto.csv", self.folder / "front.png"
        self.pareto().to_csv(table, index=False)
        write_figure(self.plot_pareto(), figure)
        return table, figure

    def architecture(self, number: int) -> Architecture:
        """The architecture of a trial.

        Raises:
            InputError: the run has no such trial.
        """
        trial = self._by_number.get(number)
        if trial is None:
            raise InputError(
                f"{self.folder}: has no trial {number!r}; it has {len(self.records)}, from 0"
            )
        return architecture_of(Document(f"{self.folder}, trial {number}", dict(trial.architecture)))

    def summary(self) -> Summary:
        """Done, rejected by reason, failed, stopped, waiting, best, elapsed."""
        return summarize(self.study, self.records, self.counts, self.elapsed_s)

    def trust(self) -> dict[str, str]:
        """What stands behind the accuracies, and behind the choice of what was trained.

        Returns:
            Labels with their texts: which audit judges the accuracy axis, where the study trains,
            and whether a predictor chose, where it was allowed to.
        """
        found = {}
        if self.study.settings.cascade.train is not None and self.study.plan is None:
            images = str(self.environment.get("images"))
            found["accuracy axis"] = standing(self.study, images, self.folder.resolve().parent)
        if self.decisions:
            found["predictor"] = said(self.decisions)
        return found

    def __repr__(self) -> str:
        now = self.summary()
        return f"<run {now.name}: {now.state}, {now.done} of {now.budget_trials} trials done>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(label)}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for label, text in self.summary().rows().items()
        )
        summary = f"<table>{rows}</table>"
        if self.study.plan is not None or not len(front := self.pareto()):
            return summary
        return beside(summary, front.picture()) + front.table()

    @cached_property
    def _by_number(self) -> dict[int, Trial]:
        return {trial.number: trial for trial in self.records}

    @cached_property
    def _nets(self) -> dict[str, str]:
        """Names of the published nets by architecture id."""
        return {published.load(name).id: name for name in published.names()}

    def _directions(self, objectives: Sequence[str] | None) -> dict[str, Direction]:
        own = {o.measure: o.direction for o in self.study.settings.objectives}
        if objectives is None:
            return own
        if not objectives:
            raise InputError(f"no objective was given; valid: {', '.join(sorted(MEASURES))}")
        for index, name in enumerate(objectives):
            if name not in MEASURES:
                raise InputError(f"unknown measure {name!r}; {nearest(name, MEASURES)}")
            if name in objectives[:index]:
                raise InputError(f"the measure {name!r} was given twice; give it once")
            self._ensure_measured(name)
        return {name: own.get(name, MEASURES[name].direction) for name in objectives}

    def _ensure_measured(self, name: str) -> None:
        complete = [trial for trial in self.records if trial.state == "complete"]
        known = {known for trial in complete for known in trial.measures}
        if complete and name not in known:
            raise InputError(
                f"{self.folder}: {name} was not measured in this run; "
                f"measured: {', '.join(sorted(known))}"
            )

    def _points(self, directions: Mapping[str, Direction]) -> pd.DataFrame:
        """What a figure of two measures shows: every trial that did not fail and has both."""
        shown = [
            trial
            for trial in self.records
            if trial.state != "failed" and directions.keys() <= trial.measures.keys()
        ]
        complete = [trial for trial in shown if trial.state == "complete"]
        marks = on_front(complete, directions)
        front = {trial.number for trial, mark in zip(complete, marks, strict=True) if mark}
        return measured([trial.measures for trial in shown], list(directions)).assign(
            number=[trial.number for trial in shown],
            family=[family(self.architecture(trial.number)) for trial in shown],
            complete=[trial.state == "complete" for trial in shown],
            on_front=[trial.number in front for trial in shown],
            finished_s=pd.Series([trial.finished_s for trial in shown], dtype=float),
        )

    def _published(self, names: Sequence[str]) -> pd.DataFrame:
        """The published nets of the space: what was measured of them here, and what is counted."""
        members = [net for net in map(published.load, published.names()) if self._has(net)]
        trained = {t.architecture_id: t.measures for t in self.records if t.state == "complete"}
        counted = {net.id: self._counted(net) for net in members if net.id not in trained}
        if LATENCY in names:
            latencies = {"trials": latencies_of(t.measures for t in self.records)}
            one_source(latencies | {"published nets": latencies_of(counted.values())})
        known = [trained.get(net.id) or counted[net.id] for net in members]
        frame = measured(known, names).assign(net=[net.name or net.id for net in members])
        return frame.reindex(columns=[*frame.columns, *(n for n in names if n not in frame)])

    def _counted(self, net: Architecture) -> dict[str, Measured]:
        """What is known of a net without training it; its latency by the study's own device.

        A latency that must be measured is only looked up: a figure is no reason to start a board.
        """
        classes, device = self.study.settings.classes, self.study.device
        cost = count(net, classes)
        found = {name: Measured(name, value, "screen") for name, value in cost._asdict().items()}
        # Another device by now under this name: what it says must not stand beside the run's.
        if device is None or device.identity != self.environment.get("device"):
            return found
        latency = Remembering(device).known(net, classes)
        return found if latency is None else found | {LATENCY: latency_measured(latency, "screen")}

    def _latency_label(self) -> str | None:
        """Label of an axis of latencies, which must all be of one device and way."""
        latencies = latencies_of(trial.measures for trial in self.records)
        source = one_source({"trials": latencies})
        return None if source is None else label(source, latencies)

    def _has(self, net: Architecture) -> bool:
        try:
            self.study.space.encode(net)
        except NotAMember:
            return False
        return True


def runs_in(folder: Path) -> dict[str, RunResults | InputError]:
    """Every run in a folder by its name, or why it cannot be read.

    Raises:
        InputError: there is no such folder.
    """
    return {database.parent.name: _opened(database) for database in databases_in(folder)}


def _opened(database: Path) -> RunResults | InputError:
    try:
        return open_run(database)
    except InputError as error:
        return error
