"""Do our proxies order the published nets by their ImageNet top-1 better than params do?

    python benchmarks/published_rank.py

Scores every published net that has a top-1 on ImageNet-1K (archsearch.published_numbers), with
1000 classes, on a few CIFAR-10 images enlarged to a share of the net's own resolution, and prints
Spearman and Kendall with 95 % bootstrap intervals (BCa, 2,000 resamples), the partial Spearman at
fixed params and MACs, and seconds a net. MACs are those at the net's own resolution. The nets were
trained by different recipes, which no proxy sees. Goes on where it was stopped: delete the file of
scores when a proxy has changed. Needs ../shared/data for the images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from scored import IMAGES, Setting, agreement, beats_params, ensembles, score_nets, told

from archsearch import published
from archsearch.cost import count
from archsearch.proxies import PROXIES
from archsearch.proxies.ensembles import ENSEMBLES
from archsearch.published_numbers import published_summary


def stated() -> pd.DataFrame:
    """Top-1 on ImageNet-1K by net, of those trained on it alone; the smallest net first."""
    summary = published_summary().set_index("net")
    return summary[(summary["dataset"] == "ImageNet-1K") & summary["top1"].notna()][["top1"]]


def main() -> None:
    """Score what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--share", type=float, default=0.4, help="of each net's own resolution")
    parser.add_argument("--nets", type=int, help="only so many, the smallest")
    parser.add_argument("--proxies", nargs="+", default=list(PROXIES), choices=list(PROXIES))
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scores", type=Path, default=Path("runs/proxies_published.csv"))
    given = parser.parse_args()
    if not IMAGES.exists():
        raise SystemExit(f"skipped: {IMAGES} is not there")
    rows = stated().head(given.nets) if given.nets else stated()
    nets = {str(name): published.load(str(name)) for name in rows.index}
    setting = Setting(given.images, classes=1000, share=given.share, seed=given.seed)
    frame = rows.join(score_nets(nets, given.proxies, setting, given.scores, given.workers))
    for name in ("params", "macs"):
        frame[name] = [float(getattr(count(net), name)) for net in nets.values()]
    frame = frame.join(ensembles(frame))
    print(f"{len(frame)} published nets, {given.images} images, share {given.share}")
    print(f"{'proxy':16} {'n':>4} {'spearman':23} {'kendall':23}  fixed seconds")
    for name in dict.fromkeys(["params", "macs", *given.proxies, *ENSEMBLES]):
        if name in frame:
            found = agreement(frame, name, "top1")
            print(
                f"{name:16} {found.n:4} {told(found.spearman)} {told(found.kendall)} "
                f"{found.fixed:6.3f} {found.seconds:7.2f}"
            )
    print(beats_params(frame, "top1"))


if __name__ == "__main__":
    main()
