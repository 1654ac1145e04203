"""What ``archsearch run`` says of an ablation, before it and after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from archsearch.arms.plan import Plan
    from archsearch.summary import Summary


def announce(plan: Plan) -> None:
    """Say what is compared, and what so many seeds can show."""
    seeds = plan.settings.seeds
    often = f"{seeds.first} to {seeds.most}" if seeds.adaptive else str(seeds.first)
    typer.echo(f"{plan.settings.name}: {len(plan.arms)} arms x {often} seeds")
    for arm in plan.arms:
        typer.echo(f"  {arm.name}" + (f": {arm.changes}" if arm.changes else ""))
    if plan.relation:
        typer.echo(f"cannot be told apart: {'; '.join(_aliased(plan)) or 'no effects of two'}")
        typer.echo(f"defining relation: I = {' = '.join(plan.relation)}")
    typer.echo(_attainable(plan))


def conclude(now: Summary, folder: Path, new: int, adaptive: bool) -> None:
    """Say how far an ablation is, how it could go on, and where its table is to be had."""
    from archsearch.summary import by_reason

    done = f"{now.done} of {now.budget_trials} trainings are done"
    if now.state != "finished":
        typer.echo(f"{now.name} is out of time: {done}; a larger --minutes goes on")
    elif not new:
        more = "" if adaptive else "; --set seeds=N with more goes on"
        typer.echo(f"{now.name} was already complete: {done}{more}")
    else:
        typer.echo(f"{now.name} is complete: {done}")
    if adaptive:
        typer.echo(f"seeds: {', '.join(f'{name} {n.done}' for name, n in now.arms.items())}")
    if now.failed:
        typer.echo(f"failed: {by_reason(now.failed)}")
    typer.echo(f"archsearch table {folder} makes its table")


def _aliased(plan: Plan) -> list[str]:
    return [f"{term} and {', '.join(others)}" for term, others in plan.aliases.items()]


def _attainable(plan: Plan) -> str:
    """The smallest p-values that the seeds allow, and how many are needed at least."""
    from archsearch.significance.power import fewest_seeds, smallest_p

    n, arms, alpha = plan.settings.seeds.most, len(plan.references), plan.settings.alpha
    alone, corrected = smallest_p(n, arms)
    over = f", {corrected:.2g} after Holm over {arms} comparisons" if arms > 1 else ""
    said = f"with {n} seeds the smallest two-sided p is {alone:.2g}{over}"
    if corrected <= alpha:
        return said
    return (
        f"{said}: no difference can be significant at {alpha:g}, however large; "
        f"{fewest_seeds(arms, alpha)} seeds are the fewest"
    )
