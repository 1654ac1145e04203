"""What an ensemble makes of the ranks of a population."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch.errors import InputError
from archsearch.proxies import PROXIES
from archsearch.proxies.ensembles import DEFAULT, ENSEMBLES, Ensemble, ensemble_of

AZ = ENSEMBLES["az_nas"]
POPULATION = st.integers(1, 12).flatmap(
    lambda count: st.lists(
        st.lists(st.integers(-3, 3).map(float), min_size=count, max_size=count),
        min_size=4,
        max_size=4,
    )
)


def scores(rows: list[list[float]]) -> dict[str, list[float]]:
    return dict(zip(AZ.proxies, rows, strict=True))


def rank(value: float, among: list[float]) -> float:
    """From 1 for the worst; equal ones share the mean of their places."""
    return sum(v < value for v in among) + (sum(v == value for v in among) + 1) / 2


@settings(max_examples=100, deadline=None)
@given(POPULATION)
def test_az_nas_is_the_sum_of_logarithms_of_ranks(rows: list[list[float]]) -> None:
    """By the paper's definition, log of rank by number, ties at their mean rank."""
    count = len(rows[0])
    expected = [sum(math.log(rank(row[net], row) / count) for row in rows) for net in range(count)]
    assert AZ.of(scores(rows)) == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(POPULATION)
def test_the_order_of_nets_does_not_matter(rows: list[list[float]]) -> None:
    """A score belongs to its net; equal nets have equal scores."""
    order = np.random.default_rng(len(rows[0])).permutation(len(rows[0]))
    shuffled = AZ.of(scores([[row[i] for i in order] for row in rows]))
    assert shuffled == pytest.approx(AZ.of(scores(rows))[order])


def test_the_best_of_all_has_zero() -> None:
    """First with every proxy; only ranks matter, infinite scores included."""
    rows = [[1.0, 2.0, 3.0]] * 3 + [[1e6, 1e9, math.inf]]
    assert AZ.of(scores(rows)).tolist() == pytest.approx(
        [4 * math.log(1 / 3), 4 * math.log(2 / 3), 0]
    )


def test_the_logarithm_is_harder_on_one_low_rank_than_the_mean() -> None:
    """Last with one of four and first with the others, against third of four with all."""
    rows = [[4.0, 3, 2, 1]] * 3 + [[1.0, 3, 4, 2]]
    mean, product = Ensemble(AZ.proxies).of(scores(rows)), AZ.of(scores(rows))
    assert mean[0] > mean[1]
    assert product[0] < product[1]


def test_without_a_rule_it_is_the_mean_rank() -> None:
    """As a share of the nets that are worse, half of the equal ones with them."""
    found = Ensemble(("naswot", "params")).of({"naswot": [1, 2, 2, 5], "params": [8, 6, 4, 2]})
    assert found.tolist() == pytest.approx([0.5, 0.5625, 0.4375, 0.5])


def test_a_proxy_that_is_better_small_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its direction in the registry."""
    from archsearch.proxies import Proxy

    monkeypatch.setitem(PROXIES, "naswot", Proxy("naswot", "minimize", lambda _: 0.0))
    assert Ensemble(("naswot",)).of({"naswot": [1, 2]}).tolist() == [0.75, 0.25]


def test_what_cannot_be_combined_says_why() -> None:
    """A proxy too few, a score too few, and what has no rank."""
    rows = [[1.0, 2.0]] * 4
    with pytest.raises(InputError, match="macs is missing; score every net with it"):
        AZ.of(dict.fromkeys(AZ.proxies[:3], rows[0]))
    with pytest.raises(InputError, match=r"have \[1, 2\] scores; give one for each net"):
        AZ.of(scores([*rows[:3], [1.0]]))
    with pytest.raises(InputError, match="macs has nan among its scores"):
        AZ.of(scores([*rows[:3], [1.0, math.nan]]))


@pytest.mark.parametrize("name", ENSEMBLES)
def test_every_ensemble_is_of_known_proxies(name: str) -> None:
    """Each once; the default is one of them."""
    proxies = ENSEMBLES[name].proxies
    assert set(proxies) <= PROXIES.keys()
    assert len(set(proxies)) == len(proxies) > 1
    assert DEFAULT in ENSEMBLES


def test_a_proxy_can_be_turned_round() -> None:
    """``-NAME`` ranks against the proxy's own direction, and only that proxy."""
    values = {"grad_norm": [1.0, 2.0, 3.0], "naswot": [5.0, 4.0, 3.5]}
    assert ensemble_of(["-grad_norm"]).of(values).tolist() == pytest.approx([5 / 6, 1 / 2, 1 / 6])
    both = ensemble_of(["-grad_norm", "naswot"])
    assert both.proxies == ("grad_norm", "naswot")
    assert both.of(values).tolist() == pytest.approx([5 / 6, 1 / 2, 1 / 6])
    assert ensemble_of(["grad_norm", "naswot"]).of(values).tolist() == pytest.approx([1 / 2] * 3)
