"""The Ray Tune engine: from two cores to a cluster (RAY_ADDRESS), with actors that are reused.

A Tune trial is a package, not a candidate: cheap scores go in batches, so that Tune's cost of
about a tenth of a second a trial is paid a few times a generation.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

import ray
from ray import tune
from ray.tune import PlacementGroupFactory
from ray.tune.search import Searcher

from archsearch.datasets import Images
from archsearch.errors import InputError
from archsearch.evaluate import Job, MakeBench, Outcome, Package, Workbench
from archsearch.search import Run
from archsearch.settings import Engine as EngineSettings
from archsearch.study import Study
from archsearch.trial import CurvePoint, Measured

T = TypeVar("T")

ARM_DEVICE = "arm_device"
"""The resource that a timing asks for, so that timings run where a board is reached, one at a time.
A cluster offers it with ``ray start --resources='{"arm_device": 1}'`` on such nodes."""

_METRIC = "outcomes"
_FOUND = "found"
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # our store is the truth
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Tune's own snapshots are never read
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_MAX_PENDING_TRIALS_PG": "16",
}


def work(
    run: Run, images: Images, changed: Callable[[], None], bench: MakeBench = Workbench
) -> None:
    """Do everything the run hands out, on Ray workers."""
    os.environ.update({key: os.environ.get(key, value) for key, value in _QUIET.items()})
    logging.getLogger("ray").setLevel(logging.ERROR)  # what matters of a trial is in our store
    settings = run.study.settings.engine
    folder = tempfile.mkdtemp(prefix="archsearch-ray-")
    started = not ray.is_initialized()
    searcher = RunSearcher(run, changed)
    try:
        if started:
            _start(settings)
        _ensure_offered(run.study)
        trainable = tune.with_resources(
            tune.with_parameters(Worker, bench=bench, study=run.study, images=images),
            partial(_resources, settings.threads, _gpu_share(settings), _is_timed(run.study)),
        )
        tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                num_samples=-1,
                reuse_actors=True,
                max_concurrent_trials=settings.workers,
                metric=_METRIC,
                mode="max",
                trial_dirname_creator=lambda trial: str(trial.trial_id),
            ),
            run_config=tune.RunConfig(name="run", storage_path=folder, verbose=0),
        ).fit()
    finally:
        if started:
            ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
    if searcher.failure is not None:
        raise searcher.failure
    if not searcher.finished:
        raise KeyboardInterrupt  # Tune takes the first Ctrl-C for itself and ends quietly


def _start(settings: EngineSettings) -> None:
    """Join the cluster at RAY_ADDRESS, or start one on this machine with the study's workers."""
    alone = "RAY_ADDRESS" not in os.environ
    own: dict[str, Any] = {
        "num_cpus": settings.workers * settings.threads,
        "resources": {ARM_DEVICE: 1},
    }
    ray.init(
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        configure_logging=False,
        **(own if alone else {}),
    )


def _is_timed(study: Study) -> bool:
    """Whether latency is timed, so that nothing else may run on the device meanwhile."""
    return study.device is not None and study.device.how == "measured"


def _ensure_offered(study: Study) -> None:
    """Refuse to wait for ever for a resource that no node has.

    Raises:
        InputError: the study times nets and the cluster offers no device for that.
    """
    if _is_timed(study) and not ray.cluster_resources().get(ARM_DEVICE):
        raise InputError(
            f"the Ray cluster offers no {ARM_DEVICE!r}, on which nets are timed; start the node "
            f"that reaches the board with ray start --resources='{{\"{ARM_DEVICE}\": 1}}'"
        )


def _gpu_share(settings: EngineSettings) -> float:
    """How much of a GPU a worker gets: those of the cluster are dealt out, one each at most.

    Raises:
        InputError: GPUs are asked for and the cluster has none.
    """
    found = ray.cluster_resources().get("GPU", 0.0)
    if settings.processor == "cuda" and not found:
        raise InputError(
            "engine.processor: cuda needs a GPU and the Ray cluster has none; use auto or cpu"
        )
    return 0.0 if settings.processor == "cpu" else min(1.0, found / settings.workers)


def _resources(
    threads: int, gpu: float, timed: bool, config: Mapping[str, Any]
) -> PlacementGroupFactory:
    """What a package needs: a worker's cores and share of a GPU, and for a timing the device."""
    stage = _package(config["package"]).stage
    device = {ARM_DEVICE: 1} if timed and stage == "latency" else {}
    share = {"GPU": gpu} if gpu and stage != "latency" else {}
    return PlacementGroupFactory([{"CPU": threads, **share, **device}])


class RunSearcher(Searcher):  # type: ignore[misc]
    """Ray Tune's Searcher over a run: suggests packages, brings back outcomes.

    What the run raises (a full disk) must not reach Tune, which would go on around it: it is kept
    as ``failure``, nothing more is suggested, and ``work`` raises it in the end.
    """

    def __init__(self, run: Run, changed: Callable[[], None]) -> None:
        super().__init__(metric=_METRIC, mode="max")
        self._run = run
        self._changed = changed
        self._packages: dict[str, Package] = {}
        self.finished = False
        self.failure: BaseException | None = None

    def suggest(self, trial_id: str) -> Any:
        """Give the next package, None to be asked again, or that the run is over."""
        package = self._guarded(self._run.next_package)
        if package is None:
            self.finished = self.failure is not None or self._run.idle
            return Searcher.FINISHED if self.finished else None
        self._packages[trial_id] = package
        return {"package": json.dumps(asdict(package))}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take the outcomes of a package, or note that its worker died."""
        package = self._packages.pop(trial_id, None)
        if package is not None and self.failure is None:
            found = None if error else (result or {}).get(_FOUND)
            self._guarded(lambda: self._take(package, found))

    def _take(self, package: Package, found: str | None) -> None:
        if found is None:
            self._run.lose(package, "the worker died (out of memory?)")
        else:
            self._run.finish([_outcome(item) for item in json.loads(found)])
        self._changed()

    def _guarded(self, do: Callable[[], T]) -> T | None:
        if self.failure is not None:
            return None
        try:
            return do()
        except BaseException as error:
            self.failure = error
            return None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing of a run goes into Tune's own snapshots: the store remembers."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save, see above."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore, see above."""


class Worker(tune.Trainable):  # type: ignore[misc]
    """An actor that holds the images and evaluates one package a Tune trial."""

    def setup(self, config: dict[str, Any], bench: MakeBench, study: Study, images: Images) -> None:
        """Take a place at the bench, once for many packages."""
        self._bench = bench(study, images)
        self._package = _package(config["package"])

    def step(self) -> dict[str, Any]:
        """Evaluate the package."""
        found = [asdict(outcome) for outcome in self._bench.evaluate(self._package)]
        return {_FOUND: json.dumps(found), _METRIC: len(found), "done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next package instead of starting a new actor."""
        self._package = _package(new_config["package"])
        return True

    def cleanup(self) -> None:
        """Leave the bench: what was opened for it is closed."""
        self._bench.close()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save: a package is done whole or not at all."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing to load."""


def _package(text: str) -> Package:
    data = json.loads(text)
    return Package(data["stage"], tuple(Job(**job) for job in data["jobs"]))


def _outcome(data: dict[str, Any]) -> Outcome:
    return Outcome(
        data["number"],
        data["stage"],
        tuple(Measured(**m) for m in data["measures"]),
        tuple(CurvePoint(**p) for p in data["curve"]),
        data["error"],
    )
