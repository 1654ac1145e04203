"""The screen: candidates are counted and judged before anything is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsearch.architecture import Architecture
from archsearch.blocks.layer import Cost
from archsearch.cost import count
from archsearch.errors import InputError
from archsearch.seeds import derive
from archsearch.space import NotAMember, SearchSpace
from archsearch.study import Study
from archsearch.trial import Choices, Measured


@dataclass(frozen=True)
class Candidate:
    """A member of the space that is new and within every limit."""

    choices: Choices
    architecture: Architecture
    cost: Cost

    def measures(self) -> dict[str, Measured]:
        """The counted measures, as a trial stores them."""
        return {
            name: Measured(name, value, "screen") for name, value in self.cost._asdict().items()
        }


class Screen:
    """Judges points of a space; keeps what it accepted and counts why it refused the others.

    ``counts`` holds ``asked``, ``invalid`` (a layer's rule is broken), ``duplicate`` and
    ``over:MEASURE`` (the limit that is broken by most).
    """

    def __init__(self, study: Study, known: Iterable[str] = ()) -> None:
        self._study = study
        self._known = set(known)
        self.accepted: list[Candidate] = []
        self.counts: Counter[str] = Counter()

    def accept(self, choices: Choices) -> bool:
        """Judge one point; the accepted candidate is kept."""
        candidate = self.judge(choices)
        if candidate is None:
            return False
        self._known.add(candidate.architecture.id)
        self.accepted.append(candidate)
        return True

    def judge(self, choices: Choices) -> Candidate | None:
        """Judge one point without keeping it; the reason of a refusal is counted."""
        self.counts["asked"] += 1
        try:
            architecture = self._study.space.decode(choices)
        except NotAMember:
            self.counts["invalid"] += 1
            return None
        cost = count(architecture, self._study.settings.classes)
        if broken := excess(self._study, cost):
            self.counts[f"over:{max(broken, key=lambda name: broken[name])}"] += 1
            return None
        if architecture.id in self._known:
            self.counts["duplicate"] += 1
            return None
        return Candidate(choices, architecture, cost)


def excess(study: Study, cost: Cost) -> Mapping[str, float]:
    """The limits that ``cost`` breaks, and by what share of the limit."""
    values = cost._asdict()
    outside = {
        name: limit.excess(values[name]) for name, limit in study.settings.constraints.items()
    }
    return {name: share for name, share in outside.items() if share > 0}


StartList = tuple[list[tuple[str, Candidate]], Counter[str]]
"""The candidates that begin a search, with their origin, and what their screening counted."""


def start_candidates(study: Study) -> StartList:
    """The candidates that begin a search, with their origin, and what their screening counted.

    The published nets of ``start.nets`` come first; then ``start.keep`` of ``start.screen`` random
    members, chosen greedily so that each is farthest from those before it in log params and MACs.

    Raises:
        InputError: a published net is no member or breaks a limit; no member meets the limits.
    """
    screen = Screen(study)
    begin = [
        (f"published:{net.name}", _published(study, screen, net)) for net in study.start_nets()
    ]
    rng = np.random.default_rng(derive(study.settings.seed, "start"))
    pool: dict[str, Candidate] = {}
    for _ in range(study.settings.start.screen):
        candidate = screen.judge(study.space.draw(rng))
        if candidate is not None:
            screen.counts["duplicate"] += candidate.architecture.id in pool
            pool.setdefault(candidate.architecture.id, candidate)
    if not pool and not begin:
        ensure_feasible(study)
    chosen = _spread(list(pool.values()), [c for _, c in begin], study.settings.start.keep)
    return [*begin, *(("start", candidate) for candidate in chosen)], screen.counts


def ensure_feasible(study: Study, draws: int = 1000, walks: int = 3) -> None:
    """Refuse limits that no member seems to meet, before anything is trained.

    Looks at random members, then walks downhill from the best of them, leaf by leaf.

    Raises:
        InputError: with the smallest values that were found.
    """
    rng = np.random.default_rng(derive(study.settings.seed, "feasible"))
    judged = _judged(study, [study.space.draw(rng) for _ in range(draws)])
    if not judged:
        raise InputError(
            f"{study.space.name}: none of {draws} random points is a valid member; "
            "check the widths against the layers' rules"
        )
    closest = judged[0]
    for start in judged[:walks]:
        closest = min(closest, _downhill(study, start), key=_excess_first)
        if closest[0] <= 0:
            return
    raise InputError(_nothing_fits(study, closest[1]))


Judged = tuple[float, Choices]


def _excess_first(judged: Judged) -> float:
    return judged[0]


def _judged(study: Study, points: Iterable[Choices]) -> list[Judged]:
    """The valid ones of ``points`` with their excess over all limits, the closest first."""
    totals = ((_total_excess(study, study.space, point), point) for point in points)
    return sorted(((t, point) for t, point in totals if t is not None), key=_excess_first)


def _downhill(study: Study, closest: Judged) -> Judged:
    """Go to the closest neighbour as long as there is a closer one and a limit is broken."""
    while closest[0] > 0:
        near = _judged(study, study.space.neighbours(closest[1]))
        if not near or near[0][0] >= closest[0]:
            break
        closest = near[0]
    return closest


def _nothing_fits(study: Study, best: Choices) -> str:
    limits = study.settings.constraints
    cost = count(study.space.decode(best), study.settings.classes)
    broken = excess(study, cost)
    name = max(broken, key=lambda key: broken[key])
    limit, value = limits[name], cost._asdict()[name]
    above = limit.at_most is not None and value > limit.at_most
    bound = f"at_most: {limit.at_most:,.0f}" if above else f"at_least: {limit.at_least:,.0f}"
    others = " together with the other limits" if len(limits) > 1 else ""
    return (
        f"constraints.{name}: no member of {study.space.name} meets {bound}{others}; the closest "
        f"found has {value:,} {name}; change the limit or the space"
    )


def _total_excess(study: Study, space: SearchSpace, point: Choices) -> float | None:
    try:
        architecture = space.decode(point)
    except NotAMember:
        return None
    return sum(excess(study, count(architecture, study.settings.classes)).values())


def _published(study: Study, screen: Screen, net: Architecture) -> Candidate:
    try:
        choices = study.space.encode(net)
    except NotAMember as error:
        raise InputError(
            f"start.nets: {net.name} is not a member of {study.space.name}: "
            f"{error}; drop it or open the space there"
        ) from None
    if not screen.accept(choices):
        reason = next((k for k in screen.counts if k.startswith("over:")), "a limit")
        raise InputError(
            f"start.nets: {net.name} is {reason.replace(':', ' the limit on ')}; "
            "drop it or raise the limit"
        )
    return screen.accepted[-1]


def _spread(pool: list[Candidate], given: Sequence[Candidate], keep: int) -> list[Candidate]:
    """Choose ``keep`` of ``pool`` by farthest-point sampling, beginning behind ``given``."""
    if not pool or not keep:
        return []
    points, seeds = _positions(pool), _positions(given)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = np.where(high > low, high - low, 1.0)
    points, seeds = (points - low) / scale, (seeds - low) / scale
    middle = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    distance = -middle if not given else _nearest(points, seeds)
    chosen: list[int] = []
    while len(chosen) < min(keep, len(pool)):
        index = int(distance.argmax())
        chosen.append(index)
        new = _nearest(points, points[index : index + 1])
        distance = new if len(chosen) == 1 and not given else np.minimum(distance, new)
        distance[chosen] = -np.inf
    return [pool[index] for index in chosen]


def _positions(candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    costs = np.array([candidate.cost for candidate in candidates], dtype=float).reshape(-1, 2)
    logs: NDArray[np.float64] = np.log(costs)
    return logs


def _nearest(points: NDArray[np.float64], to: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = ((points[:, None, :] - to[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(squares.min(axis=1))
