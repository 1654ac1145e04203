"""Run folders: begin a run, or go on with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archsearch.datasets import Images, load
from archsearch.engines import ENGINES
from archsearch.environment import environment
from archsearch.errors import InputError
from archsearch.feasible import FeasibleSpace
from archsearch.screen import start_candidates
from archsearch.search import Run
from archsearch.store import DATABASE as DATABASE
from archsearch.store import Store
from archsearch.study import Study, deciding

BEGUN = {"run.lock", f".{DATABASE}.new"}
"""All that a kill can leave of a run that was just being created."""


def work_on(study: Study, folder: Path, watch: Callable[[Run], Callable[[], None]]) -> Run:
    """Begin the run of ``study`` in ``folder``, or go on with it, until its budget is used up.

    ``watch`` gets the run and returns what is called after every change of it. Nothing is written
    before study, images and limits are known to be good.

    Raises:
        InputError: the images are not there, the device is not set up, no member meets the limits,
            the folder holds the run of another study or is being written by another process, or
            the disk is full.
    """
    images = load(study.settings.data)
    if study.device is not None:
        study.device.ensure_ready()
    run = (
        _resume(study, folder, images)
        if (folder / DATABASE).exists()
        else (_begin(study, folder, images))
    )
    try:
        changed = watch(run)
        changed()
        if run.has_work:
            ENGINES[study.settings.engine.name](run, images, changed)
    finally:
        run.store.close()
    return run


def _begin(study: Study, folder: Path, images: Images) -> Run:
    space = None if study.plan else FeasibleSpace.of(study)
    start = start_candidates(study, space) if space else None
    if folder.exists() and {entry.name for entry in folder.iterdir()} - BEGUN:
        raise InputError(f"{folder}: is not empty and holds no run; choose another with --out")
    folder.mkdir(parents=True, exist_ok=True)
    made_by = environment(images.fingerprint, study.settings.engine.threads, _identity(study))
    store = Store.create(folder / DATABASE, study.data, study.identity, made_by)
    _write_study(study, folder)
    return Run(study, store, start, space)


def _resume(study: Study, folder: Path, images: Images) -> Run:
    with Store.open(folder / DATABASE) as stored:  # read only: a run that is refused stays as it is
        _check_same(study, stored, folder)
        if stored.environment.get("images") != images.fingerprint:
            raise InputError(
                f"{folder}: was made on other images ({study.settings.data.name} has "
                "changed since); choose another folder with --out"
            )
        if stored.environment.get("device") != _identity(study):
            raise InputError(
                f"{folder}: its latencies are of the device {stored.environment.get('device')}, "
                f"which is now {_identity(study)} (profile, settings or machine changed since); "
                "choose another folder with --out"
            )
    store = Store.open(folder / DATABASE, write=True)
    try:
        store.renew_study(study.data)
        _write_study(study, folder)
        return Run(study, store)
    except BaseException:
        store.close()
        raise


def _identity(study: Study) -> str | None:
    return None if study.device is None else study.device.identity


def _check_same(study: Study, store: Store, folder: Path) -> None:
    if store.identity == study.identity:
        return
    before, now = deciding(store.study), deciding(study.data)
    differing = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    raise InputError(
        f"{folder}: holds the run of another study (different: {', '.join(differing)}); choose "
        "another folder with --out, or give the run's own study to go on"
    )


def _write_study(study: Study, folder: Path) -> None:
    (folder / "study.yaml").write_text(study.to_yaml(), encoding="utf-8")
