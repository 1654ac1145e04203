"""PED-ANOVA is an analysis of variance of being one of the best."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_questions import CONDITIONAL, HEADS, LAYER, asked, column, conditional, drawn
from optuna.distributions import CategoricalDistribution

from archsearch.importance import ped_anova as module
from archsearch.importance.nets import Question
from archsearch.importance.ped_anova import ped_anova, shares


@given(st.lists(st.tuples(st.integers(-1, 2), st.booleans()), min_size=2, max_size=30))
def test_it_is_the_variance_between_labels(nets: list[tuple[int, bool]]) -> None:
    """Without the prior it equals the analysis of variance of "is one of the best", by loops."""
    chosen = np.array([label for label, _ in nets])
    best = np.array([mark for _, mark in nets], dtype=float)
    members = (chosen[:, None] == np.arange(3)).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PRIOR", 1e-12)
        among_all, inside = shares(members, best[None], np.ones((1, len(nets))))
    having = chosen >= 0
    between = 0.0
    for label in range(3):
        group = best[chosen == label]
        if len(group):
            between += len(group) * (group.mean() - best[having].mean()) ** 2
    if 0 < best.mean() < 1:
        assert among_all[0] == pytest.approx(between / best.size / best.var(), abs=1e-6)
    if having.any() and 0 < best[having].mean() < 1:
        expected = between / having.sum() / best[having].var()
        assert inside[0] == pytest.approx(expected, abs=1e-6)


def test_optuna_agrees_on_conditional_leaves() -> None:
    """Optuna's conditional PED-ANOVA divides the importance among the leaves as ours does.

    Up to its smoothing, which takes of each label the same part however many nets chose it.
    """
    nets = drawn(CONDITIONAL, 600)
    values = conditional(nets) + np.random.default_rng(0).normal(size=600)
    question = asked(nets, values)
    found = ped_anova(question).value
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        theirs = _by_optuna(question)
    finally:
        optuna.logging.set_verbosity(verbosity)
    expected = [theirs[str(at)] for at in nets.judged]
    np.testing.assert_allclose(found / found.sum(), expected, atol=0.1)
    important = np.argsort(found)[::-1][:3].tolist()
    assert important == np.argsort(expected)[::-1][:3].tolist()


def _by_optuna(question: Question) -> dict[str, float]:
    study = optuna.create_study(direction="maximize")
    nets = question.nets
    sizes = [len(leaf.domain.labels) for leaf in nets.leaves]
    for row, here, value in zip(nets.codes, nets.active, question.values, strict=True):
        params = {str(at): int(row[at]) for at in np.flatnonzero(here)}
        domains = {at: CategoricalDistribution(range(sizes[int(at)])) for at in params}
        study.add_trial(
            optuna.create_trial(params=params, distributions=domains, value=float(value))
        )
    quantile = float(question.best.mean())
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=quantile)
    found: dict[str, float] = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return found


def test_what_the_best_choose_is_found() -> None:
    """Leaves that decide who is best are beyond chance, with their intervals; others are not."""
    nets = drawn(CONDITIONAL, 200)
    found = ped_anova(asked(nets, conditional(nets)))
    beyond = {
        nets.leaves[at].path
        for at, value, chance in zip(nets.judged, found.value, found.chance, strict=True)
        if value > chance
    }
    assert {LAYER, HEADS} <= beyond
    place = nets.judged.index(column(nets, HEADS))
    assert 0 < found.low[place] < found.value[place] < found.high[place] <= 1


def test_noise_is_seldom_beyond_chance() -> None:
    """Where nothing matters, some leaf is beyond chance in about one run of twenty."""
    nets = drawn(CONDITIONAL, 40)
    beyond = 0
    for seed in range(30):
        noise = np.random.default_rng(seed).normal(size=40)
        found = ped_anova(asked(nets, noise, seed))
        beyond += bool((found.value > found.chance).any())
    assert beyond <= 6  # a rate of 5 % is exceeded so far once in 2,000 times


def test_where_all_are_best_nothing_matters() -> None:
    """If every net is one of the best, no choice made it so: zeros, and nothing beyond chance."""
    nets = drawn(CONDITIONAL, 30)
    question = Question(nets, np.arange(30.0), np.ones(30, dtype=bool), 0)
    found = ped_anova(question)
    assert not found.value.any()
    assert not (found.value > found.chance).any()
