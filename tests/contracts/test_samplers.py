"""What every sampler promises: it is a function of the space, the history and a seed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import optuna
import pytest

from archsearch.documents import Misfit, parse
from archsearch.errors import InputError
from archsearch.pareto import hypervolume, reference_point
from archsearch.samplers import SAMPLERS, check_options, make_sampler
from archsearch.samplers.sampler import Accept, Past, Proposal, Sampler
from archsearch.samplers.strategy import Direction
from archsearch.seeds import derive
from archsearch.space import SearchSpace, tree_of
from archsearch.trial import Choices

# Conditional leaves, ordered and unordered, with labels of every type.
SPACE = SearchSpace(
    tree_of(
        parse(
            """
schema: 1
input: {channels: 3, resolution: {choice: [192, 224, 256]}}
stem: {patch: {size: 4}}
stages:
  - width: {choice: [16, 32, 48, 64]}
    blocks:
      - repeat: {int: [1, 3]}
        choice:
          - conv_encoder: {kernel: {choice: [3, 5, 7]}, expand: {choice: [2, 3, 4]}}
          - inverted_residual: {kernel: {choice: [3, 5]}, expand: {choice: [2, 4, 6]}}
      - repeat: {int: [0, 2]}
        gnconv: {order: {int: [1, 4]}, kernel: {choice: [7, global]}}
  - width: {choice: [32, 64, 96]}
    downsample: conv
    blocks:
      - repeat: {int: [1, 6]}
        choice:
          - conv_encoder: {kernel: {choice: [3, 5, 7]}, expand: {choice: [2, 3, 4]}}
          - sdta: {splits: {int: [1, 4]}, heads: 4, position: {choice: [true, false]}}
""",
            "space",
        )
    ),
    "space",
)
TINY = SearchSpace(
    tree_of(
        parse(
            """
schema: 1
input: {channels: 3, resolution: {choice: [192, 224]}}
stem: {patch: {size: 4}}
stages:
  - width: 16
    blocks: [{repeat: {int: [0, 2]}, conv_encoder: {kernel: {choice: [3, 5]}}}]
