"""Data frames of trials, and the same as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_trials import made_trial, members

from archsearch import published
from archsearch.architecture import Architecture, Stage
from archsearch.blocks import BLOCKS
from archsearch.families import CONVOLUTIONS_ONLY
from archsearch.measures import Direction
from archsearch.study import Study
from archsearch.tables import family, front_of, on_front, readable

ACCURACY_MACS: dict[str, Direction] = {"val_accuracy": "maximize", "macs": "minimize"}


def test_the_front_is_what_no_other_complete_trial_beats(tiny_study: Study) -> None:
    """Checked against the definition, trial by trial, on random numbers."""
    rng = np.random.default_rng(0)
    trials = [
        made_trial(tiny_study, number, round(float(rng.random()), 1), macs=float(rng.integers(9)))
        for number in range(60)
    ]

    def beats(a: int, b: int) -> bool:
        x, y = (
            (-t["val_accuracy"].value, t["macs"].value)
            for t in (trials[a].measures, trials[b].measures)
        )
        return x != y and x[0] <= y[0] and x[1] <= y[1]

    expected = {b for b in range(60) if not any(beats(a, b) for a in range(60))}
    assert set(front_of(trials, ACCURACY_MACS, {})["number"]) == expected
    marks = on_front(trials, ACCURACY_MACS)
    assert {number for number, mark in enumerate(marks) if mark} == expected


@pytest.mark.parametrize("state", ["stopped", "failed", "waiting"])
def test_only_complete_trials_enter_a_front(tiny_study: Study, state: str) -> None:
    """Whatever the others have measured."""
    best = made_trial(tiny_study, 1, 0.9, macs=1.0, state=state)  # type: ignore[arg-type]
    front = front_of([made_trial(tiny_study, 0, 0.5), best], ACCURACY_MACS, {})
    assert list(front["number"]) == [0]


def test_the_front_is_sorted_by_its_first_objective_best_first(tiny_study: Study) -> None:
    """Falling where more is better, rising where less is."""
    trials = [
        made_trial(tiny_study, 0, 0.5, macs=1e6),
        made_trial(tiny_study, 1, 0.7, macs=3e6),
        made_trial(tiny_study, 2, 0.6, macs=2e6),
    ]
    assert list(front_of(trials, ACCURACY_MACS, {})["number"]) == [1, 2, 0]
    turned: dict[str, Direction] = {"macs": "minimize", "val_accuracy": "maximize"}
    assert list(front_of(trials, turned, {})["number"]) == [0, 2, 1]


def test_the_table_has_spread_and_n_behind_what_varies(tiny_study: Study) -> None:
    """Seeds that were repeated have their own deviation, one accuracy its images'."""
    trials = [
        made_trial(tiny_study, 0, 0.8, macs=2e6, n=3, sd=0.0123),
        made_trial(tiny_study, 1, 0.5, macs=1e6),
    ]
    front = front_of(trials, ACCURACY_MACS, {})
    assert list(front.columns) == [
        "number", "net", "val_accuracy", "val_accuracy_spread", "val_accuracy_n", "macs", "params",
        "front_probability", "knee",
    ]  # fmt: skip
    assert list(front["val_accuracy_spread"]) == pytest.approx([0.0123, 0.05])
    assert list(front["val_accuracy_n"]) == [3, 1]
    assert "binomial standard error" in front.attrs["footnote"]


def test_the_table_says_how_surely_a_net_is_on_the_front(tiny_study: Study) -> None:
    """Against all trials, also those just behind the front; not where every objective is exact."""
    trials = [
        made_trial(tiny_study, 0, 0.1, macs=3e6),
        made_trial(tiny_study, 1, 0.5, macs=1e6),
        made_trial(tiny_study, 2, 0.8, macs=2e6),
        made_trial(tiny_study, 3, 0.795, macs=2e6),
    ]
    front = front_of(trials, ACCURACY_MACS, {})
    assert list(front["number"]) == [2, 1]
    assert 0.45 < front["front_probability"][0] < 0.6
    assert front["front_probability"][1] == 1.0
    assert "non-dominated when every value is drawn anew" in front.attrs["footnote"]
    assert readable(front)["front_probability"][1] == "1.00"
    exact = front_of(trials, {"macs": "minimize"}, {})
    assert "front_probability" not in exact
    assert "drawn anew" not in exact.attrs["footnote"]


