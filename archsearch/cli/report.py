"""``archsearch report`` and ``archsearch check``: runs as one page, and held to good practice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsearch.cli.output import write

if TYPE_CHECKING:
    from archsearch.good_practice import Answer

_MARKS = {"yes": "✓", "partly": "~", "no": "✗", "open": "?", "does not apply": "-"}


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help='HTML file, "-" for stdout (default: RUN/report.html; of several runs '
            "report.html beside the first).",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Without importances, which take most of the time.")
    ] = False,
) -> None:
    """Write a report of searches, or of one ablation: one HTML file that needs no network."""
    from archsearch.report import page
    from archsearch.results import open_run

    found = [open_run(run) for run in dict.fromkeys(runs)]
    first = found[0].folder
    target = output or (first if len(found) == 1 else first.parent) / "report.html"
    write(target, page(found, importance=not quick))


def check(
    what: Annotated[
        list[Path], typer.Argument(metavar="RUN...|STUDY", help="Run folders, or a study file.")
    ],
) -> None:
    """Answer the checklist of good practice for architecture search.

    Of a run it is answered from what is stored, of a study as far as that decides it. Several runs
    are checked as reported together.
    """
    from archsearch.good_practice import answers, prospects
    from archsearch.results import open_search
    from archsearch.study import load_study

    if len(what) == 1 and what[0].suffix in (".yaml", ".yml"):
        asked = load_study(what[0])
        asked.ensure_search()
        _print(prospects(asked))
        return
    runs = [open_search(path) for path in dict.fromkeys(what)]
    for run in runs:
        if len(runs) > 1:
            typer.echo(f"\n{run.folder}")
        _print(answers(run, runs))


def _print(found: list[Answer]) -> None:
    for part in dict.fromkeys(answer.part for answer in found):
        typer.echo(part)
        for answer in found:
            if answer.part == part:
                typer.echo(f"  {_MARKS[answer.verdict]} {answer.question} {answer.evidence}")
                if answer.remedy:
                    typer.echo(f"      to do: {answer.remedy}")
    verdicts = [answer.verdict for answer in found]
    said = ", ".join(f"{verdicts.count(one)} {one}" for one in _MARKS if one in verdicts)
    typer.echo(f"{said} (after Lindauer and Hutter, JMLR 21(243), 2020)")
