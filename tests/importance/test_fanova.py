"""fANOVA finds the variance that a leaf's main effect makes, and little where there is none."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from made_questions import (
    BOX,
    CONDITIONAL,
    Function,
    additive,
    asked,
    conditional,
    drawn,
    ishigami,
    main_effects,
)
from optuna.distributions import IntDistribution

from archsearch.grammar import Tree
from archsearch.importance import fanova as module
from archsearch.importance.fanova import _Space, fanova

CASES = pytest.mark.parametrize(
    ("tree", "function"),
    [(BOX, additive), (BOX, ishigami), (CONDITIONAL, conditional)],
    ids=["additive", "ishigami", "conditional"],
)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TREES", 25)
    monkeypatch.setattr(module, "SHUFFLED_TREES", 8)


@CASES
def test_a_function_over_the_space_is_taken_apart(tree: Tree, function: Function) -> None:
    """Shares of a known function are those of its definition, by enumeration of all points."""
    nets, points = drawn(tree, 400), drawn(tree, 20_000, seed=1)
    space = _Space(nets, points)
    whole, inside = space.shares(function(points)[None].astype(np.float32))
    truth = main_effects(tree, function)
    for place, column in enumerate(nets.judged):
        expected = truth[nets.leaves[column].path]
        assert whole[0, place] == pytest.approx(expected[0], abs=0.015)
        assert inside[0, place] == pytest.approx(expected[1], abs=0.025)


def test_what_finite_samples_differ_by_is_taken_off() -> None:
    """Noise over few points gives a leaf of K labels far less than its (K - 1) / (M - 1)."""
    nets, points = drawn(BOX, 400), drawn(BOX, 200, seed=1)
    noise = np.random.default_rng(0).normal(size=(300, 200)).astype(np.float32)
    whole, _ = _Space(nets, points).shares(noise)
    assert (whole.mean(axis=0) < 0.4 * 7 / 199).all()


@CASES
@pytest.mark.usefixtures("few")
def test_shares_are_learnt_from_nets(tree: Tree, function: Function) -> None:
    """From 500 nets alone the shares come near those of the function behind them."""
    nets = drawn(tree, 500)
    found = fanova(asked(nets, function(nets)))
    truth = main_effects(tree, function)
    expected = [truth[nets.leaves[column].path] for column in nets.judged]
    np.testing.assert_allclose(found.value, [whole for whole, _ in expected], atol=0.06)
    np.testing.assert_allclose(found.where_active, [part for _, part in expected], atol=0.09)
    assert (found.low <= found.value + 1e-9).all()
    assert (found.value <= found.high + 1e-9).all()
    important = np.array([whole for whole, _ in expected]) > 0.1
    assert (found.value > found.chance)[important].all()


@pytest.mark.usefixtures("few")
def test_optuna_finds_the_same_where_no_leaf_depends() -> None:
    """Optuna's fANOVA, a second implementation, gives the same shares within a few points."""
    nets = drawn(BOX, 250)
    values = additive(nets)
    found = fanova(asked(nets, values)).value
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study()
        for row, value in zip(nets.codes.tolist(), values.tolist(), strict=True):
            params = {str(column): code for column, code in enumerate(row)}
            domains = dict.fromkeys(params, IntDistribution(0, 7))
            study.add_trial(optuna.create_trial(params=params, distributions=domains, value=value))
        theirs = optuna.importance.FanovaImportanceEvaluator(n_trees=16, seed=0).evaluate(study)
    finally:
        optuna.logging.set_verbosity(verbosity)
    ours = [theirs[str(column)] for column in nets.judged]
    np.testing.assert_allclose(found, ours, atol=0.06)


@pytest.mark.usefixtures("few")
def test_noise_is_seldom_beyond_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing matters, some leaf is beyond chance in about one run of twenty."""
    monkeypatch.setattr(module, "DRAWS", 300)
    nets = drawn(CONDITIONAL, 40)
    beyond = 0
    for seed in range(25):
        noise = np.random.default_rng(seed).normal(size=40)
        found = fanova(asked(nets, noise, seed))
        beyond += bool((found.value > found.chance).any())
    assert beyond <= 5  # a rate of 5 % is exceeded so far once in 800 times


@pytest.mark.usefixtures("few")
def test_the_seed_decides_alone() -> None:
    """The same question gives the same answer, another seed a slightly different one."""
    nets = drawn(BOX, 60)
    first, again, other = (fanova(asked(nets, additive(nets), seed)) for seed in (1, 1, 2))
    assert first.value.tolist() == again.value.tolist()
    assert first.chance.tolist() == again.chance.tolist()
    assert first.value.tolist() != other.value.tolist()
