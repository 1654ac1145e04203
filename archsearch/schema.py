"""JSON Schema (draft 2020-12) of architecture and search-space files, for editors to complete.

Generated from the registered layers, so that a new layer is completed as soon as it is registered.
A first check only: rules that join several leaves (heads that share a width, an even kernel, a
range whose low end lies above its high end) are the grammar's and the layers' own.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter

from archsearch.architecture import SCHEMA
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS, Head
from archsearch.grammar import NONE, Repeat, Resolution, Width

Schema = dict[str, Any]

_TABLES: Mapping[str, Mapping[str, type[BaseModel]]] = {
    "stem": STEMS,
    "downsample": DOWNSAMPLES,
    "block": BLOCKS,
}


def architecture_schema() -> Schema:
    """JSON Schema of an architecture file: one value at each leaf."""
    return _file("archsearch architecture", opens=False)


def space_schema() -> Schema:
    """JSON Schema of a search-space file: any leaf and any layer may be a choice."""
    return _file("archsearch search space", opens=True)


def _file(title: str, *, opens: bool) -> Schema:
    layers = {
        f"{table}.{kind}": _layer(model, opens)
        for table, kinds in _TABLES.items()
        for kind, model in kinds.items()
    }
    entry = {
        "channels": {**_plain(Width), "default": 3},
        "resolution": {**_opened(_plain(Resolution), opens), "default": 224},
    }
    width = _opened({"anyOf": [_plain(Width), {"type": "null"}]}, opens)
    stages = {"type": "array", "minItems": 1, "items": _stage(opens)}
    properties = {
        "schema": {"const": SCHEMA, "description": "Version of the language."},
        "name": {"type": ["string", "null"]},
        "notes": {"description": "Anything; not read."},
        "input": {**_record(entry), "description": "Channels and size of the images."},
        "define": _definitions(opens),
        "stem": _slot("stem", opens, {"width": width}),
        "stages": stages,
        "head": _head(opens),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **_record(properties, required=("schema", "stem", "stages")),
        "$defs": layers,
    }


def _definitions(opens: bool) -> Schema:
    """Layers by the name under which places use them."""
    layers = [part for t in ("block", "downsample") for part in (_names(t), _slot(t, opens, {}))]
    said = "Layers that are chosen once for all places that use them by name."
    return {"type": "object", "additionalProperties": {"anyOf": layers}, "description": said}


def _head(opens: bool) -> Schema:
    head = _layer(Head, opens)
    return {"anyOf": [head, _record({"choice": _some(head)}, ("choice",))]} if opens else head


def _stage(opens: bool) -> Schema:
    repeat = {**_opened(_plain(Repeat), opens), "default": 1}
    vary = {
        "type": "boolean",
        "default": False,
        "description": "Whether each copy of a repeated block has choices of its own.",
    }
    use = {"type": "string", "description": "Name of a layer under define."}
    used = {"repeat": repeat, "use": use}
    layer = _slot("block", opens, {"repeat": repeat, "vary": vary})
    block = {"anyOf": [_names("block"), layer, _record(used, ("use",))]}
    down = {
        "anyOf": [
            _names("downsample"),
            _slot("downsample", opens, {}),
            _record({"use": use}, ("use",)),
        ]
    }
    stage = {
        "repeat": {**repeat, "description": "Copies of the stage; 0 leaves it out."},
        "width": {**_opened(_plain(Width), opens), "description": "Channels."},
        "downsample": down,
        "blocks": {"type": "array", "items": block},
    }
    return _record(stage, required=("width", "blocks"))


def _slot(table: str, opens: bool, beside: Schema) -> Schema:
    """One layer written ``{kind: {leaf: value}}`` or a choice, with what may stand beside it."""
    kinds = _kinds(table)
    choice = {"choice": _some(_option(table))} if opens else {}
    one_of = [{"required": [name]} for name in (*kinds, *choice)]
    return {**_record({**kinds, **choice, **beside}), "oneOf": one_of}


def _option(table: str) -> Schema:
    one = {**_record(_kinds(table)), "minProperties": 1, "maxProperties": 1}
    return {"anyOf": [_names(table), one]}


def _kinds(table: str) -> Schema:
    none = {NONE: {"type": ["object", "null"], "maxProperties": 0}} if table == "downsample" else {}
    return {**{kind: {"$ref": f"#/$defs/{table}.{kind}"} for kind in _TABLES[table]}, **none}


def _names(table: str) -> Schema:
    """Bare names of the layers that need no leaf."""
    bare = [kind for kind, model in _TABLES[table].items() if not _required(model)]
    return {"enum": [*bare, NONE] if table == "downsample" else bare}


def _layer(model: type[BaseModel], opens: bool) -> Schema:
    required = _required(model)
    said = _leaf_docs(model)
    leaves = {
        name: _opened(_untitled(leaf), opens)
        | ({"description": said[name]} if name in said else {})
        for name, leaf in model.model_json_schema().get("properties", {}).items()
    }
    record = _record(leaves, required=required)
    if not required and model is not Head:
        record["type"] = ["object", "null"]
    return {**record, "description": _first_paragraph(inspect.getdoc(model) or "")}


def _opened(plain: Schema, opens: bool) -> Schema:
    """A leaf that may also be a choice of its values, or a range where they are numbers."""
    if not opens:
        return plain
    value = {key: part for key, part in plain.items() if key not in ("default", "description")}
    beside = {key: part for key, part in plain.items() if key not in value}
    forms = [value, _record({"choice": {**_some(value), "uniqueItems": True}}, ("choice",))]
    for branch in value.get("anyOf", [value]):
        if branch.get("type") in ("integer", "number"):
            forms.append(_range("int", {**branch, "type": "integer"}))
        if branch.get("type") == "number":
            forms.append(_range("float", branch, "step"))
    return {"anyOf": forms, **beside}


def _range(opener: str, end: Schema, *required: str) -> Schema:
    bounds = {"type": "array", "items": end, "minItems": 2, "maxItems": 2}
    step = {"type": end["type"], "exclusiveMinimum": 0}
    return _record({opener: bounds, "step": step}, (opener, *required))


def _record(properties: Schema, required: Iterable[str] = ()) -> Schema:
    record = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**record, "required": list(required)} if required else record


def _some(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _plain(annotation: Any) -> Schema:
    return _untitled(TypeAdapter(annotation).json_schema())


def _untitled(leaf: Schema) -> Schema:
    return {key: part for key, part in leaf.items() if key != "title"}


def _first_paragraph(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())


def _leaf_docs(model: type[BaseModel]) -> dict[str, str]:
    """What the strings below the leaves say, the model's own before those that it inherits."""
    said: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if issubclass(owner, BaseModel) and owner is not BaseModel:
            said |= _docs_in(owner.__module__).get(owner.__name__, {})
    return said


@cache
def _docs_in(module: str) -> dict[str, dict[str, str]]:
    """Strings below the fields of each class of a module, which Python itself does not keep."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {
        owner.name: {
            field.target.id: _first_paragraph(below.value.value)
            for field, below in zip(owner.body, owner.body[1:], strict=False)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        }
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
    }
