"""From an ablation file's settings to its arms, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archsearch.architecture import Architecture
from archsearch.arms.arm import Arm
from archsearch.arms.changes import change
from archsearch.arms.claims import Claim
from archsearch.arms.designs import Row, design_of
from archsearch.arms.draft import Draft
from archsearch.arms.settings import BASE, AblationSettings, Level
from archsearch.documents import Location, Misfit
from archsearch.errors import InputError

_IN_ORDER = ("cumulative", "leave_one_out")
"""Designs in which a change may need those before it."""


@dataclass(frozen=True)
class Plan:
    """What an ablation compares.

    Attributes:
        settings: the checked file.
        arms: the nets; the first is what all others are compared with, or, of a cumulative design,
            the first step.
        relation: words of a fractional design's defining relation, such as ``A x B x C``.
        aliases: terms of a fractional design, each with those that cannot be told from it.
    """

    settings: AblationSettings
    arms: tuple[Arm, ...]
    relation: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]]

    @property
    def base(self) -> Arm:
        """The arm without a reference."""
        return self.arms[0]

    @property
    def references(self) -> dict[str, str]:
        """What each arm but the first is compared with."""
        return {arm.name: arm.reference for arm in self.arms if arm.reference is not None}

    @cached_property
    def blocks(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """What the blocks of each arm are called, by the net's id."""
        return {arm.architecture.id: arm.blocks for arm in self.arms}


def plan_of(settings: AblationSettings, base: Architecture) -> Plan:
    """Make the arms of an ablation.

    Raises:
        Misfit: a change cannot be made, changes nothing or makes two arms equal; arms are no valid
            nets (all of them are said).
    """
    levels = _levels(settings)
    factors = {name: list(levels[name]) for name in levels}
    design = design_of(settings.design_name, factors, settings.resolution)
    if settings.design_name not in _IN_ORDER:
        _alone(base, levels)
    arms, invalid = [], []
    for row in design.rows:
        try:
            arms.append(_arm(row, base, levels))
        except InputError as error:  # noqa: PERF203 (every reason is said)
            invalid.append(str(error))
    if invalid:
        said = f"{len(invalid)} of {len(design.rows)} arms are no valid nets: {'; '.join(invalid)}"
        raise Misfit(("factors",), said)
    _different(arms)
    return Plan(settings, tuple(arms), design.relation, design.aliases)


Levels = Mapping[str, Mapping[str, tuple[Level, Location]]]
"""Every level of every factor but the base, with its place in the file."""


def _levels(settings: AblationSettings) -> Levels:
    """Read off the levels, each of which has a name of its own.

    Raises:
        Misfit: two have one name, or one is called as the base is.
    """
    seen = {BASE: "the factors' first level"}
    found: dict[str, dict[str, tuple[Level, Location]]] = {}
    for name, factor in settings.factors.items():
        found[name] = {}
        for label, level, inside in factor.changes(name):
            place: Location = ("factors", name, *inside)
            if label in seen:
                raise Misfit(place, f"the name {label!r} is taken ({seen[label]}); choose another")
            seen[label] = f"a level of {name}"
            found[name][label] = (level, place)
    return found


def _alone(base: Architecture, levels: Levels) -> None:
    """Make every change by itself, so that what is wrong with it is said at its own place."""
    for factor, labels in levels.items():
        for label, (level, place) in labels.items():
            draft = Draft(base)
            change(draft, level, factor, place)
            try:
                net = draft.architecture(label)
            except InputError:
                continue  # said with the arms, or made valid there by another change
            if net.id == base.id:
                raise Misfit(place, "changes nothing: this is the base; drop it or change it")


def _arm(row: Row, base: Architecture, levels: Levels) -> Arm:
    draft, said = Draft(base), []
    for factor, label in row.levels.items():
        if label != BASE:
            said.append(_made(draft, row, factor, *levels[factor][label]))
    return Arm(
        name=row.name,
        changes="; ".join(said),
        architecture=draft.architecture(row.name),
        blocks=draft.blocks(),
        levels=row.levels,
        reference=row.reference,
        claim=_claim(row, levels),
    )


def _made(draft: Draft, row: Row, factor: str, level: Level, place: Location) -> str:
    before = draft.state()
    try:
        said = change(draft, level, factor, place)
    except Misfit as misfit:
        raise Misfit(misfit.location, f"in the arm {row.name}: {misfit.message}") from None
    if draft.state() == before:
        is_alone = sum(label != BASE for label in row.levels.values()) == 1
        others = "" if is_alone else "; its other changes leave nothing to change here"
        raise Misfit(place, f"in the arm {row.name}: changes nothing{others}")
    return said


def _claim(row: Row, levels: Levels) -> Claim | str | None:
    """What a paper says of the one change that an arm differs by from what it is compared with."""
    changed = [(factor, label) for factor, label in row.levels.items() if label != BASE]
    if row.reference is None or not changed or row.name != changed[-1][1]:
        return None
    factor, label = changed[-1]
    return levels[factor][label][0].claim


def _different(arms: Sequence[Arm]) -> None:
    seen: dict[str, str] = {}
    for arm in arms:
        if arm.architecture.id in seen:
            raise Misfit(
                ("factors",),
                f"the arms {seen[arm.architecture.id]} and {arm.name} are the same net; drop one",
            )
        seen[arm.architecture.id] = arm.name
