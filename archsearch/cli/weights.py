"""``archsearch weights``: official checkpoints, put into the net that they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.output import print_rows


def weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Checkpoint (.pth, .safetensors).")],
    net: Annotated[str, typer.Option(metavar="NAME", help="Published net that they belong to.")],
    part: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Where the file holds several sets of weights."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here, not NAME.safetensors.")
    ] = None,
) -> None:
    """Read official weights safely, check them key by key, write them as safetensors."""
    from archsearch.checkpoints import load_official, read_checkpoint, save_safetensors
    from archsearch.notation import engineering

    module = load_official(net, read_checkpoint(file, part))
    params = sum(parameter.numel() for parameter in module.parameters())
    print_rows(
        {
            "net": net,
            "params": engineering(params),
            "classes": str(len(module.state_dict()["head.classify.bias"])),
            "keys": "all found, none left over",
        }
    )
    target = out or Path(f"{net}.safetensors")
    save_safetensors(module.state_dict(), target, {"net": net, "source": file.name})
    typer.echo(f"wrote {target}")
