"""Optuna: a run as a study in a database of Optuna's, for optuna-dashboard and the like."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from archsearch.errors import InputError
from archsearch.exports.runs.format import PlaceFormat
from archsearch.grammar import Domain
from archsearch.measures import ACCURACY
from archsearch.results import RunResults
from archsearch.settings import Settings
from archsearch.trial import Trial

_STATES = {
    "complete": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
_IDENTITY = "archsearch:identity"


def add(results: RunResults, url: str) -> str:
    """Put a run into the database at ``url``, or add what it lacks of it.

    Trials keep their numbers, so they are added up to the first one that still waits. A stopped
    trial is PRUNED and has no values: estimates are no measurements.

    Args:
        results: the run; the study gets its name.
        url: of a database as SQLAlchemy writes it, or the path of an SQLite file.

    Raises:
        InputError: the database cannot be opened, or holds another run under this name.
    """
    results.study.ensure_search()
    place = url if "://" in url else f"sqlite:///{url}"
    settings = results.study.settings
    with _quiet(), _explained(url):
        storage = optuna.storages.RDBStorage(place)
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=settings.name,
                directions=[objective.direction for objective in settings.objectives],
                load_if_exists=True,
            )
            _claim(study, results, url)
            known = len(study.get_trials(deepcopy=False))
            done = list(takewhile(lambda trial: trial.state != "waiting", results.records))
            study.add_trials([_frozen(trial, results) for trial in done[known:]])
        finally:
            storage.remove_session()
            storage.engine.dispose()
    waiting = len(results.records) - len(done)
    return (
        f"{place}: study {settings.name!r}, {max(0, len(done) - known)} trials added to {known}"
        + (f"; {waiting} are left, as one still waits: export again later" if waiting else "")
    )


def _claim(study: optuna.Study, results: RunResults, url: str) -> None:
    """Mark a new study as this run's; refuse one that is another's."""
    identity = results.study.identity
    holder = study.user_attrs.get(_IDENTITY)
    if holder is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(_IDENTITY, identity)
        study.set_user_attr("environment", dict(results.environment))
        study.set_metric_names([o.measure for o in results.study.settings.objectives])
    elif holder != identity:
        raise InputError(
            f"{url}: holds another study called {study.study_name!r}; give another database"
        )


def _frozen(trial: Trial, results: RunResults) -> FrozenTrial:
    settings = results.study.settings
    domains = dict(results.study.space.leaves())
    state = _STATES[trial.state]
    measures = {name: found.value for name, found in trial.measures.items()}
    values = None
    if state is TrialState.COMPLETE:
        values = [measures[objective.measure] for objective in settings.objectives]
    frozen = optuna.trial.create_trial(
        state=state,
        values=values,
        params=dict(trial.choices),
        distributions={path: distribution(domains[path]) for path in trial.choices},
        user_attrs=_attributes(trial, results),
        intermediate_values=_rungs(measures),
        constraints=_excesses(measures, settings),
    )
    frozen.datetime_start, frozen.datetime_complete = _times(trial, results)
    return frozen


def distribution(domain: Domain) -> BaseDistribution:
    """Optuna's distribution of a leaf: a range where the labels are one, else a choice."""
    labels = domain.labels
    if not domain.ordered:
        return CategoricalDistribution(labels)
    low, high = labels[0], labels[-1]
    step = Decimal(str(labels[1])) - Decimal(str(low)) if len(labels) > 1 else Decimal(1)
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, step=int(step))
    return FloatDistribution(float(low), float(high), step=float(step))


def _attributes(trial: Trial, results: RunResults) -> dict[str, Any]:
    """All that is known of a trial beside its leaves and objectives."""
    found: dict[str, Any] = {
        "net": trial.architecture_id,
        "origin": trial.origin,
        "generation": trial.generation,
        "blocks": results.architecture(trial.number).blocks_in_short(),
    }
    for name, measure in trial.measures.items():
        found[name] = measure.value
        if measure.sd is not None:
            found |= {f"{name}_sd": measure.sd, f"{name}_n": measure.n}
    return found | ({"error": trial.error} if trial.error else {})


def _rungs(measures: Mapping[str, float]) -> dict[int, float]:
    """Accuracies at whole epochs on the way: Optuna's steps are integers."""
    named = ((name.partition("@"), value) for name, value in measures.items())
    found = {float(at): value for (name, _, at), value in named if name == ACCURACY and at}
    return {int(epoch): value for epoch, value in found.items() if epoch.is_integer()}


def _excesses(measures: Mapping[str, float], settings: Settings) -> dict[str, float]:
    """How far each limited measure is outside its limit; 0 or less is inside, as Optuna has it."""
    return {
        name: limit.excess(measures[name])
        for name, limit in settings.constraints.items()
        if name in measures
    }


def _times(trial: Trial, results: RunResults) -> tuple[datetime, datetime]:
    """When a trial began and ended, if the run had been at work without a pause until now.

    In local time without a zone, as Optuna keeps it.
    """
    began = results.changed.astimezone().replace(tzinfo=None) - timedelta(seconds=results.elapsed_s)
    end = began + timedelta(seconds=trial.finished_s or 0.0)
    spent = sum(measure.seconds for measure in trial.measures.values())
    return end - timedelta(seconds=spent), end


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from announcing the study, and libraries from warning about each other."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Say in one line what is wrong with a database."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{url}: cannot be opened as a database of Optuna's ({reason}); give the path of an "
            "SQLite file, or a URL such as sqlite:///study.db"
        ) from None


OPTUNA = PlaceFormat(
    "sqlite:///{name}.optuna.db", add, "a study in a database, for optuna-dashboard"
)
