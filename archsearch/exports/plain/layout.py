"""Python expressions laid out on lines, as formatters do it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

_WIDTH = 100
_STEP = "    "


@dataclass(frozen=True)
class Bracketed:
    """Items between brackets: a call, a list, a repetition.

    Attributes:
        opening: what stands before the items, with the bracket.
        items: what stands between.
        closing: the bracket.
        separator: between items on one line.
        mark: behind every item where each has a line of its own.
    """

    opening: str
    items: tuple[Expression, ...]
    closing: str = ")"
    separator: str = ", "
    mark: str = ","


Expression = str | Bracketed


def call(name: str, items: Sequence[Expression]) -> Bracketed:
    """A call of ``name``."""
    return Bracketed(f"{name}(", tuple(items))


def named(name: str, value: Expression) -> Expression:
    """An argument by name."""
    return _behind(f"{name}=", value)


def assigned(name: str, value: Expression) -> Expression:
    """An assignment."""
    return _behind(f"{name} = ", value)


def literal(value: object) -> str:
    """A number, a text, a truth value or None."""
    return json.dumps(value) if isinstance(value, str) else repr(value).replace("e-0", "e-")


def folded(items: Sequence[Expression]) -> Iterator[Expression]:
    """The same items, with those that repeat written once."""
    for item, copies in groupby(items):
        count = len(list(copies))
        if count == 1:
            yield item
        else:
            yield Bracketed("*(", (item, f"for _ in range({count})"), separator=" ", mark="")


def flat(expression: Expression) -> str:
    """An expression on one line."""
    if isinstance(expression, str):
        return expression
    inside = expression.separator.join(map(flat, expression.items))
    return expression.opening + inside + expression.closing


def lines(expression: Expression, depth: int, tail: str = "") -> Iterator[str]:
    """An expression on as few lines as fit, indented by ``depth`` steps."""
    whole = _STEP * depth + flat(expression) + tail
    if isinstance(expression, str) or len(whole) <= _WIDTH:
        yield whole
        return
    yield _STEP * depth + expression.opening
    inside = _STEP * (depth + 1) + expression.separator.join(map(flat, expression.items))
    if len(inside) <= _WIDTH:
        yield inside
    else:
        for item in expression.items:
            yield from lines(item, depth + 1, expression.mark)
    yield _STEP * depth + expression.closing + tail


def _behind(text: str, value: Expression) -> Expression:
    if isinstance(value, str):
        return text + value
    return replace(value, opening=text + value.opening)
