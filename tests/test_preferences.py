"""Which choices a front prefers, against what the space offers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_questions import CONDITIONAL
from made_trials import made_trial, members
from scipy.stats import binomtest
from small_runs import small_study
from small_spaces import Data, point_count, points, space_of, spaces

from archsearch import preferences as module
from archsearch.codes import choices_of
from archsearch.cost import count
from archsearch.errors import InputError
from archsearch.preferences import (
    clopper_pearson,
    every_point,
    preferences,
    shown,
    space_prior,
)
from archsearch.space import NotAMember
from archsearch.study import Study
from archsearch.trial import Trial


@pytest.fixture(scope="module")
def study() -> Study:
    return small_study()


@settings(deadline=None, max_examples=40)
@given(spaces())
def test_a_space_is_counted_out(data: Data) -> None:
    """Every point once, as an enumeration that shares no code with it gives them."""
    assume(1 < point_count(data) <= 1_000)
    space = space_of(data)
    expected = Counter(tuple(sorted(point.items(), key=str)) for point in points(space))
    rows = every_point(space.tree, 100_000)
    assert rows is not None
    found = (choices_of(space.tree, row) for row in rows)
    assert Counter(tuple(sorted(point.items(), key=str)) for point in found) == expected
    assert len(rows) == 1 or every_point(space.tree, len(rows) - 1) is None


def test_the_exact_prior_is_that_of_draws(study: Study) -> None:
    """Shares by enumeration are those of many random draws that meet the limits."""
    prior = space_prior(study)
    assert prior.exact
    limit = study.settings.constraints["params"].at_most
    assert limit is not None
    rng, kept = np.random.default_rng(0), []
    for choices in study.space.draws(rng):
        try:
            net = study.space.decode(choices)
        except NotAMember:
            continue
        if count(net, study.settings.classes).params <= limit:
            kept.append(choices)
        if len(kept) == 3000:
            break
    for column, leaf in enumerate(prior.nets.leaves):
        times = prior.weights @ prior.nets.members(column)
        drawn = Counter(c[leaf.path] for c in kept if leaf.path in c)
        for label, share in zip(leaf.domain.labels, times / times.sum(), strict=True):
            assert drawn[label] / drawn.total() == pytest.approx(share, abs=0.05)


def test_a_large_space_is_drawn_from(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares of draws come near the exact ones, and the table says which they are."""
    trials = front_of_wide(study, 12)
    exact = preferences(study, trials)
    monkeypatch.setattr(module, "MOST_POINTS", 100)
    drawn = preferences(study, trials)
    assert "are exact, of" in exact.attrs["footnote"]
    assert "are of 4,096 random points" in drawn.attrs["footnote"]
    both = exact.merge(drawn, on=["leaf", "value"])
    assert len(both) == len(exact)
    np.testing.assert_allclose(both["prior_x"], both["prior_y"], atol=0.04)


def front_of_wide(study: Study, number: int) -> list[Trial]:
    """A front of nets that all begin wide, before others that are worse in both objectives."""
    every = [made_trial(study, at, 0.5) for at in range(200) if _within(study, at)]
    wide = [t for t in every if t.choices["stages.0.width"] == 24][:number]
    others = [t for t in every if t.choices["stages.0.width"] != 24][:10]
    steps = range(1, number + 1)
    front = [
        made_trial(study, t.number, 0.9 + step / 1000, macs=1e6 + step)
        for t, step in zip(wide, steps, strict=True)
    ]
    return [*front, *(made_trial(study, t.number, 0.3, macs=2e6) for t in others)]


def _within(study: Study, number: int) -> bool:
    limit = study.settings.constraints["params"].at_most
    assert limit is not None
    return count(members(study.space)[number], study.settings.classes).params <= limit


def test_what_the_front_prefers_comes_first(study: Study) -> None:
    """A choice that every net of the front made, and the space seldom makes, is beyond doubt."""
    found = preferences(study, front_of_wide(study, 12))
    first = found.iloc[0]
    assert (first["leaf"], first["value"], first["share"]) == ("stages.0.width", "24", 1.0)
    assert first["low"] > first["prior"]
    assert first["p"] < 0.05
    assert first["nets"] == 12
    assert found["p"].is_monotonic_increasing
    for _, rows in found.groupby("leaf"):
        assert rows["share"].sum() == pytest.approx(1)
        assert rows["prior"].sum() == pytest.approx(1)
        assert (rows["low"] <= rows["share"]).all()
        assert (rows["share"] <= rows["high"]).all()
    assert found.attrs["footnote"].startswith("Front of 12 nets; ")
    table = shown(found, 4)
    assert len(table) == 4
    assert table["on the front"][0].startswith("1.00 (0.74 to 1.00)")


def test_another_front_can_be_asked_for(study: Study) -> None:
    """Of one objective alone it is the best net, or the best nets."""
    found = preferences(study, front_of_wide(study, 5), ["val_accuracy"])
    assert found["nets"].max() == 1


def test_no_front_is_refused(study: Study) -> None:
    """Before any trial is complete, and for measures that nobody knows."""
    trials = [replace(t, state="stopped") for t in front_of_wide(study, 3)]
    with pytest.raises(InputError, match="no trial is complete with val_accuracy, macs"):
        preferences(study, trials)
    with pytest.raises(InputError, match="unknown measure 'mac'; did you mean 'macs'"):
        preferences(study, trials, ["mac"])


@given(st.integers(0, 12), st.integers(1, 12))
def test_intervals_are_clopper_pearson(count: int, number: int) -> None:
    """As scipy's, and as the definition: each end leaves 2.5 % to the binomial tail."""
    count = min(count, number)
    low, high = clopper_pearson(count, number)
    other = binomtest(count, number).proportion_ci(method="exact")
    assert (low, high) == pytest.approx((other.low, other.high))
    if count:
        tail = sum(
            comb(number, k) * low**k * (1 - low) ** (number - k) for k in range(count, number + 1)
        )
        assert tail == pytest.approx(0.025)


def test_points_of_conditional_leaves_have_their_weights() -> None:
    """A choice of layers has its share by draws, not by how many points stand behind it."""
    rows = every_point(CONDITIONAL, 10_000)
    assert rows is not None
    assert len(rows) == 3 * 2 * (3 + 2 * 3) * 4
