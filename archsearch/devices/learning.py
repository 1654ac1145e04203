"""Coefficients of operators, learnt from layers of random nets counted under the emulator.

Nets are drawn from a space and counted operator by operator where they stand, so that what MNN
folds together and copies between layers is as in any net. A sample is one operator with its counts;
or all the copies of one layer, which MNN makes as it sees fit, with the counts of all of them.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from archsearch.architecture import Architecture
from archsearch.blocks.operators import COPIES, Operator, Operators
from archsearch.devices import emulator
from archsearch.devices.emulator.emulator import Emulator, GuestFailed, Job, Run
from archsearch.devices.instructions import BASES, PACK, kernel
from archsearch.devices.profile import CLASSES, FloatArray, Isa
from archsearch.devices.recording import HEAD, node_of, observed, record
from archsearch.devices.runtimes import find_runtime
from archsearch.devices.runtimes.mnn import MNN
from archsearch.devices.runtimes.runtime import Conversion
from archsearch.errors import InputError
from archsearch.seeds import derive
from archsearch.space import SearchSpace

SIZES = (64, 96, 128, 96, 64, 128, 112, 160)
"""Resolutions that nets are drawn down to, in turn, but for the first seven: counts are regular in
the size of the map, and small maps are counted ten times as fast."""

_WHOLE = 7
_COLUMNS = ("isa", "net", "layer", "operators", *CLASSES)
_FOLDS = 10
_FLOOR = 0.3  # of a class's usual share, below which a count need not be met relatively
_POWER = 0.25  # operators of ten thousand times the instructions weigh ten times as much


class Sample(NamedTuple):
    """Operators that were executed together, where, and their instructions by class."""

    net: str
    layer: str
    operators: Operators
    counts: FloatArray


def drawn(space: SearchSpace, seed: int, number: int) -> Architecture:
    """The net of a counting run that has a number."""
    rng = np.random.default_rng(derive(seed, "predicted latency", "train", number))
    net = space.sample(rng)
    return net if number < _WHOLE else net.at(SIZES[number % len(SIZES)])


def count_nets(
    space: SearchSpace, file: Path, nets: int, seed: int, isa: Isa, processes: int = 2
) -> Iterator[str]:
    """Count the nets 0 .. ``nets`` - 1 of a run into a CSV file; those there are left out.

    A net that cannot be converted or run is told and left out.

    Returns:
        A line about each net.

    Raises:
        InputError: the file holds counts of another run.
    """
    todo = _missing(space, file, nets, seed, isa)
    if not todo:
        return
    yield f"{nets - len(todo)} of {nets} nets are counted"
    with Emulator("mnn", isa, processes=processes) as guests:

        def one(number: int, run: Run) -> list[Sample] | InputError:
            try:
                return count(drawn(space, seed, number), number, guests, run)
            except InputError as error:
                return error
            except GuestFailed as failed:
                return InputError(f"{number}: {failed}")

        for found in guests.map(one, todo):
            if isinstance(found, InputError):
                yield f"left out: {found}"
                continue
            write_samples(file, found, isa)
            yield f"{found[0].net}: {len(found)} samples"


def _missing(space: SearchSpace, file: Path, nets: int, seed: int, isa: Isa) -> list[int]:
    """The numbers of the nets of a run that a file lacks."""
    samples = read_samples(file, isa) if file.exists() else []
    there = {int(sample.net.partition(":")[0]): sample.net for sample in samples}
    for number, name in there.items():
        ours = _name(drawn(space, seed, number), number)
        if name != ours:
            raise InputError(
                f"{file} holds {name} where this run draws {ours}: it was counted in another space "
                "or with another seed; give the run a file of its own"
            )
    return [number for number in range(nets) if number not in there]


def _name(net: Architecture, number: int) -> str:
    return f"{number}:{net.id}"


def count(net: Architecture, number: int, guests: Emulator, run: Run) -> list[Sample]:
    """Count a net by operator.

    Raises:
        InputError: the net cannot be written or converted.
        GuestFailed: it cannot be run.
    """
    name = _name(net, number)
    try:
        content, graph = record(net)
    except LookupError as error:
        raise InputError(f"{name}: {error}") from error
    with tempfile.TemporaryDirectory(prefix="archsearch-learn.") as folder:
        onnx, private = Path(folder) / "net.onnx", Path(folder) / "converted"
        onnx.write_bytes(content)
        private.mkdir()
        tools = guests.installation.tools(guests.runtime)
        (model,) = find_runtime(guests.runtime).convert([Conversion(onnx, private)], tools)
        counted = run(Job(model, (1, net.channels, *net.size), operators=True))
    copies: defaultdict[str, FloatArray] = defaultdict(lambda: np.zeros(len(CLASSES)))
    samples = []
    for found in counted.operators:
        node, counts = node_of(graph, found.name), _array(found)
        if node is not None and found.kind == "Raster":
            copies[node.layer] += counts
        elif operator := observed(found, node):
            samples.append(Sample(name, node.layer if node else HEAD, (operator,), counts))
    return [*samples, *_copied(net, name, copies)]


def _array(found: emulator.Operator) -> FloatArray:
    return np.array([max(0.0, found.counts[name]) for name in CLASSES])


def _copied(net: Architecture, name: str, counts: Mapping[str, FloatArray]) -> Iterator[Sample]:
    """All copies of each layer as one sample."""
    site = net.out_site()
    every = {place.path: place.layer.operators(place.site) for place in net.places()}
    every[HEAD] = net.head.operators(site.channels, site.height, site.width, 1000)
    for layer, operators in every.items():
        copies = tuple(at for at in operators if at.kind in COPIES)
        if copies and layer in counts:
            yield Sample(name, layer, copies, counts[layer])


def write_samples(file: Path, samples: Iterable[Sample], isa: Isa) -> None:
    """Append samples to a CSV file, all or none: a run that is killed leaves whole nets."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if not file.exists():
        writer.writerow(_COLUMNS)
    for sample in samples:
        counts = [f"{value:.0f}" for value in sample.counts]
        operators = json.dumps(sample.operators, separators=(",", ":"))
        writer.writerow([isa, sample.net, sample.layer, operators, *counts])
    before = file.read_bytes() if file.exists() else b""
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(before + out.getvalue().encode())
    part.replace(file)


