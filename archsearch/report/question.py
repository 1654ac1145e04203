"""What a study asks, in sentences."""

from __future__ import annotations

from typing import Any

from archsearch.measures import LATENCY
from archsearch.notation import UNKNOWN, engineering
from archsearch.report.reported import Reported
from archsearch.settings import Engine, Limit, Settings


def question(reported: Reported) -> dict[str, str]:
    """Labels with what the study says to each; a part that it does not use is a hyphen."""
    study = reported.run.study
    settings = study.settings
    size = f"{study.space.size:,}" if study.space.size < 10**7 else f"{study.space.size:.2e}"
    nets = "nets" if study.space.exact else "points (some may be the same net)"
    return {
        "objectives": "; ".join(
            f"{o.direction} {o.measure}{_device(reported, o.measure)}" for o in settings.objectives
        ),
        "limits": "; ".join(f"{n} {_limit(one)}" for n, one in settings.constraints.items())
        or "none",
        "space": f"{study.space.name}: {size} {nets}, {len(study.space.leaves())} open leaves",
        "strategy": _strategy(settings),
        "start": _start(settings),
        "scores": _scores(settings),
        "training": _training(settings),
        "images": images(settings),
        "budget": _budget(settings),
        "seed": str(settings.seed),
        "notes": settings.notes or UNKNOWN,
    }


def _device(reported: Reported, measure: str) -> str:
    device = reported.run.study.device
    return f" ({device.name}, {device.how})" if measure == LATENCY and device is not None else ""


def _limit(limit: Limit) -> str:
    words = {"at most": limit.at_most, "at least": limit.at_least}
    return " and ".join(f"{way} {engineering(v)}" for way, v in words.items() if v is not None)


def _strategy(settings: Settings) -> str:
    ((name, options),) = settings.sampler.items()
    return f"{name} ({_listed(options)})" if options else name


def _start(settings: Settings) -> str:
    start = settings.start
    spread = f"{start.keep} of {start.screen:,} random members, spread over the costs"
    parts = [*([", ".join(start.nets)] if start.nets else []), *([spread] if start.keep else [])]
    return "; ".join(parts) or "the sampler's own"


def _scores(settings: Settings) -> str:
    score = settings.cascade.score
    if score is None:
        return "none"
    by = (
        f"ensemble {score.ensemble}"
        if score.ensemble
        else f"mean rank of {', '.join(score.proxies or ())}"
    )
    return f"{by}, on {score.images} images"


def _training(settings: Settings) -> str:
    train, recipe = settings.cascade.train, settings.training
    if train is None:
        return "none"
    best = f"the best {100 * train.promote:.3g} % of a generation"
    share = "all trials" if train.promote == 1 else best
    rungs = (
        f", rungs after {', '.join(f'{e:g}' for e in train.rungs)} epochs" if train.rungs else ""
    )
    seeds = "1 seed" if recipe.seeds == 1 else f"{recipe.seeds} seeds each"
    return (
        f"{share}: {recipe.epochs:g} epochs, {seeds}, {recipe.optimizer} at "
        f"{recipe.learning_rate:g} ({recipe.schedule}), batches of {recipe.batch_size}, at "
        f"{recipe.scale:g} of each net's resolution{rungs}"
    )


def images(settings: Settings) -> str:
    """Which images are trained on and which judge."""
    data = settings.data
    train = "all other images" if data.train is None else f"{data.train:,} images"
    judged = "the source's own part" if data.validation is None else f"{data.validation:,}"
    return f"{data.name}: {train} to train, {judged} to validate"


def _budget(settings: Settings) -> str:
    budget = settings.budget
    minutes = f", {budget.minutes:g} min at most" if budget.minutes else ""
    trials = f"{budget.trials:,} trials in generations of {budget.generation}{minutes}"
    return f"{trials}; {workers(settings.engine)}"


def workers(engine: Engine) -> str:
    """Who did the work: the local engine is one process, whatever the number of workers."""
    threads = "1 thread" if engine.threads == 1 else f"{engine.threads} threads"
    if engine.name == "local":
        return f"one process with {threads}"
    many = "1 worker" if engine.workers == 1 else f"{engine.workers} workers"
    return f"{engine.name} with {many} of {threads}"


def _listed(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())
