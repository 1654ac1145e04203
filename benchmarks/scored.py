"""Scores of many nets by the proxies, and how well they order the nets by accuracy.

Scores are kept in a CSV, so that a run that was stopped goes on.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from archsearch.architecture import Architecture, Resolution
from archsearch.correlation import (
    Estimate,
    estimate,
    kendall,
    partial_spearman,
    resampled,
    spearman,
    whole,
)
from archsearch.network import build
from archsearch.proxies import PROXIES, ProxyFailed, score_all
from archsearch.proxies.ensembles import DEFAULT, ENSEMBLES
from archsearch.seeds import derive

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
IMAGES = SHARED / "images" / "cifar10_jpeg.npz"
_MEAN, _SD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_COLUMNS = ("net", "setting", "proxy", "value", "seconds")


@dataclass(frozen=True)
class Setting:
    """On what nets are scored: the first ``images`` of CIFAR-10, at a share of their resolution."""

    images: int = 64
    classes: int = 10
    share: float = 1.0
    seed: int = 0

    def resolution(self, of: Resolution) -> Resolution:
        """The size that a net of this resolution is scored at; multiples of 32, at least one."""
        sides = (of, of) if isinstance(of, int) else of
        height, width = (max(32, 32 * round(self.share * side / 32)) for side in sides)
        return height if height == width else (height, width)


class Agreement(NamedTuple):
    """How well a proxy or an ensemble orders ``n`` nets by their accuracy.

    ``fixed`` is the partial Spearman at fixed params and MACs, ``seconds`` a net's mean.
    """

    name: str
    n: int
    spearman: Estimate
    kendall: Estimate
    fixed: float
    seconds: float


class Scores(NamedTuple):
    """Value and seconds of a net by proxy."""

    net: str
    found: Mapping[str, tuple[float, float]]


def score_nets(
    nets: Mapping[str, Architecture],
    proxies: Sequence[str],
    setting: Setting,
    path: Path,
    workers: int = 2,
) -> pd.DataFrame:
    """Score nets by proxies: one row a net, columns the proxies' values and ``seconds.`` of each.

    What stands in ``path`` is not scored again; what is found is added to it net by net.
    """
    kept = _kept(path, setting)
    missing = {net: [proxy for proxy in proxies if proxy not in kept.get(net, {})] for net in nets}
    jobs = [(net, nets[net], names, setting) for net, names in missing.items() if names]
    start = time.perf_counter()
    for done, scores in enumerate(_scored(jobs, workers), start=1):
        _write(path, setting, scores)
        kept.setdefault(scores.net, {}).update(scores.found)
        left = (time.perf_counter() - start) / done * (len(jobs) - done)
        print(f"\r{done} of {len(jobs)} nets scored, {left / 60:.0f} min left ", end="", flush=True)
    print("\r", end="")
    rows = [{"net": net, **_flat(kept[net], proxies)} for net in nets]
    return pd.DataFrame(rows).set_index("net")


def ensembles(frame: pd.DataFrame) -> pd.DataFrame:
    """Scores of the ensembles whose proxies are all there, over the nets that have them all."""
    found = {}
    for name, ensemble in ENSEMBLES.items():
        if set(ensemble.proxies) <= set(frame.columns):
            part = frame[[*ensemble.proxies]].dropna()
            values = ensemble.of({proxy: part[proxy].to_numpy() for proxy in part})
            found[name] = pd.Series(values, part.index)
    return pd.DataFrame(found, frame.index)


def upwards(frame: pd.DataFrame, name: str) -> pd.Series:
    """Scores by which the better net has the higher one."""
    falls = name in PROXIES and PROXIES[name].direction == "minimize"
    return -frame[name] if falls else frame[name]


def agreement(frame: pd.DataFrame, name: str, accuracy: str) -> Agreement:
    """How well the column ``name`` orders the nets by the column ``accuracy``."""
    part = frame[frame[name].notna()]
    x, y = upwards(part, name).to_numpy(dtype=float), part[accuracy].to_numpy(dtype=float)
    controls = part[["params", "macs"]].to_numpy(dtype=float).T
    draws = resampled(len(part), 0)
    return Agreement(
        name,
        len(part),
        estimate(lambda weights: spearman(x, y, weights), draws),
        estimate(lambda weights: kendall(x, y, weights), draws),
        float(partial_spearman(x, y, controls, whole(len(part)))[0]),
        float(part[f"seconds.{name}"].mean()) if f"seconds.{name}" in part else nan,
    )


def beats_params(frame: pd.DataFrame, accuracy: str) -> str:
    """What the default ensemble has on the parameter count, on the same nets, as a line."""
    if DEFAULT not in frame:
        return f"{DEFAULT} is not there: it needs {', '.join(ENSEMBLES[DEFAULT].proxies)}"
    part = frame[frame[DEFAULT].notna()]
    x, size, y = (part[n].to_numpy(dtype=float) for n in (DEFAULT, "params", accuracy))
    more = estimate(
        lambda weights: spearman(x, y, weights) - spearman(size, y, weights),
        resampled(len(part), 0),
    )
    return f"Spearman of {DEFAULT} less that of params: {told(more)}"


def told(found: Estimate) -> str:
    """A statistic with its interval."""
    return f"{found.value:6.3f} [{found.low:6.3f},{found.high:6.3f}]"


@cache
def first_images(number: int) -> tuple[Tensor, Tensor]:
    """The first training images, normalised (N, 3, 32, 32), and labels; classes take turns."""
    with np.load(IMAGES, allow_pickle=False) as packed:
        data, ends = packed["train_data"], packed["train_off"]
        labels = torch.from_numpy(packed["train_y"][:number].astype(np.int64))
    jpegs = (data[ends[i] : ends[i + 1]].tobytes() for i in range(number))
    pixels = [np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in jpegs]
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    mean, sd = (torch.tensor(numbers)[:, None, None] for numbers in (_MEAN, _SD))
    return (images - mean) / sd, labels


_Job = tuple[str, Architecture, list[str], Setting]


def _scored(jobs: Sequence[_Job], workers: int) -> Iterator[Scores]:
    if not jobs:
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) as pool:
        for future in as_completed([pool.submit(_score, job) for job in jobs]):
            yield future.result()


def _score(job: _Job) -> Scores:
    name, architecture, proxies, setting = job
    size = setting.resolution(architecture.resolution)
    seed = derive(setting.seed, "net", name)
    module = build(architecture, setting.classes, resolution=size, seed=seed)
    images, labels = first_images(setting.images)
    if images.shape[2:] != (height_width := (size, size) if isinstance(size, int) else size):
        images = F.interpolate(images, height_width, mode="bilinear", antialias=True)
    try:
        scores = score_all(module, images, labels, proxies, seed)
        found = {proxy: (score.value, score.seconds) for proxy, score in scores.items()}
    except ProxyFailed:
        found = {proxy: _alone(module, images, labels, proxy, seed) for proxy in proxies}
    return Scores(name, found)


def _alone(
    module: torch.nn.Module, images: Tensor, labels: Tensor, proxy: str, seed: int
) -> tuple[float, float]:
    """One proxy's score, which is NaN where it fails."""
    start = time.perf_counter()
    try:
        value = score_all(module, images, labels, [proxy], seed)[proxy].value
    except ProxyFailed:
        value = nan
    return value, time.perf_counter() - start


def _kept(path: Path, setting: Setting) -> dict[str, dict[str, tuple[float, float]]]:
    """What a file holds of this setting, by net and proxy."""
    kept: dict[str, dict[str, tuple[float, float]]] = {}
    if path.exists():
        frame = pd.read_csv(path, dtype={"net": str})
        for row in frame[frame["setting"] == str(setting)].itertuples(index=False):
            kept.setdefault(row.net, {})[row.proxy] = (row.value, row.seconds)
    return kept


def _write(path: Path, setting: Setting, scores: Scores) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    begins = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if begins:
            writer.writerow(_COLUMNS)
        for proxy, (value, seconds) in scores.found.items():
            writer.writerow([scores.net, setting, proxy, repr(value), f"{seconds:.4f}"])


def _flat(found: Mapping[str, tuple[float, float]], proxies: Sequence[str]) -> dict[str, float]:
    flat = {}
    for proxy in proxies:
        flat[proxy], flat[f"seconds.{proxy}"] = found.get(proxy, (nan, nan))
    return flat
