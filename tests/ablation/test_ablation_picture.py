"""The figure of an ablation has the table's differences and every seed's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from made_ablations import made

from archsearch.ablation.picture import ablation_figure, seed_differences

ACCURACIES = {
    "base": [0.5, 0.6, 0.7, 0.5, 0.6, 0.4],
    "kernel_3": [0.4, 0.5, 0.6, 0.4, 0.5, np.nan],
    "one_head": [0.6, 0.6, 0.6, 0.6, 0.6, 0.6],
}


def test_seeds_are_compared_with_what_the_table_compares_with() -> None:
    """A failed seed has no difference; of a road map it is the step before that counts."""
    found = seed_differences(made(ACCURACIES)).set_index(["arm", "seed"])["difference"]
    assert list(found["kernel_3"][:5]) == pytest.approx([-0.1] * 5)
    assert np.isnan(found["kernel_3"][5])
    assert list(found["one_head"]) == pytest.approx([0.1, 0, -0.1, 0.1, 0, 0.2])
    steps = {"base": [0.5], "kernel_3": [0.4], "one_head": [0.7]}
    road = made(steps, design="cumulative")
    names = [arm.name for arm in road.arms]
    compared = seed_differences(road).set_index("arm")["difference"]
    for before, name in itertools.pairwise(names):
        assert compared[name] == pytest.approx(steps[name][0] - steps[before][0])


def test_the_figure_shows_the_question_the_arms_and_the_seeds() -> None:
    """Eleven seeds that have both, two arms, the margin as a band."""
    (ax,) = ablation_figure(made(ACCURACIES, question="Which part?", margin=0.01)).axes
    assert ax.get_title(loc="left") == "Which part?"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["kernel_3", "one_head"]
    (dots,) = (c for c in ax.collections if c.get_label() == "one seed")
    assert len(dots.get_offsets()) == 11
    assert len(ax.patches) == 1
