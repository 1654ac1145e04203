"""What became of every candidate, what that cost, and on what it was made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from archsearch.notation import UNKNOWN, duration
from archsearch.report.question import workers
from archsearch.report.reported import Reported
from archsearch.trial import Trial

_MOST_NUMBERS = 8

_STAGES = {
    "latency": "latency",
    "score": "training-free scores",
    "train": "training",
}


class Loss(NamedTuple):
    """Candidates that did not become complete trials, for one reason."""

    what: str
    reason: str
    candidates: int
    trials: str


class Expense(NamedTuple):
    """What one part of a run cost: seconds of its workers, over how many trials."""

    part: str
    trials: int
    seconds: float
    share: float

    @property
    def each(self) -> str:
        """Seconds a trial."""
        return f"{self.seconds / self.trials:.3g} s" if self.trials else UNKNOWN


def losses(reported: Reported) -> list[Loss]:
    """Refused by the screen, stopped and failed candidates by reason, most frequent first."""
    rejected = reported.run.summary().rejected
    found = [Loss("refused", reason, n, UNKNOWN) for reason, n in rejected.items() if n]
    groups: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in reported.run.records:
        if trial.state in ("stopped", "failed"):
            groups[trial.state, _reason(trial)].append(trial)
    found += [Loss(what, why, len(ts), _numbers(ts)) for (what, why), ts in groups.items()]
    order = ("failed", "stopped", "refused")
    return sorted(found, key=lambda loss: (order.index(loss.what), -loss.candidates))


def _reason(trial: Trial) -> str:
    if trial.error:
        return trial.error
    if trial.state == "failed":
        return "no reason known"
    epochs = [name.partition("@")[2] for name in trial.measures if "@" in name]
    if not epochs:
        return f"not promoted after the stage {trial.stage}"
    return (
        f"not promoted at the rung after {epochs[-1]} {'epoch' if epochs[-1] == '1' else 'epochs'}"
    )


def _numbers(trials: Sequence[Trial]) -> str:
    numbers = [str(trial.number) for trial in trials[:_MOST_NUMBERS]]
    rest = len(trials) - len(numbers)
    return ", ".join(numbers) + (f" and {rest} more" if rest else "")


def expenses(reported: Reported) -> list[Expense]:
    """Seconds of proposing and of each stage, summed over workers."""
    spent: dict[str, list[float]] = defaultdict(list)
    for trial in reported.run.records:
        for stage in _STAGES:
            if any(m.stage == stage for m in trial.measures.values()):
                spent[stage].append(seconds_of(trial, stage))
    parts = [("proposing and screening", len(reported.run.records), reported.sampler_s)]
    parts += [(_STAGES[s], len(spent[s]), sum(spent[s])) for s in _STAGES if s in spent]
    total = sum(seconds for *_, seconds in parts)
    return [Expense(*part, share=part[2] / total if total else 0.0) for part in parts]


def seconds_of(trial: Trial, stage: str) -> float:
    """What a stage took of a trial; ``train_s`` is all of its training, rungs included."""
    if stage == "train" and "train_s" in trial.measures:
        return trial.measures["train_s"].value
    return sum(m.seconds for m in trial.measures.values() if m.stage == stage)


def expense_note(reported: Reported) -> str:
    """How the parts relate to the time that somebody waited."""
    found = expenses(reported)
    engine = reported.run.study.settings.engine
    work = duration(sum(one.seconds for one in found))
    failed = any(trial.state == "failed" for trial in reported.run.records)
    unknown = " Of what failed no time is stored; it is in that of the clock." if failed else ""
    return (
        f"{duration(reported.run.elapsed_s)} on the clock over all starts; {work} of work, "
        f"{workers(engine)}.{unknown}"
    )


def environment(reported: Reported) -> dict[str, str]:
    """On what a run was made: labels with texts."""
    known: dict[str, Any] = dict(reported.run.environment)
    versions = known.get("versions") or {}
    rows = {
        "run": str(reported.run.folder),
        "begun": reported.created.replace("T", " ").replace("+00:00", " UTC"),
        "last change": f"{reported.run.changed:%Y-%m-%d %H:%M:%S %z}",
        "study": f"identity {reported.run.study.identity}",
        "commit": known.get("commit"),
        "machine": _joined([known.get("cpu"), _cores(known), known.get("platform")]),
        "python": known.get("python"),
        "packages": _joined(f"{name} {v}" for name, v in versions.items() if v),
        "images": f"fingerprint {known.get('images')}" if known.get("images") else None,
        "device": known.get("device"),
    }
    return {label: str(text) if text else UNKNOWN for label, text in rows.items()}


def _cores(known: dict[str, Any]) -> str | None:
    cores, threads = known.get("cores"), known.get("threads")
    plural = "thread" if threads == 1 else "threads"
    return f"{cores} cores, {threads} {plural} a worker" if cores else None


def _joined(parts: Iterable[object]) -> str:
    return ", ".join(str(part) for part in parts if part)
