"""Changes to a net: blocks removed, layers replaced, leaves set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archsearch.arms.draft import KINDS, ROOTS, Draft, Spot, leaf_of, put
from archsearch.arms.settings import Level
from archsearch.blocks import BLOCKS, Layer
from archsearch.documents import Location, Misfit
from archsearch.errors import nearest
from archsearch.leaf_values import checked


def change(draft: Draft, level: Level, place: Location) -> str:
    """Make a level's changes in a draft; return them in words.

    Raises:
        Misfit: a name is unknown, a value does not fit, or a change touches nothing.
    """
    draft.ensure_there(level.at, (*place, "at"))
    said = [
        *(
            _removed(draft, kind, level.at, (*place, "remove", number))
            for number, kind in enumerate(level.remove)
        ),
        *(
            _replaced(draft, kind, layer, level.at, (*place, "replace", kind))
            for kind, layer in level.replace.items()
        ),
        *(
            _set(draft, leaf, value, level.at, (*place, "set", leaf))
            for leaf, value in level.set.items()
        ),
    ]
    return ", ".join(said) + (f" at {', '.join(level.at)}" if level.at else "")


def _removed(draft: Draft, kind: str, at: Sequence[str], place: Location) -> str:
    found = draft.of_kind(kind, at, place)
    spots = [spot for spot in found if spot.kinds is BLOCKS]
    if not spots:
        raise Misfit(place, f"only blocks can be removed; {kind} at {found[0].path} is none")
    for spot in spots:
        draft.remove(spot)
    return f"without {kind} ({_count(spots)})"


def _replaced(draft: Draft, kind: str, layer: Any, at: Sequence[str], place: Location) -> str:
    found = draft.of_kind(kind, at, place)
    by = _kind(layer, found, place)
    spots = [spot for spot in found if by in spot.kinds]
    leaves = _leaves(layer, spots[0].kinds[by], (*place, by))
    for spot in spots:
        spot.put(by, leaves)
    inside = ", ".join(f"{name} {shown(value)}" for name, value in leaves.items())
    return f"{kind} replaced by {by}{f' ({inside})' if inside else ''} ({_count(spots)})"


def _kind(data: Any, spots: Sequence[Spot], place: Location) -> str:
    """Kind of ``KIND`` or ``{KIND: {LEAF: VALUE}}``, which can stand at one spot at least."""
    if not isinstance(data, str) and not (isinstance(data, dict) and len(data) == 1):
        example = f"{{{spots[0].kind}: {{...}}}}"
        raise Misfit(place, f"got {data!r}; expected one layer such as {example}")
    kind = data if isinstance(data, str) else str(next(iter(data)))
    valid = {known for spot in spots for known in spot.kinds}
    if kind not in valid:
        raise Misfit((*place, kind), f"unknown layer {kind!r} here; {nearest(kind, valid)}")
    return kind


def _leaves(data: Any, model: type[Layer], place: Location) -> Mapping[str, Any]:
    """Leaves of ``KIND`` or ``{KIND: {LEAF: VALUE}}``, each checked."""
    leaves = next(iter(data.values())) if isinstance(data, dict) else None
    leaves = {} if leaves is None else leaves
    if not isinstance(leaves, dict):
        raise Misfit(place, f"expected a mapping (key: value), got {leaves!r}")
    missing = [n for n, f in model.model_fields.items() if f.is_required() and n not in leaves]
    if missing:
        raise Misfit(place, f"the leaf {missing[0]!r} is missing; give it a value")
    return {
        name: checked(value, leaf_of(model, name, (*place, name)).annotation, (*place, name))
        for name, value in leaves.items()
    }


def _set(draft: Draft, leaf: str, value: Any, at: Sequence[str], place: Location) -> str:
    kind, dot, name = leaf.partition(".")
    if kind in ROOTS:
        before = [_set_path(draft, leaf, value, at, place)]
    elif kind not in KINDS:
        raise Misfit(place, f"unknown layer or path {kind!r}; {nearest(kind, (*KINDS, *ROOTS))}")
    elif not dot or "." in name:
        raise Misfit(place, f"got {leaf!r}; expected KIND.LEAF, such as {kind}.kernel, or a path")
    else:
        before = [_set_leaf(spot, name, value, place) for spot in draft.of_kind(kind, at, place)]
    were = ", ".join(dict.fromkeys(map(shown, before)))
    return f"{leaf} = {shown(value)} (was {were})"


def _set_path(draft: Draft, path: str, value: Any, at: Sequence[str], place: Location) -> Any:
    if at:
        raise Misfit(place, f"{path} is a whole path, which at cannot narrow; drop at or the path")
    return draft.set_path(path, value, place)


def _set_leaf(spot: Spot, name: str, value: Any, place: Location) -> Any:
    return put(spot.leaves, name, value, leaf_of(spot.model, name, place), place)


def shown(value: Any) -> str:
    """A value as a file writes it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "null"
    if isinstance(value, list | tuple):
        return "x".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _count(spots: Sequence[Spot]) -> str:
    return "1 layer" if len(spots) == 1 else f"{len(spots)} layers"
