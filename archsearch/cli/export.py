"""``archsearch export``: a net or a run for other people's tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.options import resolution_of
from archsearch.cli.output import print_rows, write

if TYPE_CHECKING:
    from torch import Tensor

    from archsearch.exports.weights import Weighed

_IMAGES = 8

_What = Annotated[
    str,
    typer.Argument(
        metavar="NET|RUN", help="Published name, architecture file or RUN:TRIAL; or a run."
    ),
]
_Where = Annotated[
    str | None,
    typer.Argument(metavar="TARGET", help='File, folder or URL to write to ("-": stdout).'),
]


def export(
    what: _What,
    target: _Where = None,
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            help="Nets: onnx, mnn, torchscript, python, safetensors. Runs: csv, parquet, latex, "
            "markdown, optuna, tensorboard, mlflow.",
        ),
    ],
    weights: Annotated[
        str,
        typer.Option(
            metavar="FILE|FOLDER|SEED",
            help="Of a net: a checkpoint, a folder of archsearch train, or a seed.",
        ),
    ] = "0",
    resolution: Annotated[
        str | None, typer.Option(metavar="HxW", help="Of a net, if not its own.")
    ] = None,
    data: Annotated[
        str, typer.Option(metavar="SOURCE[:PATH]", help="Images on which a net is checked.")
    ] = "mnist5k",
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check on this image instead.")
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(metavar="N|any", help="Images at once of an ONNX file (default: 1)."),
    ] = None,
    table: Annotated[
        str, typer.Option(metavar="front|trials", help="Of a run, in a format of tables.")
    ] = "front",
) -> None:
    """Write a net as a file that other tools read, or a run as a table or into a tracker.

    A net's file is run on real images and compared with torch before it is called done.
    """
    from archsearch.errors import InputError, nearest
    from archsearch.exports.nets import NET_FORMATS
    from archsearch.exports.runs import PLACE_FORMATS, TABLE_FORMATS

    if to in NET_FORMATS:
        at_once = _batch(batch)
        net, name = _net(what, weights, resolution)
        file = _target(target, name, NET_FORMATS[to].ending, to)
        _export_net(net, to, file, _images(net, data, image), at_once)
    elif to in TABLE_FORMATS:
        _export_table(what, to, table, target)
    elif to in PLACE_FORMATS:
        _export_trials(what, to, target)
    else:
        known = [*NET_FORMATS, *TABLE_FORMATS, *PLACE_FORMATS]
        raise InputError(f"--to {to}: there is no such format; {nearest(to, known)}")


def _net(what: str, weights: str, resolution: str | None) -> tuple[Weighed, str]:
    """The net, and what its file is called if nothing else is said."""
    from archsearch.exports.weights import weighed
    from archsearch.lookup import find_net

    size = None if resolution is None else resolution_of(resolution)
    found = find_net(what)
    run, _, number = what.rpartition(":")
    name = f"{Path(run).resolve().name}_{number}" if run else found.architecture.name
    net = weighed(found.architecture, weights, found.classes, size)
    return net, name or found.architecture.id


def _target(target: str | None, name: str, ending: str, to: str) -> Path:
    """Where a net's file goes."""
    from archsearch.errors import InputError

    path = Path(target or f"{name}.{ending}")
    if not path.suffix:
        path = path.with_name(f"{path.name}.{ending}")
    if path.suffix != f".{ending}":
        raise InputError(f"{path}: --to {to} writes a file that ends in .{ending}; call it so")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it, or choose another")
    return path


def _batch(given: str | None) -> int | None:
    from archsearch.errors import InputError
    from archsearch.exports.nets import ANY

    if given is None or given == "any":
        return None if given is None else ANY
    if not given.isascii() or not given.isdecimal() or int(given) < 1:
        raise InputError(f"--batch {given}: is no number of images; give 1 or more, or any")
    return int(given)


def _export_net(
    net: Weighed, to: str, target: Path, checked: tuple[Tensor, str], batch: int | None
) -> None:
    from archsearch.exports.nets import export_net

    images, source = checked
    exported = export_net(net, to, images, target, batch)
    height, width = net.architecture.size
    print_rows(
        {
            "net": f"{net.name}, {net.classes} classes",
            "weights": net.source,
            "checked on": f"{source} at {height} x {width}",
            "largest difference from torch": str(exported.agreement),
        }
    )
    typer.echo(f"wrote {' and '.join(map(str, exported.files))}")


def _images(net: Weighed, data: str, image: Path | None) -> tuple[Tensor, str]:
    from archsearch.exports.images import given_image, real_images

    if image is not None:
        return given_image(image, net.architecture), str(image)
    images = real_images(data, net.architecture, _IMAGES)
    return images, f"{len(images)} images of {data}"


def _export_table(what: str, to: str, table: str, target: str | None) -> None:
    from archsearch.exports.runs import TABLE_FORMATS
    from archsearch.exports.runs.frames import ensure_table
    from archsearch.results import open_run

    form, chosen = TABLE_FORMATS[to], ensure_table(table)
    results = open_run(what)
    default = f"{results.study.settings.name}_{chosen}.{form.ending}"
    write(Path(target or default), form.content(results, chosen))


def _export_trials(what: str, to: str, target: str | None) -> None:
    from archsearch.exports.runs import PLACE_FORMATS
    from archsearch.results import open_run

    results = open_run(what)
    place = target or PLACE_FORMATS[to].place.format(name=results.study.settings.name)
    typer.echo(PLACE_FORMATS[to].add(results, place))
