"""JSON Schema (draft 2020-12) of ablation files, for editors to complete.

Generated from the records and the registries, as that of studies. A first check only: what a change
does to a net is seen when the file is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archsearch import published
from archsearch.arms.claims import NOT_FOUND, rows
from archsearch.arms.inserts import PLACE
from archsearch.arms.settings import DESIGNS, AblationSettings
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS
from archsearch.datasets import SOURCES
from archsearch.schema import architecture_schema
from archsearch.study import SCHEMA

Schema = dict[str, Any]

_TABLES = {"block": BLOCKS, "stem": STEMS, "downsample": DOWNSAMPLES}


def ablation_schema() -> Schema:
    """JSON Schema of an ablation file; its base is a name, a path, or stands inside."""
    ablation, net = AblationSettings.model_json_schema(), architecture_schema()
    parts, leaves = ablation["$defs"], ablation["properties"]
    for part in (parts["Level"], parts["Factor"]):
        _complete_change(part["properties"])
    parts["DatasetConfig"]["properties"]["name"] = _names(SOURCES)
    parts["Claim"] = _claim()
    leaves["schema"] = {"const": SCHEMA, "description": "Version of the language."}
    leaves["base"] = _base(net)
    leaves["design"] = _design(parts["DesignOptions"])
    leaves["seeds"] = {"anyOf": [{"type": "integer", "minimum": 1}, leaves["seeds"]]}
    parts["Seeds"]["required"] = ["first"]
    leaves["engine"] = {"anyOf": [parts["Engine"]["properties"]["name"], leaves["engine"]]}
    return {
        "$schema": net["$schema"],
        **ablation,
        "title": "archsearch ablation",
        "required": ["schema", *ablation["required"]],
        "$defs": {**parts, **net["$defs"]},
    }


def _base(net: Schema) -> Schema:
    kept = {key: part for key, part in net.items() if key not in ("$schema", "title", "$defs")}
    inside = {**kept, "required": [key for key in net["required"] if key != "schema"]}
    said = "A published net's name, the path of an architecture file, RUN:TRIAL, or the net itself."
    return {"description": said, "anyOf": [_names(published.names()), {"type": "string"}, inside]}


def _complete_change(leaves: Schema) -> None:
    blocks = _names(BLOCKS)
    leaves["remove"] = {"anyOf": [blocks, {**leaves["remove"], "items": blocks}]}
    kinds = sorted({kind for kinds in _TABLES.values() for kind in kinds})
    leaves["insert"] = {
        "type": "object",
        "description": "A place in every stage that is meant (first, last, before_1: before block "
        "1) or in one stage (stages.0.first), and the block that is put there.",
        "propertyNames": {"pattern": f"^{PLACE}$"},
        "additionalProperties": {"anyOf": [blocks, _layer(BLOCKS, ["block"])]},
    }
    leaves["replace"] = {
        "type": "object",
        "description": "A kind of layer, and the layer that is put there.",
        "propertyNames": _names(kinds),
        "additionalProperties": {"anyOf": [_names(kinds), _layer(kinds, _TABLES)]},
    }
    leaves["set"]["description"] = (
        "KIND.LEAF for every layer of a kind, or the path of one leaf (stages.1.blocks.0.kernel, "
        "head.norm, stages.2.width), with its new value."
    )
    leaves["at"] = {
        "description": "Path or paths inside which layers are meant, such as stages.1.",
        "anyOf": [{"type": "string"}, leaves["at"]],
    }


def _layer(kinds: Iterable[str], tables: Iterable[str]) -> Schema:
    """One layer of these tables; a kind that stands in two has the leaves of either."""
    one = {
        kind: {"anyOf": [{"$ref": f"#/$defs/{t}.{kind}"} for t in tables if kind in _TABLES[t]]}
        for kind in kinds
    }
    return {
        "type": "object",
        "properties": one,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _design(options: Schema) -> Schema:
    fractional = "fractional_factorial"
    resolution = options["properties"]["resolution"]["anyOf"][0]
    one = {"type": "object", "additionalProperties": False, "required": ["resolution"]}
    return {
        "description": "Name of a design; a fractional one with the resolution that it needs.",
        "anyOf": [
            _names(name for name in DESIGNS if name != fractional),
            {
                "type": "object",
                "additionalProperties": False,
                "required": [fractional],
                "properties": {fractional: {**one, "properties": {"resolution": resolution}}},
            },
        ],
    }


def _claim() -> Schema:
    """A row of ablations.csv by study and setting."""
    return {
        "type": "object",
        "description": f"A row of ablations.csv; {NOT_FOUND} where no source states a number.",
        "additionalProperties": False,
        "required": ["study", "setting"],
        "properties": {
            key: _names({getattr(row, key) for row in rows()})
            for key in ("paper", "study", "base_model", "setting")
        },
    }


def _names(known: Iterable[str]) -> Schema:
    return {"type": "string", "enum": sorted(known)}
