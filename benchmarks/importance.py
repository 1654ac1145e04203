"""How often importance marks a leaf that does not matter, and how often one that does.

Nets of a space of two stages (14 leaves, some of them inside a choice of layers); their value is
noise, or noise and one width whose labels are ``--effect`` standard deviations of the noise apart.

    python benchmarks/importance.py --nets 30 --effect 1 --rounds 40
"""

from __future__ import annotations

import argparse

import numpy as np

from archsearch.codes import draw_codes
from archsearch.documents import Document
from archsearch.importance import METHODS
from archsearch.importance.nets import Nets, Question
from archsearch.importance.targets import best_of
from archsearch.space import tree_of

_STAGE = {
    "width": {"choice": [8, 16, 24, 32]},
    "downsample": {"conv": {"norm": {"choice": ["layer", "batch"]}}},
    "blocks": [
        {
            "repeat": {"int": [1, 3]},
            "choice": [
                {"gnconv": {"order": {"int": [1, 3]}}},
                {"sdta": {"splits": {"int": [1, 3]}, "heads": {"choice": [2, 4]}}},
            ],
        }
    ],
}
TREE = tree_of(
    Document("two stages", {"schema": 1, "stem": {"patch": {}}, "stages": [_STAGE, _STAGE]})
)


def main() -> None:
    """Print a row a method: the rounds in which something was marked, and coverage of 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=30)
    parser.add_argument("--effect", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    print(f"{given.nets} nets, effect {given.effect:g}, {given.rounds} rounds")
    print("method       a leaf that does not matter   the one that does   intervals that hold 0")
    for name, method in METHODS.items():
        false, found, holds = 0, 0, []
        for seed in range(given.rounds):
            question, place = _asked(given.nets, given.effect, seed)
            shares = method(question)
            marked = shares.value > shares.chance
            others = np.array([column != place for column in question.nets.judged])
            false += bool(marked[others].any())
            found += bool(marked[~others].any())
            holds += ((shares.low <= 0) & (shares.high >= 0))[others].tolist()
        rates = f"{false / given.rounds:27.1%}   {found / given.rounds:17.1%}"
        print(f"{name:11} {rates}   {np.mean(holds):21.1%}", flush=True)


def _asked(number: int, effect: float, seed: int) -> tuple[Question, int]:
    rng = np.random.default_rng(seed)
    nets = Nets(TREE, draw_codes(TREE, rng, number))
    place = [leaf.path for leaf in nets.leaves].index("stages.0.width")
    values = rng.normal(size=number) + effect * nets.codes[:, place]
    return Question(nets, values, best_of(values, maximize=True), seed), place


if __name__ == "__main__":
    main()