""",
            "tiny",
        )
    ),
    "tiny",
)
DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize", "maximize")

every_sampler = pytest.mark.parametrize("name", SAMPLERS)
learning = pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "random"])


def a_sampler(name: str, directions: Sequence[Direction] = DIRECTIONS[:2]) -> Sampler:
    return make_sampler(name, SPACE, directions, {})


def tables(seed: int) -> Callable[[Choices], tuple[float, float, float]]:
    """A separable problem: every label has a gain and a cost, larger gains mostly cost more."""
    rng = np.random.default_rng(seed)
    costs = {path: np.sort(rng.random(len(d.labels))) for path, d in SPACE.leaves()}
    gains = {
        path: cost ** rng.uniform(0.2, 1.5) * rng.uniform(0.2, 2) for path, cost in costs.items()
    }
    domains = dict(SPACE.leaves())

    def values(choices: Choices) -> tuple[float, float, float]:
        places = {path: domains[path].labels.index(label) for path, label in choices.items()}
        gain = sum(float(gains[path][place]) for path, place in places.items())
        cost = sum(float(costs[path][place]) for path, place in places.items())
        return gain, cost, gain - cost

    return values


VALUES = tables(0)


def key(choices: Choices) -> str:
    return json.dumps(choices, sort_keys=True)


def screen(past: Sequence[Past], most: float = 100.0) -> Accept:
    """Accepts what is new and costs at most ``most``."""
    known = {key(trial.choices) for trial in past}

    def accept(choices: Choices) -> bool:
        new = key(choices) not in known and VALUES(choices)[1] <= most
        known.add(key(choices))
        return new

    return accept


def outcome(proposal: Proposal, number: int, objectives: int) -> Past:
    """Every fifth trial fails, every third is stopped, one is not a number."""
    values = VALUES(proposal.choices)[:objectives]
    if number == 17:
        values = (float("nan"), *values[1:])
    failed = number % 5 == 4
    return Past(proposal.choices, None if failed else values, number % 3 != 2, proposal.note)


def asked(sampler: Sampler, past: Sequence[Past], count: int = 10) -> list[Proposal]:
    return sampler.ask(past, count, derive(7, len(past)), screen(past, most=9.0), 500)


def history(sampler: Sampler, length: int, objectives: int = 2) -> list[Past]:
    """A run of ``length`` trials with a start design and, later, the best trial from elsewhere."""
    rng = np.random.default_rng(3)
    past = [outcome(Proposal(SPACE.draw(rng)), i, objectives) for i in range(5)]
    while len(past) < length:
        if len(past) == 45:
            past.append(Past(SPACE.draw(rng), (99.0, 0.0, 99.0)[:objectives], True))
        for proposal in asked(sampler, past):
            past.append(outcome(proposal, len(past), objectives))
    return past


def stored(past: Sequence[Past]) -> list[Past]:
    """The history as it comes back from a store."""
    return [
        Past(
            json.loads(json.dumps(trial.choices)),
            trial.values and tuple(json.loads(json.dumps(trial.values))),
            trial.complete,
            json.loads(json.dumps(trial.note)),
        )
        for trial in past
    ]


@every_sampler
def test_proposals_are_members(name: str) -> None:
    """Every proposal has exactly the active leaves, each with a label of its domain and type."""
    for past in ([], history(a_sampler(name), 60)):
        for proposal in asked(a_sampler(name), past):
            visited = SPACE.walk(lambda path, _, p=proposal: p.choices[path])  # type: ignore[misc]
            assert visited == proposal.choices
            for path, label in proposal.choices.items():
                labels = dict(SPACE.leaves())[path].labels
                assert any(label == known and type(label) is type(known) for known in labels)


@every_sampler
def test_proposals_follow_from_space_history_and_seed(name: str) -> None:
    """Two samplers that are asked the same answer the same; another seed answers otherwise."""
    past = history(a_sampler(name), 40)
    first, second = (a_sampler(name).ask(past, 8, 5, screen(past), 500) for _ in range(2))
    assert first == second
    assert first != a_sampler(name).ask(past, 8, 6, screen(past), 500)


@every_sampler
def test_a_sampler_made_anew_goes_on_alike(name: str) -> None:
    """At several points of a run with failures and refusals, a resumed run proposes the same."""
    sampler = a_sampler(name)
    past = history(sampler, 100)
    expected = asked(sampler, past)
    assert asked(a_sampler(name), stored(past)) == expected
    for length in (5, 25, 46, 76):
        sooner = asked(a_sampler(name), past[:length])
        later = [Proposal(trial.choices, trial.note) for trial in past[length : length + 10]]
        assert sooner == later


def test_proposals_do_not_depend_on_the_process() -> None:
    """The order in which Python keeps sets, which differs between processes, plays no part."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_samplers import *\n"
        "for name in SAMPLERS:\n"
        "    proposals = asked(a_sampler(name), history(a_sampler(name), 25))\n"
        "    print(name, [key(proposal.choices) for proposal in proposals])"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert len(printed[0].splitlines()) == len(SAMPLERS)


@every_sampler
def test_patience_ends_an_ask(name: str) -> None:
    """If nothing is ever accepted, the ask ends after ``patience`` refusals, with nothing."""
    past = history(a_sampler(name), 25)
    refused: list[Choices] = []

    def accept(choices: Choices) -> bool:
        refused.append(choices)
        return False

    assert a_sampler(name).ask(past, 3, 0, accept, 30) == []
    assert len(refused) == 30


@every_sampler
def test_patience_counts_refusals_in_a_row(name: str) -> None:
    """An acceptance renews the patience: it bounds a drought, not the ask."""
    seen: list[Choices] = []

    def accept(choices: Choices) -> bool:
        seen.append(choices)
        return len(seen) % 5 == 0

    assert len(a_sampler(name).ask([], 8, 0, accept, 5)) == 8
    assert len(seen) == 40


@every_sampler
def test_only_accepted_candidates_are_proposed(name: str) -> None:
    """As many as asked for, in the order of acceptance, and none that was refused."""
    accepted: list[Choices] = []

    def accept(choices: Choices) -> bool:
        good = VALUES(choices)[1] < 7 and choices not in accepted
        accepted.extend([choices] if good else [])
        return good

    past = history(a_sampler(name), 25)
    proposals = a_sampler(name).ask(past, 7, 0, accept, 500)
    assert len(proposals) == 7
    assert [proposal.choices for proposal in proposals] == accepted


@every_sampler
def test_a_small_space_is_found_whole(name: str) -> None:
    """Every point of a space of ten is proposed before a sampler gives up."""
    known: set[str] = set()

    def accept(choices: Choices) -> bool:
        new = key(choices) not in known
        known.add(key(choices))
        return new

    sampler = make_sampler(name, TINY, ["maximize"], {})
    past: list[Past] = []
    while proposals := sampler.ask(past, 3, len(past), accept, 300):
        past += [Past(p.choices, (float(len(past)),), True, p.note) for p in proposals]
    assert len(past) == TINY.size == 10


