"""ParC-Net-S against MobileViT-S on RK3288: what its authors state, and what we say.

    python benchmarks/latency_parcnet.py

Runs both nets' ARM code for MNN under the emulator (``archsearch devices setup emulated``), turns
what they execute into milliseconds by the profile of RK3288. To see where the ratio of the two may
come from, it does so with the counts of ONNX Runtime and by every other profile, too. Prints
Markdown; it takes about two minutes of a core.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from archsearch import published
from archsearch.cost import count
from archsearch.devices.deploy import deploy
from archsearch.devices.emulator.emulator import Counted, Counts, Emulator, Job
from archsearch.devices.profile import INSTRUCTIONS, Fit, Isa, load, names

PUBLISHED_MS = {"parcnet_s": 353.0, "mobilevit_s": 457.0}
"""README of hkzhang91/ParC-Net, commit f6780d0: RK3288, ONNX to MNN, mean of 100 runs. It states
neither the number of threads nor MNN's version."""

BOARD, RUNTIME, OTHER_RUNTIME, THREADS = "rk3288", "mnn", "onnxruntime", (1, 4)
ISA: Isa = "aarch64-fp32"
FEWEST_MS = 10.0
"""Kinds of operator that take less in both nets stand in one line."""


def counted(runtime: str) -> dict[str, Counted]:
    """Executed instructions of both nets, for MNN of each operator too, their outputs checked."""
    with Emulator(runtime, ISA, processes=1) as emulator:
        return {net: run(net, emulator) for net in PUBLISHED_MS}


def run(net: str, emulator: Emulator) -> Counted:
    """Executed instructions of one net."""
    with tempfile.TemporaryDirectory() as folder:
        tools = emulator.installation.tools(emulator.runtime)
        net_there = deploy(published.load(net), emulator.runtime, Path(folder), tools)
        each = emulator.runtime == RUNTIME
        found = emulator.run(Job(net_there.model, net_there.shape, net_there.input, operators=each))
        net_there.check(found.output)
    return found


def ratio(parcnet: float, mobilevit: float) -> str:
    """How many times as long MobileViT-S takes."""
    return f"{mobilevit / parcnet:.2f}"


def row(*cells: str) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def table(first: str, second: str, rows: Sequence[str]) -> str:
    """A table whose rows compare the nets."""
    return "\n".join([row(first, "ParC-Net-S", "MobileViT-S", second), row("---", *["---:"] * 3),
                      *rows])  # fmt: skip


def overall(runs: Mapping[str, Counted], others: Mapping[str, Counted]) -> str:
    """Published milliseconds, ours, and what the nets cost otherwise."""
    lines = {"published, ms": tuple(PUBLISHED_MS.values())}
    for name, found in (("MNN", runs), ("ONNX Runtime", others)):
        for threads in THREADS:
            fit = load(BOARD).fit(threads, ISA)
            said = f"ours, {name}, {threads} thread{'s' * (threads > 1)}, ms"
            lines[said] = tuple(float(fit.milliseconds(one.counts)) for one in found.values())
    lines["instructions of MNN, M"] = tuple(instructions(one.counts) for one in runs.values())
    lines["MACs, M"] = tuple(count(published.load(net)).macs / 1e6 for net in runs)
    rows = [row(what, f"{a:,.0f}", f"{b:,.0f}", ratio(a, b)) for what, (a, b) in lines.items()]
    return table("", "ratio", rows)


def instructions(counts: Counts) -> float:
    """Millions of instructions."""
    return sum(counts[name] for name in INSTRUCTIONS) / 1e6


def by_kind(found: Counted, fit: Fit) -> dict[str, float]:
    """Milliseconds of all operators of a kind."""
    kinds: dict[str, float] = defaultdict(float)
    for operator in found.operators:
        kinds[operator.kind] += float(fit.milliseconds(operator.counts))
    return kinds


def operators(runs: Mapping[str, Counted], threads: int) -> str:
    """What the time of both nets is made of."""
    fit = load(BOARD).fit(threads, ISA)
    parcnet, mobilevit = (by_kind(one, fit) for one in runs.values())
    kinds = sorted({*parcnet, *mobilevit}, key=lambda kind: -mobilevit.get(kind, 0.0))
    pairs = {kind: (parcnet.get(kind, 0.0), mobilevit.get(kind, 0.0)) for kind in kinds}
    big = {kind: pair for kind, pair in pairs.items() if max(pair) >= FEWEST_MS}
    rest = [pair for kind, pair in pairs.items() if kind not in big]
    big["the rest"] = (sum(a for a, _ in rest), sum(b for _, b in rest))
    rows = [row(kind, f"{a:.0f}", f"{b:.0f}", f"{b - a:+.0f}") for kind, (a, b) in big.items()]
    return table(f"operators of MNN, ms with {threads} threads", "difference", rows)


def other_boards(runs: Mapping[str, Counted]) -> str:
    """The ratio by every profile that takes these counts."""
    lines = []
    for threads in THREADS:
        fits = [fit for name in names() for fit in load(name).fits]
        of = [fit for fit in fits if (fit.counts, fit.threads) == (ISA, threads)]
        times = [[float(fit.milliseconds(one.counts)) for one in runs.values()] for fit in of]
        ratios = sorted(mobilevit / parcnet for parcnet, mobilevit in times)
        lines.append(f"Ratio by all {len(of)} profiles for {threads} thread{'s' * (threads > 1)}: "
                     f"{ratios[0]:.2f} to {ratios[-1]:.2f}.")  # fmt: skip
    return "\n".join(lines)


def missing(runs: Mapping[str, Counted], threads: int) -> str:
    """How much more MobileViT-S would have to take for the published ratio."""
    fit = load(BOARD).fit(threads, ISA)
    parcnet, mobilevit = (float(fit.milliseconds(one.counts)) for one in runs.values())
    wanted = PUBLISHED_MS["mobilevit_s"] / PUBLISHED_MS["parcnet_s"] * parcnet
    more = f"{wanted - mobilevit:.0f} ms more with {threads} threads"
    return f"For the published ratio MobileViT-S would take {more}."


def main() -> None:
    """Print the tables."""
    runs, others = counted(RUNTIME), counted(OTHER_RUNTIME)
    said = [overall(runs, others), operators(runs, THREADS[-1]), missing(runs, THREADS[-1])]
    print(*said, other_boards(runs), sep="\n\n")


if __name__ == "__main__":
    main()
