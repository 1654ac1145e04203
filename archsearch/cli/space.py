"""``archsearch space``: look at a search space before searching it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.exits import NOT_A_MEMBER
from archsearch.cli.nets import NetText
from archsearch.cli.output import print_rows, print_table

if TYPE_CHECKING:
    from archsearch.census import Census
    from archsearch.space import SearchSpace
    from archsearch.study import Study
    from archsearch.trial import Scalar

app = typer.Typer(help="Describe and sample a search space.", no_args_is_help=True)

_MOST_WRITTEN_OUT = 10**36

SpaceFile = Annotated[Path, typer.Argument(metavar="FILE", help="Search-space file (YAML).")]
Seed = Annotated[int, typer.Option(help="Seed of the random members.")]


@app.command()
def describe(
    file: SpaceFile,
    study: Annotated[
        Path | None, typer.Option(metavar="STUDY", help="Study whose limits are counted.")
    ] = None,
    members: Annotated[int, typer.Option("-n", min=1, help="Random members to count.")] = 1000,
    seed: Seed = 0,
) -> None:
    """Print a space's size, its open leaves, and what its random members cost."""
    from archsearch.census import take_census
    from archsearch.space import load_space
    from archsearch.study import load_study

    space = load_space(file)
    asked = load_study(study) if study else None
    census = take_census(space, members, seed, asked)
    print_rows({"space": space.name, "size": _size(census)})
    _print_leaves(space)
    _print_costs(census)
    if asked:
        _print_limits(asked, census)


@app.command()
def contains(file: SpaceFile, net: NetText) -> None:
    """Say whether a net is a member of a space: with its choices (exit 0), or why not (exit 1)."""
    import pandas as pd

    from archsearch.lookup import find_net
    from archsearch.space import NotAMember, load_space

    space, architecture = load_space(file), find_net(net).architecture
    name = architecture.name or architecture.id
    try:
        choices = space.encode(architecture)
    except NotAMember as misfit:
        typer.echo(f"no: {name} is not in {space.name}; {misfit}")
        raise typer.Exit(NOT_A_MEMBER) from None
    typer.echo(f"yes: {name} is in {space.name}")
    rows = [{"leaf": path, "values": _label(label)} for path, label in choices.items()]
    if rows:
        print_table(pd.DataFrame(rows))


@app.command()
def sample(
    file: SpaceFile,
    number: Annotated[int, typer.Option("-n", min=1, help="Different members to draw.")] = 5,
    seed: Seed = 0,
    yaml: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write architecture files here.")
    ] = None,
) -> None:
    """Print random members of a space, or write them as architecture files."""
    import pandas as pd

    from archsearch.census import draw_members, write_members
    from archsearch.cost import count
    from archsearch.notation import engineering
    from archsearch.space import load_space

    members = draw_members(load_space(file), number, seed)
    rows = [
        {
            "net": member.id,
            **{name: engineering(value) for name, value in count(member)._asdict().items()},
            "blocks": member.blocks_in_short(),
        }
        for member in members
    ]
    print_table(pd.DataFrame(rows))
    if yaml is not None:
        write_members(members, yaml)
        typer.echo(f"wrote {len(members)} architecture files into {yaml}")


def _size(census: Census) -> str:
    number = f"{census.size:,} points, " if census.size < _MOST_WRITTEN_OUT else ""
    alike = "no two" if census.exact else "some"
    return f"{number}10^{census.log10_size:.2f}; {alike} give the same architecture"


def _print_leaves(space: SearchSpace) -> None:
    import pandas as pd

    rows = [
        {"leaf": path, "values": ", ".join(map(_label, domain.labels))}
        for path, domain in space.leaves()
    ]
    print_table(pd.DataFrame(rows, columns=["leaf", "values"]))


def _label(label: Scalar) -> str:
    """A label as a space file writes it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _print_costs(census: Census) -> None:
    import pandas as pd

    from archsearch.census import QUANTILES
    from archsearch.notation import engineering

    names = ["min", *(f"{share:.0%}" for share in QUANTILES[1:-1]), "max"]
    rows = [
        {"": name, **dict(zip(names, map(engineering, values), strict=True))}
        for name, values in census.quantiles.items()
    ]
    typer.echo(f"{census.members:,} random members:")
    print_table(pd.DataFrame(rows))


def _print_limits(study: Study, census: Census) -> None:
    import pandas as pd

    typer.echo(
        f"{census.within:,} of {census.members:,} random members meet the limits of "
        f"{study.settings.name}"
    )
    rows = [
        {"limit": f"{name}: {_bounds(study, name)}", "refuses": f"{refused:,}"}
        for name, refused in (census.over or {}).items()
    ]
    if rows:
        print_table(pd.DataFrame(rows))


def _bounds(study: Study, name: str) -> str:
    bounds = study.settings.constraints[name].model_dump(exclude_none=True)
    return ", ".join(f"{key} {value:,.0f}" for key, value in bounds.items())
