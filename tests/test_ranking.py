"""Who is trained, and what a sampler is told of those who are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from small_spaces import space_data

from archsearch.documents import Document
from archsearch.measures import MEASURES
from archsearch.ranking import best_first, promoted, scores, told
from archsearch.study import Study, study_of
from archsearch.trial import Measured, Stage, State, Trial

ROOT = Path(__file__).resolve().parents[1]
ACCURACY = {"maximize": "val_accuracy"}
MACS = {"minimize": "macs"}


def study_with(promote: float = 0.5, *objectives: dict[str, str], **cascade: Any) -> Study:
    """A study that scores by two proxies and trains a share of each generation."""
    return study_of(
        Document(
            "study",
            {
                "schema": 1,
                "name": "ranking",
                "space": space_data({"width": 8, "blocks": []}),
                "objectives": list(objectives) or [ACCURACY, MACS],
                "sampler": "random",
                "cascade": {
                    "score": {"proxies": ["naswot", "synflow"]},
                    "train": {"promote": promote},
                    **cascade,
                },
                "data": {"name": "digits"},
                "budget": {"trials": 8},
            },
        ),
        ROOT,
    )


def trial(number: int, origin: str = "sampler", state: State = "waiting", **values: float) -> Trial:
    """A trial with these measures; its stage is the last that made one."""
    measures = {name: Measured(name, value, MEASURES[name].stage) for name, value in values.items()}
    order: tuple[Stage, ...] = ("screen", "latency", "score", "train")
    stage = max((m.stage for m in measures.values()), key=order.index, default="screen")
    return Trial(number, 0, origin, {}, f"id{number}", {}, number, {}, state, stage, measures)


def scored(number: int, naswot: float, synflow: float, macs: float = 1e6, **rest: Any) -> Trial:
    """A trial that waits for the decision who is trained."""
    return trial(number, naswot=naswot, synflow=synflow, macs=macs, params=1e5, **rest)


VALUES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 6)), min_size=1, max_size=12
)


def generation(values: list[tuple[int, int, int]]) -> list[Trial]:
    """Scored trials with these proxies and MACs."""
    return [scored(i, *map(float, value)) for i, value in enumerate(values)]


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_a_score_is_the_mean_of_average_ranks(values: list[tuple[int, int, int]]) -> None:
    """Equal to the definition: how many are worse, and half of those that are equal."""
    trials = generation(values)
    found = scores(study_with(), trials)
    for one in trials:
        shares = []
        for name in ("naswot", "synflow"):
            mine = one.measures[name].value
            others = [other.measures[name].value for other in trials]
            worse = (
                sum(value < mine for value in others) + sum(value == mine for value in others) / 2
            )
            shares.append(worse / len(trials))
        assert found[one.number] == pytest.approx(np.mean(shares))


def test_a_baseline_among_the_proxies_counts_large_as_good() -> None:
    """Parameters and MACs are taken as they were counted; as a score, more of them is better."""
    study = study_with(0.5, score={"proxies": ["naswot", "macs"]})
    trials = [scored(0, 1, 0, 3e6), scored(1, 2, 0, 1e6), scored(2, 3, 0, 2e6)]
    assert scores(study, trials) == pytest.approx({0: 0.5, 1: 1 / 3, 2: 2 / 3})


AZ_NAS = {"score": {"ensemble": "az_nas"}}


def az(number: int, *values: float) -> Trial:
    """A trial with the parts of AZ-NAS: expressivity, progressivity, trainability, MACs."""
    names = ("az_expressivity", "az_progressivity", "az_trainability", "macs")
    return trial(number, params=1.0, **dict(zip(names, values, strict=True)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 4), min_size=1, max_size=9))
def test_an_ensemble_ranks_by_its_own_rule(values: list[tuple[int, int, int, int]]) -> None:
    """The order is that of the sum of logarithms; the score is the share of those below."""
    found = scores(study_with(0.5, **AZ_NAS), [az(i, *value) for i, value in enumerate(values)])
    columns = np.array([rankdata(column) for column in zip(*values, strict=True)])
    total = np.log(columns / len(values)).sum(axis=0).round(9)
    shares = (rankdata(total) - 0.5) / len(values)
    assert [found[i] for i in range(len(values))] == pytest.approx(shares.tolist())


def test_an_ensemble_promotes() -> None:
    """Where one proxy ranks a net last, the others do not bring it up, as in a mean."""
    trials = [az(0, 4, 4, 4, 1), az(1, 3, 3, 3, 3), az(2, 1, 1, 1, 4), az(3, 2, 2, 2, 2)]
    score = scores(study_with(0.5, **AZ_NAS), trials)
    assert max(score, key=lambda number: score[number]) == 1
    assert score[1] > score[0]


def test_only_ranks_matter() -> None:
    """A proxy on another scale, or with another spread, gives the same scores."""
    plain = [scored(i, i, (i * 3) % 5) for i in range(5)]
    scaled = [scored(i, np.exp(9 * i), -1e9 + (i * 3) % 5) for i in range(5)]
    assert scores(study_with(), plain) == scores(study_with(), scaled)


def test_a_trial_without_every_proxy_has_no_score() -> None:
    """A trial that failed in the score stage, or before it, ranks nowhere."""
    trials = [scored(0, 1, 1), trial(1, naswot=2.0), scored(2, 3, 3)]
    assert scores(study_with(), trials) == {0: 0.25, 2: 0.75}
    assert scores(study_with(), []) == {}
    assert scores(study_with(1.0, ACCURACY, score=None), trials) == {}


def test_the_best_are_promoted() -> None:
    """By score alone where costs are equal."""
    trials = [scored(i, value, value) for i, value in enumerate([3, 9, 1, 7, 5, 2, 8, 4])]
    assert promoted(study_with(0.5), trials) == {1, 6, 3, 4}
    assert promoted(study_with(0.25), trials) == {1, 6}


def test_the_promoted_spread_over_the_costs() -> None:
    """A cheap net with a lower score is not dominated, a dear one with a lower score is."""
    trials = [
        scored(0, 9, 9, 9e6),
        scored(1, 5, 5, 1e6),
        scored(2, 8, 8, 9.5e6),
        scored(3, 4, 4, 2e6),
    ]
    assert promoted(study_with(0.5), trials) == {0, 1}


@pytest.mark.parametrize(("promote", "others", "kept"), [(0.5, 7, 4), (0.2, 14, 3), (0.01, 5, 1)])
def test_the_share_is_rounded_and_never_empty(promote: float, others: int, kept: int) -> None:
    """At least one trial of a generation is trained."""
    trials = [scored(i, i, -i, 1e6 + i) for i in range(others)]
    assert len(promoted(study_with(promote), trials)) == kept


def test_published_nets_are_always_promoted() -> None:
    """They come on top of the share, whatever their score."""
    trials = [scored(i, 10 + i, 10 + i) for i in range(4)]
    nets = [scored(i, 0, 0, 9e9, origin=f"published:net{i}") for i in (4, 5)]
    assert promoted(study_with(0.25), [*trials, *nets]) == {3, 4, 5}
    assert promoted(study_with(0.25), nets) == {4, 5}


def test_all_are_promoted_where_the_share_is_one() -> None:
    """No score is needed then."""
    trials = [trial(i, macs=1.0, params=1.0) for i in range(3)]
    assert promoted(study_with(1.0, score=None), trials) == {0, 1, 2}


def test_what_failed_before_training_is_not_promoted() -> None:
    """Nor does it count for the share."""
    dead = trial(4, state="failed", macs=1.0, params=1.0)
    trials = [scored(i, i, i) for i in range(4)]
    assert promoted(study_with(0.5), [*trials, dead]) == {2, 3}


@settings(max_examples=100, deadline=None)
@given(VALUES, st.data(), st.sampled_from([0.2, 0.5, 1.0]))
def test_a_resumed_run_promotes_the_same(
    values: list[tuple[int, int, int]], data: st.DataObject, promote: float
) -> None:
    """Training some of the promoted, or failing in it, changes nothing of who is promoted."""
    study = study_with(promote)
    before = generation(values)
    before[0] = replace(before[0], origin="published:net")
    chosen = promoted(study, before)
    ends = {
        number: data.draw(st.sampled_from(["complete", "failed", "waiting"])) for number in chosen
    }
    after = []
    for one in before:
        end = ends.get(one.number, "waiting")
        measures = dict(one.measures)
        if end == "complete":
            measures["val_accuracy"] = Measured("val_accuracy", 0.5, "train")
        stage: Stage = one.stage if end == "waiting" else "train"
        after.append(replace(one, state=end, stage=stage, measures=measures))  # type: ignore[arg-type]
    assert promoted(study, after) == chosen


@settings(max_examples=60, deadline=None)
@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_trials_does_not_matter(
    values: list[tuple[int, int, int]], random: Any
) -> None:
    """A score belongs to its trial, in whatever order the trials come."""
    trials = generation(values)
    shuffled = random.sample(trials, len(trials))
    assert scores(study_with(), shuffled) == pytest.approx(scores(study_with(), trials))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_best_first_never_puts_a_dominated_point_before_its_better(
    points: list[tuple[int, int]],
) -> None:
    """By definition of dominance, for one maximised and one minimised objective."""
    order = best_first(np.array(points, dtype=float), [True, False])
    assert sorted(order) == list(range(len(points)))
    for place, index in enumerate(order):
        for later in order[place + 1 :]:
            (a, b), (c, d) = points[later], points[index]
            assert not (a >= c and b <= d and (a, b) != (c, d))


def test_best_first_takes_the_ends_of_a_front_first() -> None:
    """Then the points with most room around them; equals keep their order."""
    front = np.array([[1.0, 1.0], [2.0, 2.0], [5.0, 5.0], [9.0, 9.0]])
    assert best_first(front, [True, False]) == [0, 3, 2, 1]
    assert best_first(np.ones((3, 2)), [True, False]) == [0, 1, 2]


def trained(number: int, score: float, accuracy: float, **rest: Any) -> Trial:
    """A trial that went through the whole cascade."""
    return trial(
        number, state="complete", naswot=score, synflow=score, macs=1e6 + number, params=1.0,
        val_accuracy=accuracy, train_s=10.0 - score, **rest,
    )  # fmt: skip


def test_what_was_measured_is_told_as_measured() -> None:
    """In the order of the objectives, for trained trials and counted measures alike."""
    trials = [trained(0, 1, 0.3), trained(1, 5, 0.8)]
    assert told(study_with(), trials) == {0: (0.3, 1e6), 1: (0.8, 1e6 + 1)}
    swapped = study_with(0.5, MACS, ACCURACY)
    assert told(swapped, trials) == {0: (1e6, 0.3), 1: (1e6 + 1, 0.8)}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), min_size=1, max_size=6),
    st.lists(st.integers(-3, 12), min_size=1, max_size=8),
)
def test_estimates_keep_the_order_of_scores_and_the_scale_of_training(
    done: list[tuple[int, float]], waiting: list[int]
) -> None:
    """A higher score never gets a lower estimate; none lies outside what training found."""
    trials = [trained(i, score, accuracy) for i, (score, accuracy) in enumerate(done)]
    trials += [scored(len(done) + i, value, value) for i, value in enumerate(waiting)]
    study = study_with()
    score = scores(study, trials)
    values = {t.number: told(study, trials)[t.number][0] for t in trials[len(done) :]}
    accuracies = [accuracy for _, accuracy in done]
    by_score = sorted(values, key=lambda number: score[number])
    estimates = [values[number] for number in by_score]
    assert estimates == sorted(estimates)
    assert min(accuracies) <= min(estimates) <= max(estimates) <= max(accuracies)


def test_an_estimate_is_the_quantile_of_the_score() -> None:
    """With accuracies 0.1 to 0.5, a trial whose score is above all others gets nearly the best."""
    trials = [trained(i, i, 0.1 + 0.1 * i) for i in range(5)]
    trials.append(scored(5, 9, 9))
    share = (rankdata([0, 1, 2, 3, 4, 9])[-1] - 0.5) / 6
    expected = np.quantile([0.1, 0.2, 0.3, 0.4, 0.5], share)
    assert told(study_with(), trials)[5] == (pytest.approx(expected), 1e6)


def test_what_is_better_small_is_estimated_small_for_high_scores() -> None:
    """The better score gets the shorter training time, not the longer."""
    study = study_with(0.5, {"minimize": "train_s"})
    trials = [*(trained(i, i, 0.5) for i in range(5)), scored(5, 9, 9), scored(6, -9, -9)]
    values = told(study, trials)
    assert values[5][0] < values[6][0]


def test_what_failed_is_not_told_but_its_score_ranks() -> None:
    """A failure has no values; the others' estimates do not jump because of it."""
    trials = [trained(0, 1, 0.3), trained(1, 5, 0.8), scored(2, 3, 3)]
    with_it = [*trials, replace(scored(3, 2, 2), state="failed", stage="train")]
    values = told(study_with(), with_it)
    assert 3 not in values
    assert values.keys() == {0, 1, 2}
    assert 0.3 < values[2][0] < 0.8


def test_without_any_training_there_is_nothing_to_estimate() -> None:
    """A trial whose accuracy nothing is known of is not told."""
    assert told(study_with(), [scored(0, 1, 1), scored(1, 2, 2)]) == {}
    by_score = study_with(0.5, {"maximize": "naswot"}, MACS, train=None)
    assert told(by_score, [scored(0, 1, 1), scored(1, 2, 2)]) == {0: (1.0, 1e6), 1: (2.0, 1e6)}
