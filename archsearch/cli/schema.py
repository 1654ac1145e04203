"""``archsearch schema``: the JSON schemas by which editors complete and check files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.output import write


def schema(
    kind: Annotated[
        str, typer.Option(metavar="architecture|space|study|ablation", help="What the file holds.")
    ] = "study",
    out: Annotated[Path, typer.Option(metavar="FILE", help="Write here.")] = Path("-"),
) -> None:
    """Print the JSON schema of architecture, space, study or ablation files."""
    import json

    from archsearch.ablation_schema import ablation_schema
    from archsearch.errors import InputError, nearest
    from archsearch.schema import architecture_schema, space_schema
    from archsearch.study_schema import study_schema

    schemas = {
        "architecture": architecture_schema,
        "space": space_schema,
        "study": study_schema,
        "ablation": ablation_schema,
    }
    if kind not in schemas:
        raise InputError(f"--kind {kind}: unknown kind; {nearest(kind, schemas)}")
    write(out, json.dumps(schemas[kind](), indent=2) + "\n")
