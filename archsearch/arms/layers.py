"""Layers as changes give them: ``KIND`` or ``{KIND: {LEAF: VALUE}}``, checked and in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from archsearch.arms.draft import leaf_of
from archsearch.blocks import Layer
from archsearch.documents import Location, Misfit
from archsearch.errors import nearest
from archsearch.leaf_values import checked


def kind_given(data: Any, valid: Collection[str], example: str, place: Location) -> str:
    """The kind of a layer that is given, one of ``valid``.

    Raises:
        Misfit: it is no layer (``example`` is the kind that is shown then), or none of these.
    """
    if not isinstance(data, str) and not (isinstance(data, dict) and len(data) == 1):
        wanted = f"{{{example}: {{...}}}}"
        raise Misfit(place, f"got {data!r}; expected one layer such as {wanted}")
    kind = data if isinstance(data, str) else str(next(iter(data)))
    if kind not in valid:
        raise Misfit((*place, kind), f"unknown layer {kind!r} here; {nearest(kind, valid)}")
    return kind


def leaves_given(data: Any, model: type[Layer], place: Location) -> Mapping[str, Any]:
    """The leaves of a layer that is given, each checked.

    Raises:
        Misfit: they are no mapping, one is unknown or missing, or a value does not fit.
    """
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


def in_words(kind: str, leaves: Mapping[str, Any]) -> str:
    """A layer as the table's notes say it: ``sdta (splits 2, heads 4)``."""
    inside = ", ".join(f"{name} {shown(value)}" for name, value in leaves.items())
    return f"{kind} ({inside})" if inside else kind


def counted(number: int, thing: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def shown(value: Any) -> str:
    """A value as a file writes it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "null"
    if isinstance(value, list | tuple):
        return "x".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
