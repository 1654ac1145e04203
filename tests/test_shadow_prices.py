"""What limits cost: computed by hand on a few trials."""

from __future__ import annotations

from math import isnan

import pytest
from made_trials import made_trial
from pandas import DataFrame

from archsearch.measures import Direction
from archsearch.pareto import hypervolume
from archsearch.settings import Limit
from archsearch.shadow_prices import footnote, readable_prices, shadow_prices
from archsearch.study import Study
from archsearch.trial import Trial

DIRECTIONS: dict[str, Direction] = {"val_accuracy": "maximize", "params": "minimize"}


@pytest.fixture
def trials(tiny_study: Study) -> list[Trial]:
    """The better the dearer; params are 1000 and one more each. The last was stopped."""
    return [
        made_trial(tiny_study, 0, 0.5, macs=40.0, n=2, sd=0.03),
        made_trial(tiny_study, 1, 0.6, macs=80.0, n=2, sd=0.02),
        made_trial(tiny_study, 2, 0.7, macs=95.0, n=2, sd=0.04),
        made_trial(tiny_study, 3, 0.9, macs=10.0, state="stopped"),
    ]


def test_a_tighter_limit_loses_the_best_that_it_leaves_out(trials: list[Trial]) -> None:
    """Of the first objective, with the spreads of both nets, and of the front's hypervolume."""
    found = shadow_prices(trials, DIRECTIONS, {"macs": Limit(at_most=100)}, {"over:macs": 9})
    assert found["limit"].tolist() == [100, 90, 75, 50]
    assert found["trials"].tolist() == [3, 2, 1, 1]
    assert found["number"].tolist() == [2, 1, 0, 0]
    assert found["best"].tolist() == [0.7, 0.6, 0.5, 0.5]
    assert found["lost"].tolist() == pytest.approx([0, 0.1, 0.2, 0.2])
    assert found["lost_spread"].tolist() == pytest.approx([0, 0.002**0.5, 0.05, 0.05])
    assert (found["refused"] == 9).all()
    assert found["used"].tolist() == pytest.approx([0.95] * 4)
    reference = found.attrs["reference"]
    assert reference == pytest.approx({"val_accuracy": 0.48, "params": 1002.2})
    whole, left = (
        hypervolume([[0.5, 1000], [0.6, 1001], [0.7, 1002]][:n], (0.48, 1002.2), (True, False))
        for n in (3, 2)
    )
    assert found["hypervolume"].tolist()[:2] == pytest.approx([1, left / whole])


def test_a_tighter_lower_bound_is_higher(trials: list[Trial]) -> None:
    """It is divided by the share, and the front is near to it from above."""
    found = shadow_prices(trials, DIRECTIONS, {"macs": Limit(at_least=32)}, {}, tighter=(0.5, 0.1))
    assert found["limit"].tolist() == [32, 64, 320]
    assert found["trials"].tolist() == [3, 2, 0]
    assert found["lost"].tolist()[:2] == [0, 0]
    assert found["used"].tolist() == pytest.approx([0.8] * 3)
    assert found["hypervolume"].tolist()[2] == 0
    assert isnan(found["best"].tolist()[2])


def test_limits_that_nothing_is_near_to_cost_nothing(trials: list[Trial]) -> None:
    """The same net is the best, however uncertain its accuracy is."""
    found = shadow_prices(trials, DIRECTIONS, {"macs": Limit(at_most=1e6)}, {})
    assert (found["lost"] == 0).all()
    assert (found["lost_spread"] == 0).all()
    assert (found["hypervolume"] == 1).all()


def test_a_minimized_objective_loses_by_growing(trials: list[Trial]) -> None:
    """What a lower bound on accuracy costs in params is positive."""
    directions: dict[str, Direction] = {"params": "minimize", "val_accuracy": "maximize"}
    limits = {"val_accuracy": Limit(at_least=0.45)}
    found = shadow_prices(trials, directions, limits, {}, tighter=(0.75,))
    assert found["best"].tolist() == [1000, 1001]
    assert found["lost"].tolist() == [0, 1]


def test_prices_read_as_text(trials: list[Trial]) -> None:
    """One row a limit; what is lost of the best, and of the hypervolume."""
    limits = {"macs": Limit(at_most=100), "params": Limit(at_least=1, at_most=1500)}
    found = shadow_prices(trials, DIRECTIONS, limits, {"over:macs": 1234}, tighter=(0.9, 0.3))
    rows = readable_prices(found).to_dict("records")
    assert [row["limit"] for row in rows] == [
        "macs at most 100", "params at most 1.50 k", "params at least 1.00",
    ]  # fmt: skip
    assert rows[0]["refused"] == "1,234"
    assert rows[0]["used"] == "95%"
    assert rows[0]["at 90%"].startswith("0.100 ± 0.045, ")
    assert rows[0]["at 30%"] == "nothing left"
    assert rows[1]["at 90%"] == "nothing"
    assert "best val_accuracy" in footnote(found)


@pytest.mark.parametrize(
    ("lost", "spread", "left", "text"),
    [
        (0.0, 0.0, 1.0, "nothing"),
        (0.0, 0.0, 1 - 1e-15, "nothing"),
        (0.0, 0.0, 0.9997, "best kept, under 0.1%"),
        (0.0, 0.0, 0.996, "best kept, 0.4%"),
        (0.0, 0.0, 0.88, "best kept, 12%"),
        (1e-5, 1e-5, 0.9997, "too little to show, under 0.1%"),
        (1e-5, 0.015, 0.98, "0.000 ± 0.015, 2%"),
        (0.031, 0.004, 0.988, "0.031 ± 0.004, 1%"),
        (0.031, 0.004, 1.0, "0.031 ± 0.004, 0%"),
    ],
)
def test_a_loss_too_small_to_show_is_said_in_words(
    lost: float, spread: float, left: float, text: str
) -> None:
    """A price never reads 0.000 ± 0.000, 0%, which tells nothing from next to nothing."""
    row: dict[str, object] = {"measure": "macs", "bound": "at_most", "limit": 10.0, "used": 0.5}
    row |= {"refused": 3, "trials": 4, "best": 0.5, "number": 1}
    whole = row | {"share": 1.0, "lost": 0.0, "lost_spread": 0.0, "hypervolume": 1.0}
    part = row | {"share": 0.9, "lost": lost, "lost_spread": spread, "hypervolume": left}
    prices = DataFrame([whole, part])
    prices.attrs["objective"] = "val_accuracy"
    assert readable_prices(prices)["at 90%"].tolist() == [text]


def test_a_run_without_complete_trials_has_no_prices(trials: list[Trial]) -> None:
    """Nothing is left of nothing, and no limit makes no row."""
    found = shadow_prices(trials[3:], DIRECTIONS, {"macs": Limit(at_most=100)}, {})
    assert found["trials"].tolist() == [0, 0, 0, 0]
    assert found["hypervolume"].isna().all()
    assert readable_prices(found)["at 90%"].tolist() == ["nothing left"]
    assert shadow_prices(trials, DIRECTIONS, {}, {}).empty
    zero = shadow_prices(trials, DIRECTIONS, {"macs": Limit(at_most=0)}, {})
    assert zero["used"].isna().all()
