"""The frame of every page: one HTML file that loads nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from plotly.offline import get_plotlyjs

_HERE = Path(__file__).parent


def framed(
    template: str, scripts: Sequence[str], data: Mapping[str, Any], content: Mapping[str, Any]
) -> str:
    """A page as HTML; the same contents give the same bytes.

    Args:
        template: name of the template, which extends ``frame.html``.
        scripts: names of our scripts, in the order in which they run, behind plotly's.
        data: what the scripts read; NaN and infinities become null.
        content: what the template is given by name; ``title`` is among it.
    """
    sources = [get_plotlyjs(), "\n".join(_read(f"scripts/{name}") for name in scripts)]
    return _template(template).render(
        style=Markup(_read("page.css")),  # noqa: S704 (our own file)
        scripts=[Markup(script) for script in sources],  # noqa: S704 (plotly's and our own)
        policy=_policy(sources),
        data=Markup(_json(data)),  # noqa: S704 (no "<" is left in it)
        **content,
    )


def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["parts"] = _parts
    return environment.get_template(name)


def _parts(name: str) -> list[str]:
    """A name in the parts between which a narrow page may break it: ``large_``, ``kernels``."""
    return re.split(r"(?<=[_+.-])(?=[^_+.-])", name)


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: nothing is loaded, and no script runs but these two."""
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    ]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    )


def _json(data: Any) -> str:
    """JSON that can stand in a script element, whatever texts it holds; NaN is null."""
    text = json.dumps(_finite(data), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not isfinite(data) else data
