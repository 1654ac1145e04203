"""Successive halving: who goes on at a rung, in whatever order trials finish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import small_study

from archsearch.errors import InputError
from archsearch.measures import ACCURACY, accuracy_at
from archsearch.rungs import due
from archsearch.study import Study
from archsearch.trial import Measured, Trial

RUNGS = (1.0, 3.0)


@cache
def study_with(**train: Any) -> Study:
    """A study of 9 epochs with rungs after 1 and 3; ``train`` in YAML."""
    given = {"rungs": "[1, 3]", **{key: str(value).lower() for key, value in train.items()}}
    changes = {f"cascade__train__{key}": value for key, value in given.items()}
    return small_study(training__epochs="9.0", **changes)


def waiting(number: int, macs: float, given: bool = False) -> Trial:
    origin = f"published:{number}" if given else "sampler"
    measures = {"macs": Measured("macs", macs, "screen")}
    return Trial(number, 0, origin, {}, f"id{number}", {}, number, measures=measures)


@dataclass
class Play:
    """A generation that is trained by some workers who finish in an order of chance."""

    study: Study
    trials: dict[int, Trial]
    curves: dict[int, tuple[float, float, float]]
    failing: dict[int, float | None] = field(default_factory=dict)
    flying: dict[int, float | None] = field(default_factory=dict)
    begun: list[tuple[int, float | None]] = field(default_factory=list)

    def hand_out(self) -> bool:
        legs = due(self.study, list(self.trials.values()), [], self.flying)
        if legs:
            self.flying[legs[0].trial.number] = legs[0].until
            self.begun.append((legs[0].trial.number, legs[0].until))
        return bool(legs)

    def finish(self, number: int) -> None:
        until = self.flying.pop(number)
        trial = self.trials[number]
        if number in self.failing and self.failing[number] == until:
            self.trials[number] = replace(trial, state="failed", error="train: diverged")
            return
        name = ACCURACY if until is None else accuracy_at(until)
        place = 2 if until is None else RUNGS.index(until)
        made = Measured(name, self.curves[number][place], "train")
        state = "complete" if until is None else "waiting"
        measures = {**trial.measures, name: made}
        self.trials[number] = replace(trial, state=state, measures=measures)

    def to_the_end(self, rng: np.random.Generator, workers: int, kills: float = 0.0) -> Play:
        """A kill forgets what is in flight, and nothing else."""
        while True:
            while len(self.flying) < workers and self.hand_out():
                pass
            if not self.flying:
                return self
            if rng.random() < kills:
                self.flying.clear()
            else:
                self.finish(int(rng.choice(list(self.flying))))

    def at(self, epochs: float | None) -> set[int]:
        name = ACCURACY if epochs is None else accuracy_at(epochs)
        return {t.number for t in self.trials.values() if name in t.measures}


LEVELS = st.integers(0, 6).map(lambda level: level / 10)
MADE = st.lists(
    st.tuples(st.tuples(LEVELS, LEVELS, LEVELS), st.integers(1, 5), st.booleans()),
    min_size=1,
    max_size=14,
)


def play(study: Study, made: Sequence[Any], failing: Any = None) -> Play:
    trials = {
        i: waiting(i, 1e6 * macs, given and i % 3 == 0) for i, (_, macs, given) in enumerate(made)
    }
    return Play(study, trials, {i: curve for i, (curve, _, _) in enumerate(made)}, failing or {})


def others(run: Play, numbers: set[int]) -> list[Trial]:
    chosen = [run.trials[number] for number in sorted(numbers)]
    return [t for t in chosen if not t.origin.startswith("published:")]


@settings(max_examples=60, deadline=None)
@given(MADE, st.integers(0, 99), st.integers(1, 5), st.sampled_from([0.0, 0.3]))
def test_synchronous_decisions_do_not_depend_on_workers_order_or_kills(
    made: Sequence[Any], seed: int, workers: int, kills: float
) -> None:
    """The same trials reach each rung as with one worker who is never killed."""
    study = study_with()
    failing = {i: RUNGS[i % 2] for i in range(0, len(made), 5)}
    one = play(study, made, failing).to_the_end(np.random.default_rng(0), 1)
    rng = np.random.default_rng(seed)
    many = play(study, made, failing).to_the_end(rng, workers, kills)
    assert one.trials == many.trials
    if not kills:
        assert sorted(one.begun, key=str) == sorted(many.begun, key=str)


@settings(max_examples=60, deadline=None)
@given(MADE, st.sampled_from([0.3, 0.5, 0.75]), st.booleans())
def test_at_each_rung_the_share_goes_on_and_published_nets_besides(
    made: Sequence[Any], keep: float, asynchronous: bool
) -> None:
    """Of n at a rung round(keep n), at least one; every published net reaches the end."""
    study = study_with(keep=keep, asynchronous=asynchronous)
    run = play(study, made).to_the_end(np.random.default_rng(0), 3)
    for below, above in ((1.0, 3.0), (3.0, None)):
        count, kept = len(others(run, run.at(below))), len(others(run, run.at(above)))
        assert kept == (max(1, round(keep * count)) if count else 0)
    given = {t.number for t in run.trials.values() if t.origin.startswith("published:")}
    assert run.at(None) >= given
    assert all((t.state == "complete") == (t.number in run.at(None)) for t in run.trials.values())


@settings(max_examples=60, deadline=None)
@given(MADE)
def test_nobody_goes_on_whom_one_who_stays_dominates(made: Sequence[Any]) -> None:
    """By definition, in the accuracy at the rung and the MACs."""
    run = play(study_with(), made).to_the_end(np.random.default_rng(0), 2)
    for below, above in ((1.0, 3.0), (3.0, None)):
        kept = run.at(above)
        there = others(run, run.at(below))
        name = accuracy_at(below)
        for one in there:
            for other in there:
                if one.number in kept and other.number not in kept:
                    better = other.measures[name].value - one.measures[name].value
                    cheaper = one.measures["macs"].value - other.measures["macs"].value
                    assert not (min(better, cheaper) >= 0 and max(better, cheaper) > 0)


@settings(max_examples=60, deadline=None)
@given(MADE, st.integers(0, 99), st.integers(1, 4))
def test_asynchronous_promotions_stay_within_the_share_at_every_moment(
    made: Sequence[Any], seed: int, workers: int
) -> None:
    """Of n that came to a rung round(keep n) left it at most; no worker waits for a beginner."""
    rng = np.random.default_rng(seed)
    run = play(study_with(asynchronous=True), made)
    while run.hand_out() or run.flying:
        while len(run.flying) < workers and run.hand_out():
            pass
        started = {number for number, _ in run.begun}
        assert len(run.flying) == workers or len(started) == len(made)
        for below, above in ((1.0, 3.0), (3.0, None)):
            there = others(run, run.at(below))
            left = [n for n, until in run.begun if until == above]
            assert len(others(run, set(left))) <= max(1, round(0.5 * len(there)))
        run.finish(int(rng.choice(list(run.flying))))


def test_asynchronous_does_not_wait_for_the_rung() -> None:
    """With two of four at the first rung the better one goes on; synchronous, it waits."""
    made = [((a, a, a), 1, False) for a in (0.3, 0.5, 0.4, 0.6)]
    began = {}
    for asynchronous in (False, True):
        run = play(study_with(asynchronous=asynchronous), made)
        run.hand_out(), run.hand_out(), run.finish(0), run.finish(1)
        run.hand_out()
        began[asynchronous] = run.begun[-1]
    assert began == {False: (2, 1.0), True: (1, 3.0)}


def test_who_is_on_the_way_counts_for_the_share() -> None:
    """Each newcomer is better than all before, and those who left are not back yet."""
    made = [((a, a, a), 1, False) for a in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)]
    run = play(study_with(asynchronous=True), made)
    while run.hand_out():
        arriving = [number for number, until in run.flying.items() if until == 1.0]
        for number in arriving:
            run.finish(number)
        left = [number for number, until in run.begun if until == 3.0]
        assert len(left) <= max(1, len(run.at(1.0)) // 2)
    assert len(run.at(1.0)) == 8
    assert len(left) == 4


def test_without_rungs_everybody_goes_to_the_end() -> None:
    """In the order of their numbers, as if there were no halving."""
    study = small_study()
    trials = [waiting(i, 1.0) for i in range(4)]
    assert [(leg.trial.number, leg.until) for leg in due(study, trials, [], {1})] == [
        (0, None),
        (2, None),
        (3, None),
    ]
    assert (
        due(small_study(cascade__train="null", objectives="[{maximize: naswot}]"), [], [], ()) == []
    )


def ended(number: int, macs: float, curve: tuple[float, float, float]) -> Trial:
    trial = waiting(number, macs)
    values = zip((*map(accuracy_at, RUNGS), ACCURACY), curve, strict=True)
    made = {name: Measured(name, value, "train") for name, value in values}
    return replace(trial, state="complete", measures={**trial.measures, **made})


def before(count: int) -> Iterator[Trial]:
    """Trials that ended: 0.4 at the first rung becomes 0.8, 0.2 becomes 0.4."""
    rng = np.random.default_rng(0)
    for i in range(count):
        first = 0.2 + 0.2 * i / max(1, count - 1)
        yield ended(100 + i, 1e6, (first, 1.5 * first, 2 * first + rng.normal(0, 0.003)))


def survivors(study: Study, curves: Sequence[float], earlier: Sequence[Trial]) -> set[int]:
    """Who of the trials with these accuracies at the first rung may go on, with 1.1 M MACs."""
    there = [waiting(i, 1.1e6) for i in range(len(curves))]
    there = [
        replace(t, measures={**t.measures, "val_accuracy@1": Measured("", a, "train")})
        for t, a in zip(there, curves, strict=True)
    ]
    return {leg.trial.number for leg in due(study, there, earlier, ())}


def test_what_cannot_reach_the_front_is_stopped() -> None:
    """Half of four may go on; of those, one whose bound the front dominates does not."""
    study, plain = study_with(extrapolate=True), study_with()
    done = list(before(12))
    assert survivors(plain, [0.2, 0.3, 0.21, 0.45], done) == {1, 3}
    assert survivors(study, [0.2, 0.3, 0.21, 0.45], done) == {3}


def test_few_finished_curves_say_nothing() -> None:
    """With fewer than eight, extrapolation stops nobody."""
    assert survivors(study_with(extrapolate=True), [0.2, 0.3, 0.21, 0.45], list(before(7))) == {
        1,
        3,
    }


def test_published_nets_are_never_extrapolated_away() -> None:
    """Nor a cheap net, which nothing dominates whatever its accuracy."""
    study, done = study_with(extrapolate=True), list(before(12))
    made = {"val_accuracy@1": Measured("", 0.2, "train")}
    nets = [waiting(0, 1.1e6, given=True), waiting(1, 0.9e6), waiting(2, 1.1e6), waiting(3, 1.1e6)]
    there = [replace(t, measures={**t.measures, **made}) for t in nets]
    found = Counter(leg.trial.number for leg in due(study, there, done, ()))
    assert set(found) == {0, 1}


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"rungs": "[3, 1]"}, "rungs must rise, got 3, 1"),
        ({"rungs": "[1, 1]"}, "rungs must rise"),
        ({"rungs": "[0]"}, "greater than 0"),
        ({"rungs": "[1, 9]"}, "a rung at 9 epochs lies not before the end of a training of 9"),
        ({"rungs": "[]", "asynchronous": True}, "asynchronous says what happens at rungs; add"),
        ({"rungs": "[]", "keep": 0.5}, "keep says what happens at rungs"),
        ({"keep": 1.0}, "less than 1"),
    ],
)
def test_a_ladder_that_cannot_be_is_refused(train: dict[str, Any], message: str) -> None:
    """With what was given and what holds."""
    with pytest.raises(InputError, match=message):
        study_with(**train)


def test_extrapolation_needs_the_accuracy_as_an_objective() -> None:
    """A bound on what is not optimised would stop nothing."""
    with pytest.raises(InputError, match="extrapolates val_accuracy, which is no objective"):
        small_study(
            training__epochs="9.0",
            cascade__train="{rungs: [1], extrapolate: true}",
            objectives="[{maximize: naswot}]",
        )


def test_a_study_without_rungs_keeps_its_identity() -> None:
    """The defaults are not written out, so that runs from before can go on."""
    assert small_study().identity == "8569379abe6be167"
    assert study_with().identity != study_with(keep=0.4).identity
