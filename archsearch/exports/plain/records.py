"""Records of leaves as plain dataclasses: fields, and the methods that something calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def trimmed(source: str, node: ast.ClassDef, called: frozenset[str], *, made_plain: bool) -> str:
    """Cut a record out of its module.

    Args:
        source: of the module.
        node: the class in it.
        called: names of the methods to keep.
        made_plain: make a frozen dataclass of what is a pydantic model, its conditions left out.
    """
    rows = source.splitlines()
    head = f"@dataclass(frozen=True)\nclass {node.name}:" if made_plain else _rows(rows, node, 1)
    text, *parts = [without_conditions(_rows(rows, part)) for part in _kept(node, called)]
    spaced = [f"\n{p}" if _is_block(p) or p is parts[0] else p for p in parts]
    return "\n".join([head, text, *spaced])


def without_conditions(text: str) -> str:
    """Replace ``Annotated[TYPE, conditions]`` by ``TYPE`` wherever it stands."""
    statement = _unindented(text)
    for node in ast.walk(ast.parse(statement)):
        match node:
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *_])):
                whole = ast.get_source_segment(statement, node) or ""
                kept = ast.get_source_segment(statement, first) or ""
                return without_conditions(text.replace(whole, kept))
    return text


def _kept(node: ast.ClassDef, called: frozenset[str]) -> Iterator[ast.stmt]:
    """Docstring, fields with their docstrings, methods that are called."""
    field_before = True  # the class's docstring counts as one of a field
    for part in node.body:
        is_field = isinstance(part, ast.AnnAssign) and "ClassVar" not in ast.unparse(part)
        is_method = isinstance(part, ast.FunctionDef) and part.name in called
        is_text = isinstance(part, ast.Expr) and field_before
        if is_field or is_method or is_text:
            yield part
        field_before = is_field


def _rows(rows: list[str], node: ast.stmt, count: int | None = None) -> str:
    """Lines of a statement, its decorators included; the first ``count`` of them."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)]) - 1
    return "\n".join(rows[first : node.end_lineno if count is None else first + count])


def _is_block(text: str) -> bool:
    return text.lstrip().startswith(("def ", "@"))


def _unindented(text: str) -> str:
    """A part of a class as a statement of its own."""
    return f"if True:\n{text}" if text.startswith(" ") else text
