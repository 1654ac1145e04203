"""Permutation importance: what the predictor loses when a net is told another's choice."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from made_questions import (
    BOX,
    CONDITIONAL,
    HEADS,
    LAYER,
    ORDER,
    SPLITS,
    Floats,
    additive,
    asked,
    column,
    conditional,
    drawn,
    ishigami,
    main_effects,
)

from archsearch import predictor
from archsearch.importance import permutation as module
from archsearch.importance.nets import Nets
from archsearch.importance.permutation import errors_gained, permutation, told


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "TREES", 20)


def test_a_net_is_told_what_another_one_chose() -> None:
    """Who has a leaf is told another's label with all that depends on it; others stay as they are.

    Every table is a shuffling, and every row of it a point of the space.
    """
    nets = drawn(CONDITIONAL, 40)
    for path, below in ((LAYER, [ORDER, HEADS, SPLITS]), (HEADS, [])):
        at = column(nets, path)
        moved = [at, *(column(nets, each) for each in below)]
        assert nets.moved_with(at) == moved
        here = nets.active[:, at]
        tables = list(told(nets, at, np.random.default_rng(0)))
        assert len(tables) == module.ROUNDS
        for codes in tables:
            kept = [other for other in range(len(nets.leaves)) if other not in moved]
            assert (codes[:, kept] == nets.codes[:, kept]).all()
            assert (codes[~here] == nets.codes[~here]).all()
            assert sorted(codes[here][:, moved].tolist()) == sorted(
                nets.codes[here][:, moved].tolist()
            )
            of_others = {tuple(row) for row in nets.codes[here][:, moved].tolist()}
            assert {tuple(row) for row in codes[here][:, moved].tolist()} <= of_others
        assert len({codes.tobytes() for codes in tables}) == len(tables)


def test_it_is_the_definition_for_a_predictor_that_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the truth as predictor and all shufflings, it is the mean over all pairs of nets."""
    nets = drawn(CONDITIONAL, 24)
    values = conditional(nets)

    truth = {}
    for codes in product(*(range(len(leaf.domain.labels)) for leaf in nets.leaves)):
        one = np.array([codes])
        truth[nets.features(one)[0].tobytes()] = float(conditional(Nets(CONDITIONAL, one))[0])

    class Knows:
        def __init__(self, _features: Floats, accuracy: Floats, _seed: int) -> None:
            self.held_out = accuracy

        def held_out_as(self, features: Floats) -> Floats:
            return np.array([[truth[row.tobytes()] for row in table] for table in features])

    monkeypatch.setattr(module, "Predictor", Knows)
    monkeypatch.setattr(module, "ROUNDS", 24)
    gained = errors_gained(asked(nets, values)).mean(axis=1)
    for place, at in enumerate(nets.judged):
        moved, here = nets.moved_with(at), np.flatnonzero(nets.active[:, at])
        total = 0.0
        for i, j in product(here, here):
            codes = nets.codes[i].copy()
            codes[moved] = nets.codes[j][moved]
            changed = float(conditional(Nets(CONDITIONAL, codes[None]))[0])
            total += (changed - values[i]) ** 2
        assert gained[place] == pytest.approx(total / (len(here) - 1) / len(values))


def test_shares_come_near_the_truth() -> None:
    """From 500 nets of an additive function the shares are its own; what is irrelevant has none."""
    nets = drawn(BOX, 500)
    found = permutation(asked(nets, additive(nets)))
    truth = [main_effects(BOX, additive)[nets.leaves[at].path][0] for at in nets.judged]
    np.testing.assert_allclose(found.value, truth, atol=0.1)
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()
    assert (found.value > found.chance).tolist() == [share > 0 for share in truth]


def test_interactions_count() -> None:
    """A leaf that acts only together with another has no main effect, and importance here."""
    nets = drawn(BOX, 500)
    found = permutation(asked(nets, ishigami(nets)))
    third = nets.judged.index(column(nets, "stages.2.width"))
    assert main_effects(BOX, ishigami)["stages.2.width"][0] == pytest.approx(0, abs=1e-9)
    assert found.value[third] > found.chance[third]
    assert found.value[third] > 0.1


def test_intervals_of_irrelevant_leaves_contain_zero() -> None:
    """Nine of ten intervals and more, beside a leaf that matters; few are beyond chance."""
    nets = drawn(CONDITIONAL, 30)
    matters = column(nets, "stages.1.width")
    places = [place for place, at in enumerate(nets.judged) if at != matters]
    contain, beyond = [], 0
    for seed in range(8):
        noise = np.random.default_rng(seed).normal(size=30)
        found = permutation(asked(nets, noise + nets.codes[:, matters], seed))
        contain += ((found.low <= 0) & (found.high >= 0))[places].tolist()
        beyond += bool((found.value > found.chance)[places].any())
    assert np.mean(contain) > 0.9
    assert beyond <= 3
