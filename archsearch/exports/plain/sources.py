"""The definitions that a net's modules need, cut out of this package's own source."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel

from archsearch.exports.plain.records import trimmed, without_conditions

_PACKAGE = "archsearch."
_NOQA = re.compile(r"  # noqa.*$", flags=re.MULTILINE)


class Import(NamedTuple):
    """An import of something that is not ours: ``name`` is bound to ``target``."""

    name: str
    module: str
    target: str | None

    @property
    def path(self) -> str:
        """Dotted path of what is imported, however the statement is written."""
        return self.module if self.target is None else f"{self.module}.{self.target}"


class Place(NamedTuple):
    """Where something of ours is defined."""

    module: str
    name: str


@dataclass
class Excerpt:
    """Definitions, each behind those that it needs, and the imports of them all."""

    definitions: dict[Place, str] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)

    def texts(self) -> list[str]:
        """The definitions, those that several modules have in the same words once.

        Raises:
            ValueError: two modules define one name in two ways.
        """
        found: dict[str, str] = {}
        for (_, name), text in self.definitions.items():
            if found.setdefault(name, text) != text:
                raise ValueError(f"{name} is defined in two ways; rename one of them")
        return list(found.values())


def excerpt(places: Iterable[Place]) -> Excerpt:
    """Cut out ``places`` and all that they need.

    Of a record (a layer's leaves, a named tuple) only the methods are kept that something calls.
    What is called is known when all is cut out, so this is repeated until nothing is added.
    """
    places = list(places)
    called: frozenset[str] = frozenset()
    while True:
        found = Excerpt()
        for place in places:
            _add(found, place, called)
        now = frozenset(name for text in found.definitions.values() for name in _attributes(text))
        if now == called:
            return found
        called = now


def _add(found: Excerpt, place: Place, called: frozenset[str]) -> None:
    """Add a definition behind those that it needs."""
    module, name = place
    bound = _bound(module).get(name)
    if isinstance(bound, Import):
        if not bound.module.startswith(_PACKAGE):
            _import(found, bound)
        else:
            _add(found, Place(bound.module, bound.target or ""), called)
    elif bound is not None and place not in found.definitions:
        text = _NOQA.sub("", _cut(place, bound, called))
        pending = dict.fromkeys(_free(ast.parse(text)))
        found.definitions[place] = ""  # it may need itself
        for needed in pending:
            _add(found, Place(module, needed), called)
        for wanted in _made_by(text):
            _import(found, wanted)
        del found.definitions[place]
        found.definitions[place] = text


def _import(found: Excerpt, wanted: Import) -> None:
    known = found.imports.setdefault(wanted.name, wanted)
    if known.path != wanted.path:
        raise ValueError(f"{wanted.name} is imported as {known.path} and as {wanted.path}")


def _made_by(text: str) -> Iterator[Import]:
    """What a record that was made a dataclass needs."""
    if text.startswith("@dataclass("):
        yield Import("dataclass", "dataclasses", "dataclass")


def _cut(place: Place, node: ast.stmt, called: frozenset[str]) -> str:
    """Source of a definition: whole, or a record's fields and the methods that are called."""
    source = _source(place.module)
    if isinstance(node, ast.ClassDef):
        cls = getattr(importlib.import_module(place.module), place.name)
        if issubclass(cls, BaseModel | tuple):
            return trimmed(source, node, called, made_plain=issubclass(cls, BaseModel))
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    text = "\n".join(source.splitlines()[first - 1 : node.end_lineno])
    return text if isinstance(node, ast.FunctionDef | ast.ClassDef) else without_conditions(text)


def _free(tree: ast.AST) -> Iterator[str]:
    """Names that a definition reads and does not bind itself, annotations included."""
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not _loads(n)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return (name for name in sorted(read - bound) if not hasattr(builtins, name))


def _loads(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _attributes(text: str) -> Iterator[str]:
    return (node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute))


@cache
def _source(module: str) -> str:
    return inspect.getsource(importlib.import_module(module))


@cache
def _bound(module: str) -> dict[str, ast.stmt | Import]:
    """What each name at the top of a module stands for."""
    found: dict[str, ast.stmt | Import] = {}
    for node in ast.parse(_source(module)).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
            case ast.Import(names=names):
                found |= {
                    a.asname or a.name: Import(a.asname or a.name, a.name, None) for a in names
                }
            case ast.ImportFrom(module=str(origin), names=names):
                found |= {
                    a.asname or a.name: Import(a.asname or a.name, origin, a.name) for a in names
                }
    return found
