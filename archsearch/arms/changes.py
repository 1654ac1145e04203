"""Changes to a net: blocks removed and inserted, layers replaced, leaves set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archsearch.arms.draft import KINDS, ROOTS, Draft, Spot, leaf_of, put
from archsearch.arms.inserts import inserted
from archsearch.arms.layers import counted, in_words, kind_given, leaves_given, shown
from archsearch.arms.settings import Level
from archsearch.blocks import BLOCKS
from archsearch.documents import Location, Misfit
from archsearch.errors import nearest


def change(draft: Draft, level: Level, factor: str, place: Location) -> str:
    """Make a level's changes in a draft; return them in words.

    ``factor`` is whose level it is: blocks that it puts in are called by it.

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
            inserted(draft, where, layer, level.at, factor, (*place, "insert", where))
            for where, layer in level.insert.items()
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
    return f"without {kind} ({counted(len(spots), 'layer')})"


def _replaced(draft: Draft, kind: str, layer: Any, at: Sequence[str], place: Location) -> str:
    found = draft.of_kind(kind, at, place)
    by = kind_given(layer, {known for spot in found for known in spot.kinds}, kind, place)
    spots = [spot for spot in found if by in spot.kinds]
    leaves = leaves_given(layer, spots[0].kinds[by], (*place, by))
    for spot in spots:
        spot.put(by, leaves)
    return f"{kind} replaced by {in_words(by, leaves)} ({counted(len(spots), 'layer')})"


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
