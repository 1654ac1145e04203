"""A small run's study, environment and trials, for the tests of its database."""

from __future__ import annotations

from archsearch.trial import Measured, Trial

STUDY = {"name": "s", "objectives": [{"maximize": "val_accuracy"}], "seed": 1}
ENVIRONMENT = {"torch": "2.13", "threads": 1}


def a_trial(number: int, generation: int = 0) -> Trial:
    """A trial as the screen leaves it."""
    return Trial(
        number=number,
        generation=generation,
        origin="sampler",
        choices={"stages.0.width": 32, "head.norm": "layer"},
        architecture_id=f"id{number}",
        architecture={"stages": [{"width": 32}]},
        seed=number,
        note={"generation": 1},
        measures={"params": Measured("params", 5e6, "screen")},
    )
