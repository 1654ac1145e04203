"""NSGA-II over Optuna: its short cuts answer as Optuna does, and long histories are no limit."""

from __future__ import annotations

import sys

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from archsearch.documents import parse
from archsearch.samplers import make_sampler
from archsearch.samplers.optuna_sampler import _FlatNsga2
from archsearch.samplers.sampler import Past
from archsearch.space import SearchSpace, tree_of

SPACE = SearchSpace(
    tree_of(
        parse(
            """
schema: 1
input: {channels: 3, resolution: 224}
stem: {patch: {size: 4}}
stages:
  - width: {choice: [16, 32, 48]}
    blocks:
      - repeat: {int: [1, 3]}
        choice:
          - conv_encoder: {kernel: {choice: [3, 5, 7]}}
          - inverted_residual: {kernel: {choice: [3, 5]}, expand: {choice: [2, 4, 6]}}
""",
            "space",
        )
    ),
    "space",
)
LEAVES: dict[str, BaseDistribution] = {
    "b": IntDistribution(0, 3),
    "a": CategoricalDistribution(range(3)),
    "single": IntDistribution(0, 0),
}


@pytest.fixture
def study() -> optuna.Study:
    """Five generations of four trials, marked for Optuna's class and for ours."""
    study = optuna.create_study(directions=["minimize", "maximize"])
    rng = np.random.default_rng(0)
    for number in range(20):
        generation = number // 4
        study.add_trial(
            optuna.create_trial(
                params={"b": int(rng.integers(4)), "a": int(rng.integers(3)), "single": 0},
                distributions=LEAVES,
                values=rng.random(2).tolist(),
                system_attrs={
                    "NSGAIISampler:generation": generation,
                    "_FlatNsga2:generation": generation,
                },
            )
        )
    return study


def test_the_search_space_is_the_intersection_that_optuna_finds(study: optuna.Study) -> None:
    """Same leaves in the same order, so that the same random numbers meet the same leaves."""
    trial = study.trials[-1]
    theirs = optuna.samplers.NSGAIISampler().infer_relative_search_space(study, trial)
    ours = _FlatNsga2(4, 0, LEAVES, [[]]).infer_relative_search_space(study, trial)
    assert list(ours.items()) == list(theirs.items())


def test_the_elites_are_those_that_optuna_selects(study: optuna.Study) -> None:
    """Every generation is bred from the same parents as with Optuna's recursion."""
    theirs = optuna.samplers.NSGAIISampler(population_size=4)
    ours = _FlatNsga2(4, 0, LEAVES, [[]])
    for generation in (5, 0, 1, 2, 3, 4):
        expected = {trial.number for trial in theirs.get_parent_population(study, generation)}
        found = {trial.number for trial in ours.get_parent_population(study, generation)}
        assert found == expected
    assert len(expected) == 4


def test_children_are_those_that_optuna_breeds(study: optuna.Study) -> None:
    """From one seed and one history both breed the same child."""
    children = []
    for sampler in (
        optuna.samplers.NSGAIISampler(population_size=4, seed=3),
        _FlatNsga2(4, 3, LEAVES, [[]]),
    ):
        study.sampler = sampler
        children.append(study.ask().relative_params)
    assert children[0] == children[1] != {}


def test_a_history_of_more_generations_than_python_can_recurse() -> None:
    """A run of thousands of small generations can be resumed."""
    rng = np.random.default_rng(0)
    past = []
    for number in range(2 * sys.getrecursionlimit() + 10):
        choices = SPACE.draw(rng)
        inactive = {path: 0 for path, _ in SPACE.leaves() if path not in choices}
        note = {"generation": number // 2, "inactive": inactive}
        past.append(Past(choices, (float(number),), True, note))
    sampler = make_sampler("nsga2", SPACE, ["maximize"], {"population_size": 2})
    (proposal,) = sampler.ask(past, 1, 0, lambda _: True, 10)
    assert proposal.note["generation"] == past[-1].note["generation"] + 1


def test_generations_are_counted_and_inactive_genes_carried() -> None:
    """A note has NSGA-II's own generation, and the genes that its point does not express."""
    sampler = make_sampler("nsga2", SPACE, ["maximize"], {"population_size": 6})
    past: list[Past] = []
    for _ in range(10):
        for proposal in sampler.ask(past, 4, len(past), lambda _: True, 10):
            past.append(Past(proposal.choices, (float(len(past)),), True, proposal.note))
    generations = [trial.note["generation"] for trial in past]
    assert generations == sorted(generations)
    assert generations[:8] == [0] * 8
    assert generations[-1] >= 3
    every = {path for path, _ in SPACE.leaves()}
    assert all(set(trial.note["inactive"]) == every - set(trial.choices) for trial in past)


def test_tpe_is_asked_of_active_leaves_only() -> None:
    """A trial holds in Optuna what it has in the space, so that groups can form."""
    sampler = make_sampler("tpe", SPACE, ["maximize"], {})
    rng = np.random.default_rng(0)
    past = [Past(SPACE.draw(rng), (float(number),), True) for number in range(12)]
    sampler.ask(past, 1, 0, lambda _: True, 10)
    told = sampler._study.trials  # type: ignore[attr-defined]
    assert [set(trial.params) for trial in told[:12]] == [set(trial.choices) for trial in past]
