"""A census of a search space: what its random members cost, and which limits they meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from pathlib import Path

import numpy as np
import yaml

from archsearch.architecture import Architecture
from archsearch.blocks.layer import Cost
from archsearch.cost import count
from archsearch.errors import InputError
from archsearch.screen import excess
from archsearch.seeds import derive
from archsearch.space import SearchSpace
from archsearch.study import Study

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class Census:
    """What ``members`` random members of a space are like.

    ``quantiles`` holds, for ``params`` and ``macs``, the values at ``QUANTILES``. ``within`` is how
    many members meet every limit of the study and ``over`` how many break each limit (a member
    can break several); both are None without a study.
    """

    size: int
    exact: bool
    members: int
    quantiles: Mapping[str, tuple[float, ...]]
    within: int | None = None
    over: Mapping[str, int] | None = None

    @property
    def log10_size(self) -> float:
        """Decimal logarithm of the number of points."""
        return log10(self.size)


def take_census(space: SearchSpace, members: int, seed: int, study: Study | None = None) -> Census:
    """Count the costs of random members, drawn with repetition.

    Args:
        space: the space.
        members: how many are drawn, at least 1.
        seed: of the draws.
        study: whose limits and number of classes hold; None counts for 1000 classes.

    Raises:
        InputError: the space has no valid member that random draws can find.
    """
    rng = np.random.default_rng(derive(seed, "census"))
    classes = study.settings.classes if study else 1000
    costs = [count(space.sample(rng), classes) for _ in range(members)]
    quantiles = {
        name: tuple(np.quantile([getattr(cost, name) for cost in costs], QUANTILES).tolist())
        for name in Cost._fields
    }
    if study is None:
        return Census(space.size, space.exact, members, quantiles)
    broken = [excess(study, cost) for cost in costs]
    over = Counter(dict.fromkeys(study.settings.constraints, 0))
    for names in broken:
        over.update(names.keys())
    within = sum(not names for names in broken)
    return Census(space.size, space.exact, members, quantiles, within, over)


def draw_members(space: SearchSpace, number: int, seed: int) -> list[Architecture]:
    """Draw ``number`` different members.

    Raises:
        InputError: the space has fewer points, or repeats came so often that it must have fewer
            architectures.
    """
    if number > space.size:
        raise InputError(f"{space.name}: has {space.size:,} points; ask for no more than that")
    rng = np.random.default_rng(derive(seed, "members"))
    members: dict[str, Architecture] = {}
    for _ in range(1_000 + 100 * number):
        member = space.sample(rng)
        members.setdefault(member.id, member)
        if len(members) == number:
            return list(members.values())
    raise InputError(
        f"{space.name}: {len(members)} different architectures were found, not {number}; "
        "ask for fewer"
    )


def write_members(members: Sequence[Architecture], folder: Path) -> None:
    """Write one architecture file a member, called after its id; the folder is made if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    for member in members:
        text = yaml.safe_dump(member.to_data(), sort_keys=False, width=100)
        (folder / f"{member.id}.yaml").write_text(text, encoding="utf-8")
