"""The screen: candidates are counted and judged before anything is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike

from archsearch.architecture import Architecture
from archsearch.codes import IntArray, active, codes_of
from archsearch.cost import NetCost, count
from archsearch.devices.reading import Latency
from archsearch.errors import InputError
from archsearch.feasible import FeasibleSpace
from archsearch.measures import LATENCY, latency_measured
from archsearch.seeds import derive
from archsearch.space import NotAMember
from archsearch.splitting import FloatArray
from archsearch.study import Study
from archsearch.trial import Choices, Measured


@dataclass(frozen=True)
class Candidate:
    """A member of the space that is new and within every limit."""

    choices: Choices
    architecture: Architecture
    cost: NetCost
    latency: Latency | None = None

    def measures(self) -> dict[str, Measured]:
        """What the screen knows, as a trial stores it: costs, and a predicted latency."""
        found = {
            name: Measured(name, value, "screen") for name, value in self.cost._asdict().items()
        }
        if self.latency is not None:
            found[LATENCY] = latency_measured(self.latency, "screen")
        return found


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
        candidate = candidate_of(self._study, choices, architecture)
        known: dict[str, float] = candidate.cost._asdict()
        if broken := excess(self._study, known | _milliseconds(candidate.latency)):
            self.counts[f"over:{max(broken, key=lambda name: broken[name])}"] += 1
            return None
        if architecture.id in self._known:
            self.counts["duplicate"] += 1
            return None
        return candidate


def candidate_of(study: Study, choices: Choices, architecture: Architecture) -> Candidate:
    """Count an architecture, and predict its latency where the study's device does."""
    classes = study.settings.classes
    predictor = study.device and study.device.predictor
    latency = predictor.latency(architecture, classes) if predictor else None
    return Candidate(choices, architecture, count(architecture, classes), latency)


def excess(study: Study, values: Mapping[str, float]) -> Mapping[str, float]:
    """The limits that ``values`` break, by measure, and by what share of the limit."""
    outside = {
        name: limit.excess(values[name])
        for name, limit in study.settings.constraints.items()
        if name in values
    }
    return {name: share for name, share in outside.items() if share > 0}


def _milliseconds(latency: Latency | None) -> dict[str, float]:
    return {} if latency is None else {LATENCY: latency.latency_ms}


StartList = tuple[list[tuple[str, Candidate]], Counter[str]]
"""The candidates that begin a search, with their origin, and what their screening counted."""

CHOICE = 4
"""Feasible points for each one that the start keeps; where fewer are met, more are looked for."""


def start_candidates(study: Study, space: FeasibleSpace | None = None) -> StartList:
    """The candidates that begin a search, with their origin, and what their screening counted.

    The published nets of ``start.nets`` come first; then ``start.keep`` of a pool of random
    members within the limits, chosen greedily so that each is farthest from those before it in log
    params and MACs. The pool is what is feasible of ``start.screen`` random points, all counted at
    once; where that is less than ``CHOICE`` times ``start.keep``, the rest is sampled among
    feasible points directly.

    Args:
        study: the study.
        space: the feasible part of its space, if it was made before.

    Raises:
        InputError: a published net is no member or breaks a limit; no member meets the limits.
    """
    space = space or FeasibleSpace.of(study)
    screen = Screen(study)
    begin = [
        (f"published:{net.name}", _published(study, screen, net)) for net in study.start_nets()
    ]
    nets = [candidate for _, candidate in begin]
    pool = _pool(study, space, screen.counts)
    if not len(pool) and not nets:
        space.ensure()
    pool = _new(study, pool, nets, screen.counts)
    chosen = _spread(study, space, pool, nets, screen.counts)
    return [*begin, *(("start", candidate) for candidate in chosen)], +screen.counts


def ensure_feasible(study: Study) -> None:
    """Refuse limits that no member seems to meet, before anything is trained.

    Raises:
        InputError: with the closest value that was found.
    """
    FeasibleSpace.of(study).ensure()


def _pool(study: Study, space: FeasibleSpace, counts: Counter[str]) -> IntArray:
    """Feasible points as rows of codes; what was looked at for them is counted."""
    start = study.settings.start
    rng = np.random.default_rng(derive(study.settings.seed, "start"))
    drawn = space.draw_rows(rng, start.screen)
    reason = space.judge(drawn).reason
    counts.update(space.refusals(reason), asked=start.screen)
    pool: IntArray = drawn[reason == 0]
    missing = min(start.screen, CHOICE * start.keep) - len(pool)
    if missing <= 0 or space.problem is not None:
        return pool
    space.counts.clear()
    more = np.stack(list(islice(space.rows(rng), missing)))
    counts.update(space.counts, asked=missing)
    return np.concatenate([pool, more], dtype=np.int64)


def _new(
    study: Study, pool: IntArray, known: Sequence[Candidate], counts: Counter[str]
) -> IntArray:
    """The points of the pool that are neither ``known`` nor stand in it before; others count."""
    tree = study.space.tree
    before = [codes_of(tree, candidate.choices) for candidate in known]
    shown = np.where(active(tree, pool), pool, 0)
    shape = (len(before), pool.shape[1])
    rows: IntArray = np.concatenate([np.array(before, dtype=np.int64).reshape(shape), shown])
    first = np.sort(np.unique(rows, axis=0, return_index=True)[1])
    first = first[first >= len(before)]
    counts.update(duplicate=len(pool) - len(first))
    return rows[first]


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


def _spread(
    study: Study,
    space: FeasibleSpace,
    pool: IntArray,
    given: Sequence[Candidate],
    counts: Counter[str],
) -> list[Candidate]:
    """Choose ``start.keep`` points of the pool, each the farthest from those before it.

    Different points can be one architecture, which is seen only now; the next one then comes.
    """
    counted = space.judge(pool).counted
    order = _farthest(
        _positions(counted.params, counted.macs),
        _positions([c.cost.params for c in given], [c.cost.macs for c in given]),
    )
    screen = Screen(study, [candidate.architecture.id for candidate in given])
    while len(screen.accepted) < study.settings.start.keep:
        index = next(order, None)
        if index is None:
            break
        screen.accept(space.point(pool[index]))
    counts.update(duplicate=screen.counts["duplicate"])
    return screen.accepted


def _farthest(points: FloatArray, given: FloatArray) -> Iterator[int]:
    """Order points (N, 2) by farthest-point sampling behind ``given``, on the points' ranges.

    With nothing given the point nearest to the middle comes first.
    """
    if not len(points):
        return
    low, high = points.min(axis=0), points.max(axis=0)
    scale = np.where(high > low, high - low, 1.0)
    points, given = (points - low) / scale, (given - low) / scale
    middle = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    distance = _nearest(points, given) if len(given) else -middle
    for number in range(len(points)):
        index = int(distance.argmax())
        yield index
        new = _nearest(points, points[index : index + 1])
        distance = np.minimum(distance, new) if number or len(given) else new
        distance[index] = -np.inf


def _positions(params: ArrayLike, macs: ArrayLike) -> FloatArray:
    """Logarithms (N, 2)."""
    logs: FloatArray = np.log(np.stack([params, macs], axis=1, dtype=float))
    return logs


def _nearest(points: FloatArray, to: FloatArray) -> FloatArray:
    """Squared distance (N,) of every point to the nearest of ``to``."""
    squares = ((points[:, None, :] - to[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(squares.min(axis=1))