def test_the_table_marks_the_knee(tiny_study: Study) -> None:
    """And says what one is, where there is one."""
    places = [(0.5, 1e6), (0.8, 2e6), (0.85, 9e6)]
    trials = [made_trial(tiny_study, i, p, macs=m) for i, (p, m) in enumerate(places)]
    front = front_of(trials, ACCURACY_MACS, {})
    assert list(front["knee"]) == [False, True, False]
    assert list(readable(front)["knee"]) == ["", "yes", ""]
    assert "knee: whichever other net" in front.attrs["footnote"]
    assert "knee" not in front_of(trials[:2], ACCURACY_MACS, {}).attrs["footnote"]


def test_what_a_net_beside_the_front_lacks_is_blank() -> None:
    """A published net that is not of the run has no probability and is no knee."""
    frame = pd.DataFrame({"front_probability": [0.5, np.nan], "knee": [True, np.nan]})
    assert readable(frame).to_numpy().tolist() == [["0.50", "yes"], ["", ""]]


def test_a_net_is_called_by_its_published_name_or_its_id(tiny_study: Study) -> None:
    """Ids are the architectures' own."""
    trials = [made_trial(tiny_study, 0, 0.5, macs=1.0), made_trial(tiny_study, 1, 0.6, macs=2.0)]
    first, second = members(tiny_study.space)[:2]
    front = front_of(trials, ACCURACY_MACS, {first.id: "famous"})
    assert list(front["net"]) == [second.id, "famous"]


def test_an_empty_front_has_its_columns(tiny_study: Study) -> None:
    """Nothing to show is a table without rows."""
    front = front_of([made_trial(tiny_study, 0, state="stopped")], ACCURACY_MACS, {})
    assert front.empty
    assert {"number", "net", "val_accuracy", "macs"} <= set(front.columns)
    assert readable(front).empty


def test_a_table_reads_as_text(tiny_study: Study) -> None:
    """Engineering numbers; the spread stands behind its value."""
    front = front_of([made_trial(tiny_study, 0, 0.9, macs=2.58e8)], ACCURACY_MACS, {})
    (row,) = readable(front).to_dict("records")
    assert row["val_accuracy"] == "0.900 ± 0.030"
    assert row["macs"] == "258 M"
    assert row["params"] == "1.00 k"
    assert "val_accuracy_n" not in row


def test_readable_leaves_other_columns_as_they_are() -> None:
    """Text stays text."""
    frame = pd.DataFrame({"blocks": ["8: conv_encoder"], "params": [1_332_456]})
    assert readable(frame).to_dict("records") == [{"blocks": "8: conv_encoder", "params": "1.33 M"}]


def net(*kinds: str) -> Architecture:
    tiny = published.load("edgenext_xx_small")
    blocks = tuple(BLOCKS[kind]() for kind in kinds)
    return Architecture(3, 32, tiny.stem, None, (Stage(16, None, blocks),), tiny.head)


def test_the_family_is_the_most_frequent_block_beside_convolutions() -> None:
    """Every net has convolutions; ties go to the block nearer to the head."""
    convolution = ("conv_encoder",) * 5
    assert family(net(*convolution, "gnconv", "pacc", "pacc")) == "pacc"
    assert family(net("gnconv", *convolution, "pacc")) == "pacc"
    assert family(net("pacc", *convolution, "gnconv")) == "gnconv"
    assert family(net(*convolution)) == CONVOLUTIONS_ONLY
    assert family(published.load("edgenext_xx_small")) == "sdta"
    for name in ("parcnet_s", "parc_mobilenetv2", "parc_resnet50", "parc_convnext_xt"):
        assert family(published.load(name)) == "pacc"
    assert family(published.load("hornet_tiny_gf")) == "gnconv"