@every_sampler
@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_any_number_of_objectives(name: str, objectives: int) -> None:
    """One, two and three objectives of mixed directions, with trials stopped and failed."""
    sampler = a_sampler(name, DIRECTIONS[:objectives])
    assert len(asked(sampler, history(sampler, 45, objectives))) == 10


@every_sampler
def test_a_history_without_results_is_no_obstacle(name: str) -> None:
    """Only failures, only stopped trials, only values that are no numbers: proposals still come."""
    rng = np.random.default_rng(0)
    draws = [SPACE.draw(rng) for _ in range(12)]
    for values in (None, (1.0, 2.0), (float("nan"), 1.0), (float("inf"), 1.0)):
        past = [Past(choices, values, False) for choices in draws]
        assert len(a_sampler(name).ask(past, 4, 0, screen(past), 500)) == 4


@every_sampler
def test_an_error_in_the_screen_leaves_the_sampler_sound(name: str) -> None:
    """What the screen raises comes through, and the next ask answers as if it had not been."""
    sampler = a_sampler(name)
    past = history(sampler, 35)

    def broken(_: Choices) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sampler.ask(past, 4, 0, broken, 10)
    assert asked(sampler, past) == asked(a_sampler(name), past)


@every_sampler
def test_global_state_is_left_alone(name: str) -> None:
    """Neither numpy's global generator nor Optuna's verbosity is touched."""
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    verbosity = optuna.logging.get_verbosity()
    asked(a_sampler(name), history(a_sampler(name), 25))
    assert np.random.rand() == expected
    assert optuna.logging.get_verbosity() == verbosity


@learning
def test_directions_are_followed(name: str) -> None:
    """The same history leads to larger values if the objective is maximized."""
    rng = np.random.default_rng(1)
    past = [Past(c, (VALUES(c)[0],), True) for c in (SPACE.draw(rng) for _ in range(60))]
    mean = {}
    for direction in ("minimize", "maximize"):
        sampler = make_sampler(name, SPACE, [direction], {})
        proposals = sampler.ask(past, 20, 0, screen(past), 500)
        mean[direction] = np.mean([VALUES(p.choices)[0] for p in proposals])
    assert mean["maximize"] > mean["minimize"] + 0.5


@learning
def test_learning_beats_chance(name: str) -> None:
    """On separable problems the front found in 80 trials is better than that of random search."""
    assert np.mean([volume(name, seed) for seed in range(4)]) > 1.02 * np.mean(
        [volume("random", seed) for seed in range(4)]
    )


def volume(name: str, seed: int) -> float:
    """Hypervolume that 80 trials in generations of 10 find."""
    values = tables(seed)
    rng = np.random.default_rng(99)
    drawn = np.array([values(SPACE.draw(rng))[:2] for _ in range(300)])
    sampler, past = a_sampler(name), list[Past]()
    while len(past) < 80:
        proposals = sampler.ask(past, 10, derive(seed, len(past)), screen(past), 500)
        past += [Past(p.choices, values(p.choices)[:2], True, p.note) for p in proposals]
    found = np.array([trial.values for trial in past])
    return hypervolume(found, reference_point(drawn, (True, False)), (True, False))


@every_sampler
def test_options_are_checked(name: str) -> None:
    """An option that does not exist is refused with its place."""
    with pytest.raises(InputError, match=f"sampler.{name}.temperature: unknown key 'temperature'"):
        make_sampler(name, SPACE, ["maximize"], {"temperature": 1.0})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nsga2", {"population": 8}, "unknown key 'population'; did you mean 'population_size'"),
        ("nsga2", {"population_size": 1}, "got 1; expected greater than or equal to 2"),
        ("tpe", {"startup": 2.5}, "got 2.5; expected a valid integer"),
        ("pareto_evolution", {"crossover_rate": 1.5}, "got 1.5; expected less than or equal to 1"),
    ],
)
def test_a_wrong_option_is_told(name: str, options: dict[str, float], message: str) -> None:
    """The message has the value, what holds, and the nearest name; a study file adds the line."""
    with pytest.raises(InputError, match=f"sampler.{name}.*{message}"):
        make_sampler(name, SPACE, ["maximize"], options)
    with pytest.raises(Misfit, match=message) as caught:
        check_options(name, options, ("sampler", name))
    assert caught.value.location == ("sampler", name, *options)


def test_an_unknown_sampler_is_told() -> None:
    """The nearest name is offered."""
    with pytest.raises(InputError, match="sampler: unknown 'nsga'; did you mean 'nsga2'"):
        make_sampler("nsga", SPACE, ["maximize"], {})
