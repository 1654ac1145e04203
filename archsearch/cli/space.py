"""``archsearch space``: look at a search space before searching it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.exits import NOT_A_MEMBER
from archsearch.cli.nets import NetText
from archsearch.cli.output import print_rows, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archsearch.census import Census, LimitCensus
    from archsearch.settings import Limit
    from archsearch.space import SearchSpace
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
    members: Annotated[int, typer.Option("-n", min=1, help="Random members to count.")] = 10_000,
    seed: Seed = 0,
) -> None:
    """Print a space's size, its open leaves, what its members cost, and what limits refuse."""
    from archsearch.census import take_census
    from archsearch.space import load_space
    from archsearch.study import load_study

    space = load_space(file)
    asked = load_study(study) if study else None
    census = take_census(space, members, seed, asked)
    print_rows({"space": space.name, "size": _size(census)})
    _print_leaves(space)
    _print_costs(census)
    _print_ends(space, census)
    if asked:
        _print_limits(asked.settings.name, census)


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

    shares = ["median" if share == 0.5 else f"{share:.0%}" for share in QUANTILES]
    rows = []
    for name, values in census.quantiles.items():
        small, large = census.extremes.smallest[name], census.extremes.largest[name]
        row = [engineering(value) for value in (small.value, *values, large.value)]
        rows.append(dict(zip(["", "smallest", *shares, "largest"], [name, *row], strict=True)))
    ends = [*census.extremes.smallest.values(), *census.extremes.largest.values()]
    which = "of all members" if all(end.exact for end in ends) else "found (some not proven)"
    typer.echo(f"smallest and largest {which}; between them, {census.members:,} random ones")
    print_table(pd.DataFrame(rows))


def _print_ends(space: SearchSpace, census: Census) -> None:
    """The members at the ends; their values to the last digit."""
    import pandas as pd

    rows = []
    for end, found in (
        ("smallest", census.extremes.smallest),
        ("largest", census.extremes.largest),
    ):
        for name, extreme in found.items():
            net = space.decode(extreme.choices)
            value = f"{extreme.value:,}" + ("" if extreme.exact else " (not proven)")
            size = "x".join(map(str, net.size))
            blocks = net.blocks_in_short()
            rows.append({"": f"{end} {name}", "value": value, "image": size, "blocks": blocks})
    print_table(pd.DataFrame(rows))


def _print_limits(study: str, census: Census) -> None:
    import pandas as pd

    if census.within is None or census.limits is None:
        return
    within = census.within
    low, high = within.interval
    typer.echo(
        f"{within.having:,} of {within.members:,} random members meet the limits of {study}: "
        f"{_percent(within.value)} (95 % interval: {_percent(low)} to {_percent(high)})"
    )
    rows = [
        {
            "limit": f"{found.name}: {_bounds(found.limit)}",
            "refuses": _percent(found.refuses.value),
            "alone": _percent(found.alone.value),
        }
        for found in census.limits
    ]
    if rows:
        print_table(pd.DataFrame(rows))
    for text in _findings(census.limits):
        typer.echo(text)


def _findings(limits: tuple[LimitCensus, ...]) -> Iterator[str]:
    """What the table of limits comes down to."""
    for found in limits:
        if found.closest is not None:
            yield (
                f"no member meets {found.name}: {_bounds(found.limit)}; "
                f"the closest has exactly {found.closest:,}"
            )
    if len(limits) > 1:
        most = max(limits, key=lambda found: found.refuses.having)
        alone = max(limits, key=lambda found: found.alone.having)
        if most is alone and most.alone.having:
            yield f"the limit on {most.name} refuses most, and most that no other limit refuses"
        elif most.refuses.having:
            yield f"the limit on {most.name} refuses most"
            if alone.alone.having:
                yield f"the limit on {alone.name} refuses most that no other limit refuses"


def _percent(share: float) -> str:
    """A share with as many digits as tell it from none and from all."""
    if 0 < share < 0.001 or 0.999 < share < 1:
        return f"{100 * share:.3f} %"
    return f"{100 * share:.1f} %"


def _bounds(limit: Limit) -> str:
    bounds = limit.model_dump(exclude_none=True)
    return ", ".join(f"{key} {value:,.0f}" for key, value in bounds.items())
