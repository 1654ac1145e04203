"""YAML and JSON files whose errors name the file and the line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from archsearch.errors import InputError

Location = tuple[str | int, ...]
"""The way from a document's root to one of its values: keys and list indices."""

_MOST_NODES = 100_000
_DEEPEST = 60
_TAG = "tag:yaml.org,2002:"
_PLAIN = tuple(_TAG + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map"))


class Misfit(Exception):  # noqa: N818 (a finding with a place, turned into an InputError)
    """A value that does not hold, with its place in the document."""

    def __init__(self, location: Location, message: str) -> None:
        super().__init__(message)
        self.location = location
        self.message = message


@dataclass(frozen=True)
class Document:
    """Plain data read from a file, with the line on which each value stands.

    ``origins`` names where a value came from if not from the file (``--set PATH=VALUE``).
    """

    source: str
    data: Any
    lines: Mapping[Location, int] = field(default_factory=dict)
    origins: Mapping[Location, str] = field(default_factory=dict)

    def error(self, misfit: Misfit) -> InputError:
        """Make the error that a user sees: file, line (or origin), place, message.

        An origin inside the place is told beside the line, because it may be what is wrong there.
        """
        place = ".".join(str(part) for part in misfit.location)
        at = f"{self.source}:{self.line(misfit.location)}" if self.lines else self.source
        depth = len(misfit.location)
        inside = [o for where, o in self.origins.items() if where[:depth] == misfit.location]
        if inside and depth:
            at = " with ".join([at, *inside])
        for length in range(depth + 1):
            at = self.origins.get(misfit.location[:length], at)
        return InputError(
            f"{at}: {place}: {misfit.message}" if place else f"{at}: {misfit.message}"
        )

    def line(self, location: Location) -> int:
        """Line of the value at ``location``, or of its closest ancestor that has one."""
        while location not in self.lines and location:
            location = location[:-1]
        return self.lines.get(location, 1)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with numbers such as ``1e-3`` read as numbers."""


class _Dumper(yaml.SafeDumper):
    """Its counterpart: text such as ``"1e-3"`` is written in quotes."""


for _side in (_Loader, _Dumper):
    _side.add_implicit_resolver(
        _TAG + "float",
        re.compile(r"^[-+]?(\d[\d_]*)(\.\d*)?([eE][-+]?\d+)$"),
        list("-+0123456789"),
    )


def read(path: Path) -> Document:
    """Read one YAML or JSON file without running anything in it.

    Raises:
        InputError: the file is missing, is not YAML, or has a duplicate key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as text ({error})") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Document:
    """Parse YAML (JSON is part of it) into plain data with line numbers."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            raise InputError(f"{source}: the file is empty")
        reader = _Reader(loader)
        data = reader.value(root, ())
    except RecursionError:
        raise InputError(f"{source}: lists or mappings lie too deep in each other") from None
    except Misfit as misfit:
        raise Document(source, None, {misfit.location: reader.line}).error(misfit) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f"{source}:{mark.line + 1}" if mark else source
        problem = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise InputError(f"{at}: broken YAML: {problem}") from None
    return Document(source, data, reader.lines)


def dump(data: Any) -> str:
    """Write plain data as YAML that ``parse`` reads back as the same data."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


class _Reader:
    """Turns YAML nodes into plain data, and keeps the line of each."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self._nodes = 0
        self.lines: dict[Location, int] = {}
        self.line = 1

    def value(self, node: yaml.Node, location: Location) -> Any:
        self.line = self.lines[location] = node.start_mark.line + 1
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(location) > _DEEPEST:
            raise Misfit((), "the file is too large or too deep (an alias that contains itself?)")
        if node.tag not in _PLAIN:
            kind = node.tag.removeprefix(_TAG)
            raise Misfit(location, f"a YAML {kind} is no plain value; put it in quotes")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*location, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, location)

    def _scalar(self, node: yaml.Node, location: Location) -> Any:
        try:
            return self._loader.construct_object(node)
        except (ValueError, KeyError):
            kind = node.tag.removeprefix(_TAG)
            raise Misfit(location, f"cannot be read as a YAML {kind}; put it in quotes") from None

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, item in node.value:
            line = self.line = key_node.start_mark.line + 1
            key = _key(key_node, location)
            if key in data:
                raise Misfit((*location, key), f"the key {key!r} stands here twice; keep one")
            data[key] = self.value(item, (*location, key))
            self.lines[(*location, key)] = line
        return data


def _key(node: yaml.Node, location: Location) -> str:
    if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str":
        return str(node.value)
    given = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
    raise Misfit(location, f"a key must be text, got {given}; put it in quotes")
