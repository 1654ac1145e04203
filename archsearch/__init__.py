"""archsearch: neural architecture search and ablation for mobile vision backbones."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archsearch import published as published
    from archsearch.api import build as build
    from archsearch.architecture import Architecture as Architecture
    from archsearch.checkpoints import load_official as load_official
    from archsearch.errors import InputError as InputError
    from archsearch.published import load as load
    from archsearch.results import open_run as open_run
    from archsearch.space import SearchSpace as SearchSpace
    from archsearch.space import load_space as load_space
    from archsearch.study import Study as Study
    from archsearch.study import load_study as load_study

    __version__: str

# Each name is imported when it is first used: `import archsearch` takes milliseconds and torch
# seconds, which `archsearch --help` must not wait for.
_HOMES = {
    "Architecture": "architecture",
    "InputError": "errors",
    "SearchSpace": "space",
    "Study": "study",
    "build": "api",
    "load": "published",
    "load_official": "checkpoints",
    "load_space": "space",
    "load_study": "study",
    "open_run": "results",
}

__all__ = [
    "Architecture",
    "InputError",
    "SearchSpace",
    "Study",
    "__version__",
    "build",
    "load",
    "load_official",
    "load_space",
    "load_study",
    "open_run",
    "published",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("archsearch")
    if name not in _HOMES:
        if not name.startswith("_") and find_spec(f"{__name__}.{name}"):
            return import_module(f"{__name__}.{name}")  # archsearch.published.names()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
