"""Ids of architectures, from the written form of files alone.

A second code of ``Architecture.id`` that imports nothing but the standard library, so that any
Python from 3.8 on can run it: ``python plain_id.py < nets.json``. Standard input has ``nets``, the
data of architecture files by name, and ``defaults``, those of every kind's leaves and of ``head``;
standard output gets the ids by name.

The canonical form (docs/architecture.md): JSON in ASCII with sorted keys and no spaces; name, notes
and schema left out, repeats written out, leaves at their default left out, ratios as floats.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any


def leaves(given: Any, defaults: Any) -> Any:
    """Leaves that are not at their default; a leaf whose default is a float is one."""
    typed = {
        name: float(value) if isinstance(defaults.get(name), float) else value
        for name, value in (given or {}).items()
    }
    return {
        name: value
        for name, value in typed.items()
        if name not in defaults or value != defaults[name]
    }


def layer(written: Any, defaults: Any) -> Any:
    """``kind`` and ``{kind: leaves}`` are two ways to write a layer."""
    if isinstance(written, str):
        return {written: {}}
    ((kind, given),) = written.items()
    return {kind: leaves(given, defaults[kind])}


def repeated(items: Any) -> Any:
    """Every item without its ``repeat``, as often as that says."""
    for item in items:
        if isinstance(item, str):
            yield item
        else:
            rest = {key: value for key, value in item.items() if key != "repeat"}
            yield from [rest] * item.get("repeat", 1)


def stage(written: Any, defaults: Any) -> Any:
    """Width, downsample if there is one, blocks."""
    form = {"width": written["width"]}
    if written.get("downsample", "none") != "none":
        form["downsample"] = layer(written["downsample"], defaults)
    form["blocks"] = [layer(block, defaults) for block in repeated(written["blocks"])]
    return form


def canonical(net: Any, defaults: Any) -> str:
    """The text that an id is the hash of."""
    stages = [stage(written, defaults) for written in repeated(net["stages"])]
    width = net["stem"].get("width")
    stem = layer({key: value for key, value in net["stem"].items() if key != "width"}, defaults)
    if width is not None and not ("downsample" not in stages[0] and width == stages[0]["width"]):
        stem["width"] = width
    form = {
        "input": {"channels": 3, **net["input"]},
        "stem": stem,
        "stages": stages,
        "head": leaves(net.get("head"), defaults["head"]),
    }
    return json.dumps(form, sort_keys=True, separators=(",", ":"))


def plain_id(net: Any, defaults: Any) -> str:
    """First twelve hex digits of the SHA-256 of the canonical form."""
    return hashlib.sha256(canonical(net, defaults).encode("ascii")).hexdigest()[:12]


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    ids = {name: plain_id(net, asked["defaults"]) for name, net in asked["nets"].items()}
    sys.stdout.write(json.dumps(ids))
