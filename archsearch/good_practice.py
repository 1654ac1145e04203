"""The checklist of good practice for architecture search, answered from what a run has stored.

After Lindauer and Hutter, "Best practices for scientific research on neural architecture search",
JMLR 21(243), 2020: what is to be released, compared and reported so that others can judge a search.
What no store can know is left open for the author.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from archsearch import published
from archsearch.devices.source import Source, footnote
from archsearch.measures import ACCURACY
from archsearch.notation import duration
from archsearch.related_runs import Related, related_runs
from archsearch.results import RunResults
from archsearch.study import Study
from archsearch.summary import by_reason
from archsearch.tables import latencies_of

Verdict = Literal["yes", "partly", "no", "open", "does not apply"]
Part = Literal["release", "comparison", "reporting"]

REPEATS = 3
"""Repetitions, of trainings and of searches, from which on a spread is worth stating."""

_STRATEGY = frozenset({"sampler", "start", "seed"})
"""What may differ between a search and its random baseline."""

_CONFOUNDERS = ("commit", "python", "platform", "cpu", "cores", "threads", "versions", "images")


class Finding(NamedTuple):
    """What is known about one question, and what would make the answer a yes."""

    verdict: Verdict
    evidence: str
    remedy: str = ""


class Answer(NamedTuple):
    """One line of the checklist."""

    part: Part
    question: str
    verdict: Verdict
    evidence: str
    remedy: str


class Case(NamedTuple):
    """A run, what can be held against it, and the runs that are reported together with it."""

    run: RunResults
    related: Sequence[Related]
    compared: Sequence[RunResults]


class Question(NamedTuple):
    """A question that a study answers before it is run, or that only a run can answer."""

    part: Part
    text: str
    of_study: Callable[[Study], Finding] | None = None
    of_run: Callable[[Case], Finding] | None = None


def answers(run: RunResults, compared: Sequence[RunResults] = ()) -> list[Answer]:
    """Answer the checklist for a run.

    Args:
        run: the run; what can be held against it is looked for in the folder of its own folder.
        compared: further runs that are reported together with it.
    """
    others = [other for other in compared if other is not run]
    case = Case(run, related_runs(run, others), others)
    return [_answer(question, _found(question, case)) for question in QUESTIONS]


def prospects(study: Study) -> list[Answer]:
    """Answer what a study decides before it is run; the rest is open until then."""
    later = Finding("open", "known after the run")
    return [_answer(q, q.of_study(study) if q.of_study else later) for q in QUESTIONS]


def _found(question: Question, case: Case) -> Finding:
    if question.of_study is not None:
        return question.of_study(case.run.study)
    return question.of_run(case) if question.of_run else Finding("open", "not known from a run")


def _answer(question: Question, finding: Finding) -> Answer:
    return Answer(question.part, question.text, *finding)


def _given_in_full(study: Study) -> Finding:
    space = f"{study.space.name}, {len(study.space.leaves())} open leaves"
    return Finding("yes", f"study.yaml holds all of it (space {space}; identity {study.identity})")


def _seed(study: Study) -> Finding:
    return Finding("yes", f"seed {study.settings.seed}; every other seed descends from it")


def _code(case: Case) -> Finding:
    commit = case.run.environment.get("commit")
    version = case.run.environment.get("versions", {}).get("archsearch")
    if not commit:
        return Finding(
            "partly" if version else "no",
            f"archsearch {version or 'of an unknown version'}, outside of a repository",
            "run from a commit that others can get",
        )
    if str(commit).endswith("+changed"):
        return Finding("partly", f"{commit}: the code differed from it", "commit, then run again")
    return Finding("yes", f"commit {commit}")


def _images(case: Case) -> Finding:
    images, data = case.run.environment.get("images"), case.run.study.settings.data
    if not images:
        return Finding("no", "the run stored no fingerprint of its images", "run it again")
    return Finding("yes", f"{data.name}, split seed {data.split_seed}, fingerprint {images}")


def _machine(case: Case) -> Finding:
    known = case.run.environment
    missing = [name for name in ("cpu", "platform", "versions") if not known.get(name)]
    if missing:
        return Finding("no", f"not stored: {', '.join(missing)}", "run it again")
    torch = known["versions"].get("torch")
    return Finding("yes", f"{known['cpu']}, {known.get('cores')} cores, torch {torch}")


def _latency(case: Case) -> Finding:
    if case.run.study.device is None:
        return Finding("does not apply", "the study has no device")
    found = latencies_of(trial.measures for trial in case.run.records)
    if not found:
        return Finding("no", "no trial has a latency yet", "let the run go on")
    text = footnote(Source.of(found[0]), found).partition(": ")[2]
    if found[0].how == "measured":
        return Finding("yes", text)
    return Finding(
        "partly",
        f"{text} No board has confirmed it",
        f"archsearch measure {case.run.folder} --device FILE, on the board itself",
    )


def _training_seeds(study: Study) -> Finding:
    seeds = study.settings.training.seeds
    if study.settings.cascade.train is None:
        return Finding("does not apply", "nothing is trained")
    if seeds >= REPEATS:
        return Finding("yes", f"{seeds} seeds a net")
    many = "one seed" if seeds == 1 else f"{seeds} seeds"
    verdict: Verdict = "no" if seeds == 1 else "partly"
    return Finding(verdict, f"{many} a net", f"--set training.seeds={REPEATS} or more")


def _searches(case: Case) -> Finding:
    again = [r.run.study.settings.seed for r in case.related if r.differs == {"seed"}]
    seeds = sorted({case.run.study.settings.seed, *again})
    text = f"searches with seed {', '.join(map(str, seeds))}"
    if len(seeds) >= REPEATS:
        return Finding("yes", text)
    verdict: Verdict = "no" if len(seeds) == 1 else "partly"
    new, name = max(seeds) + 1, case.run.study.settings.name
    remedy = f"archsearch run STUDY --set seed={new} --out {case.run.folder.parent}/{name}_{new}"
    return Finding(verdict, f"{text}: {len(seeds)} of {REPEATS}", remedy)


def _random(case: Case) -> Finding:
    if "random" in case.run.study.settings.sampler:
        return Finding("does not apply", "this run is a random search")
    found = [
        r.run
        for r in case.related
        if r.differs <= _STRATEGY and "random" in r.run.study.settings.sampler
    ]
    name = case.run.study.settings.name
    if not found:
        remedy = f"archsearch run STUDY --set sampler=random --set name={name}_random"
        return Finding("no", "no random search of this study beside it", remedy)
    own = case.run.summary().done
    most = max((run.summary().done, run.folder.name) for run in found)
    text = f"{most[1]} with {most[0]} trials, this run with {own}"
    if most[0] >= own:
        return Finding("yes", text)
    return Finding("partly", text, f"go on with {most[1]}: --trials {own}")


def _baselines(case: Case) -> Finding:
    ids = {published.load(name).id: name for name in published.names()}
    complete = [t.architecture_id for t in case.run.records if t.state == "complete"]
    names = [ids[one] for one in complete if one in ids]
    if names:
        return Finding("yes", f"{', '.join(names)}: judged as all other trials")
    return Finding("no", "no published net is among the complete trials", "name some: start.nets")


def _confounders(case: Case) -> Finding:
    if not case.compared:
        return Finding("does not apply", "one run is reported")
    own = case.run.environment
    differ = [
        key
        for key in _CONFOUNDERS
        if any(other.environment.get(key) != own.get(key) for other in case.compared)
    ]
    if differ:
        return Finding("no", f"the runs differ in {', '.join(differ)}", "run them alike")
    return Finding("yes", "the runs have the same code, versions, machine and images")


def _ablation(case: Case) -> Finding:
    arms = [(*r.differs, r.run.folder.name) for r in case.related if len(r.differs) == 1]
    arms = [arm for arm in arms if arm[0] != "seed"]
    if arms:
        return Finding("yes", "; ".join(f"{name} differs in {key}" for key, name in arms))
    remedy = "run the study with one thing changed, such as --set cascade.train.promote=1"
    return Finding("no", "no run beside it differs in one thing alone", remedy)


def _audited(case: Case) -> Finding:
    said = case.run.trust().get("accuracy axis")
    if said is None:
        return Finding("does not apply", "nothing is trained")
    if said.startswith("audited"):
        return Finding("yes", said)
    return Finding("no", "no audit stands behind the short training", "archsearch audit STUDY")


def _unseen(study: Study) -> Finding:
    if ACCURACY not in {o.measure for o in study.settings.objectives}:
        return Finding("does not apply", "accuracy is no objective")
    return Finding(
        "no",
        "val_accuracy is of the images that steered the search, so the best of it is too high",
        "train the nets that you take in full (archsearch train) and test them on other images",
    )


def _anytime(case: Case) -> Finding:
    timed = sum(trial.finished_s is not None for trial in case.run.records)
    if timed:
        return Finding("yes", f"stored for {timed} of {len(case.run.records)} trials")
    return Finding("no", "no trial has ended yet", "let the run go on")


def _whole_time(case: Case) -> Finding:
    now = case.run.summary()
    text = f"{duration(now.elapsed_s)} over all starts, from the screen to the last training"
    if now.state == "unfinished":
        return Finding("partly", f"{text}; the run is unfinished", "let it go on")
    return Finding("yes", text)


def _failures(case: Case) -> Finding:
    now = case.run.summary()
    return Finding("yes", f"{by_reason(now.failed)} of {len(case.run.records)} trials failed")


def _tuning(case: Case) -> Finding:
    name = case.run.study.settings.name
    return Finding("open", f"say how recipe and sampler of {name} were chosen, and at what cost")


QUESTIONS: tuple[Question, ...] = (
    Question("release", "Is the code identified?", of_run=_code),
    Question("release", "Are space, recipe and method given in full?", of_study=_given_in_full),
    Question("release", "Are the random seeds stated?", of_study=_seed),
    Question("release", "Are the images and their split identified?", of_run=_images),
    Question("release", "Are machine and versions described?", of_run=_machine),
    Question("comparison", "Is latency measured on the device?", of_run=_latency),
    Question("comparison", "Is each net trained with several seeds?", of_study=_training_seeds),
    Question("comparison", "Was the search repeated with other seeds?", of_run=_searches),
    Question("comparison", "Is there a random search of the same budget?", of_run=_random),
    Question("comparison", "Are baselines trained by the same recipe?", of_run=_baselines),
    Question("comparison", "Are compared runs free of confounders?", of_run=_confounders),
    Question("comparison", "Are the parts of the method ablated?", of_run=_ablation),
    Question("reporting", "Is the accuracy axis audited?", of_run=_audited),
    Question("reporting", "Is accuracy of images that the search never saw?", of_study=_unseen),
    Question("reporting", "Is performance over time stored?", of_run=_anytime),
    Question("reporting", "Is the time of the whole method stated?", of_run=_whole_time),
    Question("reporting", "Are failures reported?", of_run=_failures),
    Question("reporting", "Is the tuning of hyperparameters reported?", of_run=_tuning),
)
