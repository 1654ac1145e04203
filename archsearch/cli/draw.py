"""``archsearch draw``: a block or a net as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from archsearch.blocks.layer import Layer, Site

_FORMATS = (".png", ".svg", ".pdf")
_MAP = 3
"""Numbers in channels x height x width."""


def draw(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND_OR_NET",
            help="A kind of layer (pacc, stem.conv), a published net, a file, or RUN:TRIAL.",
        ),
    ] = None,
    leaves: Annotated[
        list[str] | None, typer.Option(metavar="LEAF=VALUE", help="Of a kind; can be repeated.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(metavar="CxHxW", help="Map that a kind gets, such as 64x28x28.")
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Channels that a kind gives, if not those it gets.")
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="One layer of a net, such as stages.2.blocks.0."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=".png, .svg or .pdf")
    ] = None,
    all_: Annotated[
        Path | None,
        typer.Option("--all", metavar="FOLDER", help="Draw every kind as in docs/blocks.md."),
    ] = None,
) -> None:
    """Draw a block as its data flow with shapes, or a net stage by stage."""
    from archsearch.drawing import block_figure
    from archsearch.drawing.subjects import drawings, kinds
    from archsearch.errors import InputError

    if all_ is not None:
        all_.mkdir(parents=True, exist_ok=True)
        for name, (drawn, where) in drawings().items():
            _save(block_figure(drawn, where), all_ / f"{name.replace('.', '_')}.svg")
        return
    if what is None:
        raise InputError("nothing to draw; give a kind of layer, a net, or --all FOLDER")
    target = output or Path(f"{Path(what).stem.replace(':', '_')}.svg")
    if target.suffix not in _FORMATS:
        raise InputError(f"--output {target}: ends in none of {', '.join(_FORMATS)}; give one")
    if what in kinds():
        _reject(layer, "--layer is of a net, and {what} is a kind of layer; leave it out", what)
        _save(block_figure(*_subject(what, leaves, site, width)), target)
    else:
        given = leaves or site or width
        _reject(given, "--leaves, --site and --width are of a kind, and {what} is none", what)
        _save(_net(what, layer), target)


def _reject(option: Any, message: str, what: str) -> None:
    from archsearch.errors import InputError

    if option:
        raise InputError(message.format(what=what))


def _subject(
    name: str, leaves: list[str] | None, site: str | None, width: int | None
) -> tuple[Layer, Site]:
    from archsearch.documents import parse
    from archsearch.drawing.subjects import subject
    from archsearch.errors import InputError

    given = {}
    for text in leaves or ():
        leaf, equals, value = text.partition("=")
        if not (equals and leaf and value):
            raise InputError(f"--leaves {text}: give LEAF=VALUE, such as kernel=7")
        given[leaf] = parse(value, f"--leaves {text}").data
    layer, at = subject(name, given if leaves else None)
    return layer, _site(at, site, width)


def _site(example: Site, text: str | None, width: int | None) -> Site:
    from archsearch.blocks.layer import Site
    from archsearch.errors import InputError

    numbers = [example.in_channels, example.height, example.width]
    if text is not None:
        parts = text.split("x")
        if len(parts) != _MAP or not all(p.isascii() and p.isdigit() and int(p) for p in parts):
            raise InputError(f"--site {text}: give channels x height x width, such as 64x28x28")
        numbers = [int(part) for part in parts]
    if width is not None and width < 1:
        raise InputError(f"--width {width}: give one channel at least")
    keeps = example.in_channels == example.channels
    channels = width or (numbers[0] if keeps else example.channels)
    return Site(numbers[0], channels, *numbers[1:])


def _net(what: str, path: str | None) -> Figure:
    from archsearch.drawing import block_figure, net_figure
    from archsearch.drawing.subjects import ambiguous, kinds
    from archsearch.errors import InputError, nearest
    from archsearch.lookup import find_net

    if (error := ambiguous(what)) is not None:
        raise error
    try:
        architecture, classes = find_net(what)
    except InputError as error:
        raise InputError(f"{error}; or a kind of layer ({nearest(what, kinds())})") from None
    if path is None:
        return net_figure(architecture, classes)
    places = {place.path: place for place in architecture.places()}
    if path not in places:
        raise InputError(f"--layer {path}: {what} has none there; {nearest(path, places)}")
    return block_figure(places[path].layer, places[path].site)


def _save(figure: Figure, target: Path) -> None:
    from archsearch.figures.style import save

    save(figure, target)
    typer.echo(f"wrote {target}")
