"""The predictor in a run: judged on the run's own trained nets, and used where it is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.features import features
from archsearch.measures import ACCURACY
from archsearch.predictor import LEAST_NETS, Judgement, Predictor, judge
from archsearch.ranking import scores
from archsearch.seeds import derive
from archsearch.study import Study
from archsearch.trial import Trial

Floats = NDArray[np.float64]

COSTS = ("params", "macs")


@dataclass(frozen=True)
class Decision:
    """Whether a generation is chosen by predicted accuracy, and why or why not.

    ``accuracy`` is predicted, by trial number; empty where the predictor is not used.
    """

    trained: int
    judgement: Judgement | None
    accuracy: Mapping[int, float]

    def to_data(self) -> dict[str, Any]:
        """What a run stores of it, as plain data."""
        judgement = None if self.judgement is None else self.judgement.to_data()
        return {"used": bool(self.accuracy), "trained": self.trained, "judgement": judgement}


def decided(study: Study, trials: Sequence[Trial], generation: Sequence[Trial]) -> Decision | None:
    """Decide by the trials of earlier generations whether the predictor chooses from this one.

    It does where ``cascade.train.predictor`` allows it and it beats the best baseline on the nets
    trained so far: params, MACs, each proxy and the study's score. None where nothing is asked.
    """
    train = study.settings.cascade.train
    if train is None or not train.predictor or train.promote == 1:
        return None
    scored = [t for t in generation if _proxies(study) <= t.measures.keys()]
    # What was trained of this very generation must not count: a resumed run decides as before.
    past = [trial for trial in trials if trial.generation < generation[0].generation]
    trained = _trained(study, past)
    judgement = judged(study, trained) if trained else None
    if judgement is None or not judgement.beats or not scored:
        return Decision(len(trained), judgement, {})
    model = Predictor(_features(study, trained), _accuracy(trained), _seed(study))
    values = model.predict(_features(study, scored)).value.tolist()
    numbers = [trial.number for trial in scored]
    return Decision(len(trained), judgement, dict(zip(numbers, values, strict=True)))


def judged(study: Study, trained: Sequence[Trial]) -> Judgement | None:
    """Judge the predictor on trained and scored trials; None where they are too few."""
    baselines = {
        name: np.array([trial.measures[name].value for trial in trained])
        for name in (*COSTS, *sorted(_proxies(study)))
    }
    score = scores(study, trained)
    if len(_proxies(study)) > 1 and len(score) == len(trained):
        baselines["the study's score"] = np.array([score[trial.number] for trial in trained])
    return judge(_features(study, trained), _accuracy(trained), baselines, _seed(study))


def said(decisions: Mapping[int, Mapping[str, Any]]) -> str:
    """Say of a run's stored decisions, by generation, where the predictor was used, and why."""
    used = [number for number, decision in decisions.items() if decision["used"]]
    last = decisions[max(decisions)]
    judgement = last["judgement"] and Judgement(**last["judgement"])
    why = f"{judgement}" if judgement else f"{last['trained']} nets trained, needs {LEAST_NETS}"
    where = ", ".join(map(str, used))
    return f"used in generations {where}; last: {why}" if used else f"not used; last: {why}"


def _trained(study: Study, past: Sequence[Trial]) -> list[Trial]:
    needed = {ACCURACY, *_proxies(study)}
    return [t for t in past if t.state == "complete" and needed <= t.measures.keys()]


def _proxies(study: Study) -> set[str]:
    stage = study.settings.cascade.score
    return set() if stage is None else set(stage.computed)


def _features(study: Study, trials: Sequence[Trial]) -> Floats:
    return features(study.space, trials, proxies=sorted(_proxies(study)))


def _accuracy(trials: Sequence[Trial]) -> Floats:
    return np.array([trial.measures[ACCURACY].value for trial in trials])


def _seed(study: Study) -> int:
    return derive(study.settings.seed, "predictor")
