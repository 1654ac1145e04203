"""JSON Schema (draft 2020-12) of study files, for editors to complete.

Generated from the records and the registries, so that a new sampler, proxy, measure, source or
published net is completed as soon as it is registered. A first check only: what joins several parts
of a study is checked when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archsearch import published
from archsearch.datasets import SOURCES
from archsearch.measures import LATENCY, MEASURES
from archsearch.proxies import PROXIES
from archsearch.proxies.ensembles import ENSEMBLES, TURNED
from archsearch.samplers import SAMPLERS
from archsearch.schema import space_schema
from archsearch.settings import Settings
from archsearch.study import SCHEMA

Schema = dict[str, Any]


def study_schema() -> Schema:
    """JSON Schema of a study file; its space is a file's path or stands inside."""
    study = Settings.model_json_schema()
    space = space_schema()
    inside = {key: part for key, part in space.items() if key not in ("$schema", "title", "$defs")}
    parts, leaves = study["$defs"], study["properties"]
    _complete(parts, leaves)
    leaves["schema"] = {"const": SCHEMA, "description": "Version of the language."}
    leaves["space"] = {
        "description": "Path of a search-space file, from this file's folder; or the space itself.",
        "anyOf": [{"type": "string"}, inside],
    }
    return {
        "$schema": space["$schema"],
        **study,
        "title": "archsearch study",
        "required": ["schema", "space", *study["required"]],
        "$defs": {**parts, **space["$defs"]},
    }


def _complete(parts: Schema, leaves: Schema) -> None:
    """Names where the records only say that there is text, and the short forms."""
    objective = parts["Objective"]["properties"]
    for way in ("maximize", "minimize"):
        objective[way] = _names(MEASURES)
    parts["Objective"]["oneOf"] = [{"required": [way]} for way in objective]
    _complete_score(parts["Score"])
    parts["Start"]["properties"]["nets"]["items"] = _names(published.names())
    parts["DatasetConfig"]["properties"]["name"] = _names(SOURCES)
    leaves["constraints"]["propertyNames"] = _names([*_counted(), LATENCY])
    leaves["device"]["description"] = (
        "A shipped profile's name (predicted), predicted:NAME, emulated:NAME, host, or the path of "
        "a device file."
    )
    leaves["sampler"] = _sampler()
    leaves["engine"] = {"anyOf": [parts["Engine"]["properties"]["name"], leaves["engine"]]}


def _sampler() -> Schema:
    options = {name: strategy.Options.model_json_schema() for name, strategy in SAMPLERS.items()}
    one = {"properties": options, "minProperties": 1, "maxProperties": 1}
    return {
        "description": "Name of a sampler, or {NAME: {OPTION: VALUE}}.",
        "anyOf": [_names(SAMPLERS), {"type": "object", "additionalProperties": False, **one}],
    }


def _complete_score(score: Schema) -> None:
    """Names of proxies or of an ensemble, one of the two."""
    score["properties"]["proxies"] |= {
        "anyOf": [_list_of([*PROXIES, *(TURNED + name for name in PROXIES)]), {"type": "null"}]
    }
    score["properties"]["ensemble"] |= {"anyOf": [_names(ENSEMBLES), {"type": "null"}]}
    score["oneOf"] = [{"required": [way]} for way in ("proxies", "ensemble")]


def _counted() -> list[str]:
    return [measure.name for measure in MEASURES.values() if measure.stage == "screen"]


def _list_of(known: Iterable[str]) -> Schema:
    return {"type": "array", "items": _names(known), "minItems": 1}


def _names(known: Iterable[str]) -> Schema:
    return {"type": "string", "enum": sorted(known)}
