"""What stands below an ablation's table: how its numbers were got, and what they can say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

from archsearch.ablation.cells import paper, probability
from archsearch.ablation.reader import Ablation
from archsearch.arms.claims import Claim
from archsearch.notation import UNKNOWN
from archsearch.significance.power import (
    CAUTION,
    MOST_SEEDS,
    POWER,
    cautious_sd,
    seeds_needed,
    smallest_p,
)
from archsearch.significance.verdicts import Effects, Verdict, Verdicts
from archsearch.training import Recipe

_MANY = f"over {MOST_SEEDS}"

_SAID_ELSEWHERE = frozenset(
    {"epochs", "batch_size", "optimizer", "learning_rate", "augmentation", "evaluate_every"}
    | {"time_limit_s", "seeds", "scale"}
)
_MARKS = (
    "▲ better and ▼ worse where the corrected test says so; without a mark nothing is shown either "
    "way. d: difference / standard deviation of the differences."
)
_SHORT = (
    "*: pairs are missing; the difference is that of the pairs, and not of the two means above it."
)
_EFFECTS = "◆: an effect where the corrected test says so."
_CLAIMS = (
    "Paper: difference in points as stated there, of other nets, images and budgets than these."
)


class Wanted(NamedTuple):
    """Standard deviation of the paired differences, and the seeds that it and its limit ask for."""

    sd: float
    seeds: str
    careful: str


Wanting = Mapping[str, Wanted | None]
"""By arm; None where the spread of its differences is not known."""


def notes_of(
    ablation: Ablation, verdicts: Verdicts, effects: Effects | None, wanted: Wanting
) -> tuple[str, ...]:
    """All sentences, in the order in which they answer questions."""
    return (
        *_progress(ablation),
        _accuracy(ablation),
        _recipe(ablation.settings.training),
        *verdicts.footnote,
        _MARKS,
        *([_SHORT] if any(row.missing for row in verdicts) else []),
        *_failures(ablation),
        *planning(verdicts, wanted),
        *([] if effects is None else [*effects.notes, _EFFECTS]),
        _costs(ablation),
        *_claims(ablation),
        *_design(ablation),
        *_environment(ablation.environment),
    )


def _progress(ablation: Ablation) -> Iterator[str]:
    if ablation.state != "finished":
        done = int(ablation.frame.notna().sum().sum()) + len(ablation.failed)
        yield f"The run is {ablation.state}: {done} trainings are done. This table is not the last."


def _accuracy(ablation: Ablation) -> str:
    frame, data = ablation.frame, ablation.settings.data
    seeds = f"{len(frame)} seed{'s' * (len(frame) != 1)}"
    size = ablation.settings.training.resolution(ablation.arms[0].architecture.size)
    height, width = (size, size) if isinstance(size, int) else size
    source = data.path.name if data.path else data.name
    trained = f"{data.train:,}" if data.train else "all"
    return (
        f"Accuracy: mean ± standard deviation over {seeds} on {ablation.images:,} validation "
        f"images of {source}, trained on {trained} at {height}x{width} pixels; an arm's seed "
        "has the same images, order, augmentation and, where shapes agree, initial weights as "
        "every other arm's."
    )


def _recipe(recipe: Recipe) -> str:
    changed = recipe.model_dump(exclude_defaults=True)
    augmentation = changed.get("augmentation", {})
    rest = {k: v for k, v in changed.items() if k not in _SAID_ELSEWHERE} | augmentation
    told = "".join(f", {name.replace('_', ' ')} {value}" for name, value in rest.items())
    return (
        f"Recipe, the same for all arms and tuned for none: {recipe.epochs:g} epochs in batches of "
        f"{recipe.batch_size}, {recipe.optimizer}, learning rate {recipe.learning_rate:g}{told}."
    )


def _failures(ablation: Ablation) -> Iterator[str]:
    for (arm, seed), reason in sorted(ablation.failed.items()):
        yield f"Failed: {arm}, seed {seed}: {reason}"


def planning(verdicts: Verdicts, wanted: Wanting) -> Iterator[str]:
    """What this number of seeds can show, and how many the differences seen would need."""
    n, arms = max((row.n for row in verdicts), default=0), len(verdicts.rows)
    if n < 1:
        return
    alone, corrected = smallest_p(n, arms)
    if corrected <= verdicts.alpha:
        yield (
            f"What n = {n} can show: the smallest p is {probability(alone)}, after Holm over "
            f"{arms} arms {probability(corrected)}."
        )
    if n > 1:
        told = (f"{arm} {_seeds(one)}" for arm, one in wanted.items())
        yield (
            "Seeds that would show the difference seen with probability "
            f"{POWER:g}, at the spread seen (in brackets: at its upper {CAUTION:.0%} limit): "
            f"{', '.join(told)}."
        )


def _seeds(wanted: Wanted | None) -> str:
    return UNKNOWN if wanted is None else f"{wanted.seeds} ({wanted.careful})"


def seeds_wanted(ablation: Ablation, row: Verdict, verdicts: Verdicts) -> Wanted | None:
    """How many seeds an arm's difference would need; None where its spread is not known."""
    differences = (ablation.frame[row.arm] - ablation.frame[row.reference]).dropna()
    sd = float(differences.std(ddof=1))
    if not (isfinite(sd) and sd > 0):
        return None
    arms, alpha = len(verdicts.rows), verdicts.alpha
    careful_sd = cautious_sd(sd, len(differences))
    needed, careful = (
        seeds_needed(row.difference, spread, arms, alpha) for spread in (sd, careful_sd)
    )
    return Wanted(sd, str(needed or _MANY), str(careful or _MANY))


def _costs(ablation: Ablation) -> str:
    classes = ablation.settings.classes
    counted = (
        f"params and MACs: counted with {classes} classes at the net's own resolution; in brackets "
        "what is more or less than in the arm compared with."
    )
    return counted if ablation.latency is None else f"{counted} {_sentence(ablation.latency)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def _claims(ablation: Ablation) -> Iterator[str]:
    """What papers found, source by source."""
    by_source: dict[str, list[str]] = defaultdict(list)
    for arm in ablation.arms:
        if isinstance(claim := arm.claim, Claim):
            said = [claim.base_model, claim.setting, claim.status, claim.notes]
            told = "; ".join(filter(None, said))
            by_source[f"{claim.paper}: {claim.source}"].append(
                f"{arm.name} {paper(claim)} ({claim.study}; {told})"
            )
    if by_source:
        yield _CLAIMS
    for source, claims in by_source.items():
        yield f"Paper: {', '.join(claims)}. Source: {source}."


def _design(ablation: Ablation) -> Iterator[str]:
    if ablation.relation:
        yield f"Defining relation: I = {' = '.join(ablation.relation)}."
    if ablation.aliases:
        told = (f"{term} = {' = '.join(others)}" for term, others in ablation.aliases.items())
        yield f"Aliases, which this fraction cannot tell apart: {'; '.join(told)}."


def _environment(environment: Mapping[str, Any]) -> Iterator[str]:
    if not environment:
        return
    versions = environment.get("versions") or {}
    found = {
        "archsearch": versions.get("archsearch"),
        "commit": environment.get("commit"),
        "torch": versions.get("torch"),
        "on": environment.get("cpu"),
        "images": environment.get("images"),
    }
    yield f"Made with {', '.join(f'{name} {value}' for name, value in found.items() if value)}."
