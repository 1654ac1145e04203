"""What the search itself costs a trial: proposing, screening, storing, promoting, telling.

    python benchmarks/search_overhead.py --trials 1000 --samplers random nsga2 pareto_evolution
    python benchmarks/search_overhead.py --engine ray --trials 1000 --samplers random

Runs the main study with a bench that measures nothing (scores and accuracies are drawn from the
job's seed), so that all that is left is the search. Prints milliseconds a trial, the sampler's
share of it, and how many candidates were screened. Ray's start is reported apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from archsearch.datasets import Images, load
from archsearch.engines import local
from archsearch.evaluate import Job, Outcome, Package, Workbench
from archsearch.search import Run
from archsearch.store import Store
from archsearch.study import Study, load_study
from archsearch.trial import Measured

STUDY = Path(__file__).parent.parent / "studies" / "mobile_5m.yaml"


class NullBench(Workbench):
    """Measures nothing: outcomes are random numbers of the job's seed."""

    def evaluate(self, package: Package) -> list[Outcome]:
        """Answer at once."""
        return [_outcome(package, job, self.study) for job in package.jobs]


def _outcome(package: Package, job: Job, study: Study) -> Outcome:
    rng = np.random.default_rng(job.seed)
    stage = study.settings.cascade.score
    names = stage.computed if package.stage == "score" and stage else ("val_accuracy",)
    measures = tuple(Measured(name, rng.random(), package.stage) for name in names)
    return Outcome(job.number, package.stage, measures)


def overhead(study: Study, images: Images, engine: str) -> dict[str, float]:
    """Run ``study`` without evaluating anything; seconds by part."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "run.sqlite", study.data, study.identity, {})
        began = time.perf_counter()
        run = Run(study, store)
        finished: list[float] = []

        def changed() -> None:
            finished.append(time.perf_counter())

        if engine == "ray":
            from archsearch.engines import ray_tune

            ray_tune.work(run, images, changed, NullBench)
        else:
            local.work(run, images, changed, NullBench)
        sampler_s = sum(generation.sampler_s for generation in store.generations())
        store.close()
    first = len(finished) // 10
    return {
        "trials": len(run.trials),
        "screened": run.counts["asked"],
        "start_s": finished[0] - began,
        "sampler_s": sampler_s,
        "loop_s": finished[-1] - finished[0],
        "later_s": finished[-1] - finished[first],
    }


def main() -> None:
    """Print one line a sampler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--samplers", nargs="+", default=["random", "nsga2", "pareto_evolution"])
    arguments = parser.parse_args()
    print(
        f"{'sampler':18} {'trials':>7} {'screened':>9} {'start s':>8} {'ms/trial':>9} "
        f"{'of it asking':>13}"
    )
    for sampler in arguments.samplers:
        study = load_study(
            STUDY,
            [
                f"sampler={sampler}",
                f"budget.trials={arguments.trials}",
                "budget.minutes=null",
                f"engine.name={arguments.engine}",
            ],
        )
        found = overhead(study, load(study.settings.data), arguments.engine)
        per_trial = 1000 * found["loop_s"] / found["trials"]
        asking = 1000 * found["sampler_s"] / found["trials"]
        print(
            f"{sampler:18} {found['trials']:7.0f} {found['screened']:9.0f} "
            f"{found['start_s']:8.1f} {per_trial:9.2f} {asking:13.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