def read_samples(file: Path, isa: Isa) -> list[Sample]:
    """Read what a counting run of an instruction set wrote.

    Raises:
        InputError: the file is missing, not such a file, or of another instruction set.
    """
    try:
        with file.open(newline="") as given:
            rows = list(csv.DictReader(given))
        found = {row["isa"] for row in rows}
        samples = [_sample(row) for row in rows]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: cannot be read as the counts of operators ({error}); they are written by "
            "'archsearch devices learn'"
        ) from error
    if not found <= {isa}:
        raise InputError(
            f"{file} holds counts of {', '.join(sorted(found))}, not of {isa}; "
            "give each instruction set a file of its own"
        )
    return samples


def _sample(row: Mapping[str, str]) -> Sample:
    operators = tuple(Operator(*at) for at in json.loads(row["operators"]))
    counts = np.array([float(row[name]) for name in CLASSES])
    return Sample(row["net"], row["layer"], operators, counts)


def fit(samples: Iterable[Sample], isa: Isa) -> dict[str, dict[str, list[float]]]:
    """Fit what one of each term executes, by kernel and term in the order of ``CLASSES``.

    Non-negative least squares on relative errors, kernel by kernel, the copies together. A kernel
    that was not counted executes nothing.
    """
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        is_copies = sample.operators[0].kind in COPIES
        groups["copies" if is_copies else kernel(sample.operators[0])].append(sample)
    found = {key: np.zeros((len(basis.names), len(CLASSES))) for key, basis in BASES.items()}
    for group, members in groups.items():
        keys = sorted(COPIES) if group == "copies" else [group]
        found |= _solved(keys, members, PACK[isa])
    return {
        key: {
            term: [float(f"{value:.5g}") for value in row]
            for term, row in zip(BASES[key].names, rows, strict=True)
        }
        for key, rows in found.items()
    }


def held_out_error(samples: Sequence[Sample], isa: Isa) -> float:
    """Mean relative error of a net's instructions, by fits that saw nothing of the net.

    Of the operators that were told from each other; what a net executes beside them is not in it.
    """
    numbers = {name: place % _FOLDS for place, name in enumerate(sorted({s.net for s in samples}))}
    sums: defaultdict[str, FloatArray] = defaultdict(lambda: np.zeros(2))
    for fold in sorted(set(numbers.values())):
        seen = fit((s for s in samples if numbers[s.net] != fold), isa)
        kernels = {key: np.array(list(terms.values())) for key, terms in seen.items()}
        for sample in samples:
            if numbers[sample.net] == fold:
                found = sum(
                    np.array(BASES[kernel(at)].terms(at, PACK[isa])) @ kernels[kernel(at)]
                    for at in sample.operators
                )
                sums[sample.net] += np.array([found[:-2].sum(), sample.counts[:-2].sum()])
    found, counted = np.array(list(sums.values())).T
    return float(np.abs(found / counted - 1).mean())


def _solved(keys: Sequence[str], samples: Sequence[Sample], pack: int) -> dict[str, FloatArray]:
    """Coefficients of some kernels from samples that hold nothing else."""
    starts = [0, *accumulate(len(BASES[key].names) for key in keys)]
    terms = np.zeros((len(samples), starts[-1]))
    for row, sample in zip(terms, samples, strict=True):
        for at in sample.operators:
            place = keys.index(kernel(at))
            row[starts[place] : starts[place + 1]] += BASES[keys[place]].terms(at, pack)
    counts = np.array([sample.counts for sample in samples])
    every = counts[:, :-2].sum(axis=1)  # instructions, without the bytes
    coefficients = np.zeros((terms.shape[1], len(CLASSES)))
    for place in np.flatnonzero(counts.sum(axis=0)).tolist():
        share = counts[:, place].sum() / every.sum()
        weight = every**_POWER / (counts[:, place] + _FLOOR * share * every + 1e-9)
        weighted = terms * weight[:, None]
        size = np.maximum(np.linalg.norm(weighted, axis=0), 1e-300)
        solution, _ = nnls(weighted / size, counts[:, place] * weight, maxiter=100 * len(size))
        coefficients[:, place] = solution / size
    return dict(zip(keys, np.split(coefficients, starts[1:-1]), strict=True))


def formatted(
    kernels: Mapping[str, Mapping[str, Sequence[float]]], isa: Isa, source: str, error: float
) -> str:
    """Text of a file of coefficients (``instructions.Coefficients``), a term a line."""
    lines = [
        f"# Instructions of one of each term, by class: {', '.join(CLASSES)}.",
        "# Written by 'archsearch devices learn'.",
        f"isa: {isa}",
        f"runtime: {MNN.title}",
        f"source: {json.dumps(source)}",
        f"expected_error: {error:.3g}",
        "kernels:",
    ]
    for key, terms in kernels.items():
        lines.append(f"  {key}:")
        for term, row in terms.items():
            lines.append(f"    {term}: [{', '.join(f'{value:g}' for value in row)}]")
    return "\n".join(lines) + "\n"
