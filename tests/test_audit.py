"""The audit: what it trains, what it says, and that it goes on where it was stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr
from typer.testing import CliRunner

from archsearch import predictor
from archsearch.audit import audit_of, audit_study, short_study
from archsearch.audit.report import page, table
from archsearch.audits import FILE, Audit, Row, read_audit
from archsearch.cli import app
from archsearch.errors import InputError
from archsearch.proxies import PROXIES
from archsearch.results import RunResults, open_run
from archsearch.screen import start_candidates
from archsearch.store import Store
from archsearch.study import Study, load_study

TINY = Path(__file__).parent / "data" / "tiny_study.yaml"
MOBILE = Path(__file__).parents[1] / "studies" / "mobile_5m.yaml"
NETS = 10


def audited(folder: Path, *options: object) -> str:
    """The output of an audit of the tiny study into a folder."""
    given = ["audit", TINY, "--out", folder, "--nets", NETS, "--epochs", 2, "--seeds", 2]
    smaller = ["--set", "data.train=100", "--set", "data.validation=120"]
    result = CliRunner().invoke(app, [str(x) for x in (*given, *smaller, *options)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished audit. Tests only read it."""
    found = tmp_path_factory.mktemp("audits") / "tiny_audit"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor, "TREES", 15)
        (found.parent / "said.txt").write_text(audited(found), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def found(folder: Path) -> Audit:
    return read_audit(folder / FILE)


@pytest.fixture(scope="module")
def run(folder: Path) -> RunResults:
    return open_run(folder)


def row(found: Audit, name: str) -> Row:
    (one,) = [row for row in found.rows if row.name == name]
    return one


def ends(folder: Path, repetition: int | None = None) -> dict[str, float]:
    """Accuracy at the end of a run by architecture, mean over repetitions or of one."""
    with Store.open(folder / "run.sqlite") as store:
        curves = store.curves()
        last = {
            t.architecture_id: [
                max((p for p in curves[t.number] if p.repetition == r), key=lambda p: p.epoch)
                for r in {p.repetition for p in curves[t.number]}
            ]
            for t in store.trials()
        }
    return {
        net: float(np.mean([p.validation_accuracy for p in points
                            if repetition in (None, p.repetition)]))
        for net, points in last.items()
    }  # fmt: skip


def test_everything_is_judged(found: Audit, folder: Path) -> None:
    """Costs, every proxy and ensemble, each epoch, the study's own recipe, the predictor."""
    names = {row.name: row.kind for row in found.rows}
    proxies = {name for name in PROXIES if name not in ("params", "macs")}
    assert {name for name, kind in names.items() if kind == "proxy"} == proxies
    assert {name for name, kind in names.items() if kind == "cost"} == {"params", "macs"}
    assert names["az_nas"] == names["mean rank of naswot and synflow"] == "ensemble"
    assert {name for name, kind in names.items() if kind == "budget"} == {
        "0.5 epochs, own schedule", "1 of 2 epochs", "2 of 2 epochs",
    }  # fmt: skip
    assert names["predictor"] == names["predictor with 1 of 2 epochs"] == "predictor"
    assert all(one.n == NETS == len(found.nets) for one in found.rows)
    said = (folder.parent / "said.txt").read_text(encoding="utf-8")
    assert all(name in said for name in names)


@pytest.mark.parametrize("name", ["naswot", "synflow", "params", "macs"])
def test_proxies_are_compared_with_the_mean_of_all_seeds(
    found: Audit, run: RunResults, folder: Path, name: str
) -> None:
    """Equal to scipy on what is stored; costs count upwards."""
    accuracy = ends(folder)
    x = [trial.measures[name].value for trial in run.records]
    y = [accuracy[trial.architecture_id] for trial in run.records]
    one = row(found, name)
    assert one.spearman.value == pytest.approx(spearmanr(x, y).statistic)
    assert one.kendall.value == pytest.approx(kendalltau(x, y).statistic)
    assert one.spearman.low is not None
    assert one.spearman.high is not None
    assert one.spearman.low <= one.spearman.value <= one.spearman.high  # type: ignore[operator]
    assert (one.partial_spearman.value is None) == (name in ("params", "macs"))
    assert one.top_recall.value == (max(x) == x[int(np.argmax(y))])


def test_a_training_is_judged_by_other_seeds(found: Audit, folder: Path) -> None:
    """A curve of two seeds is judged by the end of the other; the short recipe's by seed 1."""
    first, second = ends(folder, 0), ends(folder, 1)
    nets = sorted(first)
    across = spearmanr([first[n] for n in nets], [second[n] for n in nets]).statistic
    assert row(found, "2 of 2 epochs").spearman.value == pytest.approx(across)
    short = ends(folder / "0.5_epochs")
    own = row(found, "0.5 epochs, own schedule")
    assert own.spearman.value == pytest.approx(
        spearmanr([short[n] for n in nets], [second[n] for n in nets]).statistic
    )
    assert own.own_schedule
    assert own.note is None
    assert own.epochs == 0.5


def test_costs_in_seconds_are_those_of_the_store(found: Audit, run: RunResults) -> None:
    """A proxy's mean, an ensemble's sum; a training costs more the longer it is."""
    seconds = np.mean([trial.measures["naswot"].seconds for trial in run.records])
    assert row(found, "naswot").seconds == pytest.approx(seconds)
    both = row(found, "naswot").seconds + row(found, "synflow").seconds
    assert row(found, "mean rank of naswot and synflow").seconds == pytest.approx(both)
    assert row(found, "1 of 2 epochs").seconds < row(found, "2 of 2 epochs").seconds
    assert row(found, "predictor").seconds > both


def test_the_record_says_what_was_audited(found: Audit, folder: Path) -> None:
    """Nets with names and seeds; the file reads back as it was written."""
    assert (found.name, found.study, found.epochs, found.seeds) == ("tiny_audit", "tiny", 2.0, 2)
    assert (found.images.name, found.images.train, found.images.validation) == ("digits", 100, 120)
    assert found.limits == {"params": {"at_most": 20000}}
    assert found.ceiling_from == "seeds"
    assert found.top == 1
    assert not found.failed
    assert found.to_json() == (folder / FILE).read_text(encoding="utf-8")


def test_the_report_is_written(found: Audit, folder: Path) -> None:
    """A page with the figure, every row and every net; rows by falling correlation."""
    text = (folder / "audit.md").read_text(encoding="utf-8")
    assert text == page(found)
    assert "![Spearman's correlation with the accuracy](audit.png)" in text
    assert all(f"| {one.name} |" in text for one in found.rows)
    assert all(f"| {net.name or net.id} |" in text for net in found.nets)
    assert (folder / "audit.png").read_bytes().startswith(b"\x89PNG")
    values = [row(found, name).spearman.value for name in table(found)["ordered by"]]
    assert values == sorted(values, key=lambda v: -(v or -2))


def test_the_same_command_goes_on(folder: Path, tmp_path: Path) -> None:
    """A finished audit is told again, with nothing trained twice; the report can be copied."""
    copied = tmp_path / "tiny_audit"
    shutil.copytree(folder, copied)
    said = audited(copied, "--copy-to", tmp_path / "page")
    assert "tiny_audit: 10 nets" in said
    assert open_run(copied).trials.equals(open_run(folder).trials)
    names = {path.name for path in (tmp_path / "page").iterdir()}
    assert names == {"audit.json", "audit.md", "audit.png"}


def test_other_settings_are_another_audit(folder: Path, tmp_path: Path) -> None:
    """The folder of an audit refuses one of more nets."""
    copied = tmp_path / "tiny_audit"
    shutil.copytree(folder, copied)
    given = ["audit", TINY, "--out", copied, "--nets", 11, "--epochs", 2, "--seeds", 2]
    result = CliRunner().invoke(app, [str(x) for x in given])
    assert result.exit_code == 2
    assert "holds the run of another study" in result.output


def test_published_nets_within_the_limits_are_audited() -> None:
    """All that are members, and then members over the whole range of costs."""
    study = load_study(MOBILE)
    derived = audit_study(study, 30, 20, 1)
    nets = derived.settings.start.nets
    assert set(study.settings.start.nets) < set(nets)
    assert "parcnet_s" not in nets  # a member over the limit on MACs
    candidates = [candidate for _, candidate in start_candidates(derived)[0]]
    assert len(candidates) == len({c.architecture.id for c in candidates}) == 30
    macs = np.log([c.cost.macs for c in candidates])
    assert np.ptp(macs) > 2.5
    assert np.histogram(macs, bins=4)[0].min() >= 3


def test_the_long_study_changes_the_training_alone() -> None:
    """Space, limits, images, seed and recipe are the audited study's; every net is trained."""
    study = load_study(MOBILE)
    derived = audit_study(study, 20, 16, 2)
    for key in ("space", "constraints", "data", "seed", "classes", "objectives"):
        assert derived.data[key] == study.data[key]
    free = {"epochs", "seeds", "evaluate_every", "time_limit_s"}
    own, long = study.settings.training.model_dump(), derived.settings.training.model_dump()
    assert {key for key in own if own[key] != long[key]} <= free
    assert (long["epochs"], long["seeds"], long["time_limit_s"]) == (16, 2, 4 * 240)
    cascade = derived.settings.cascade
    assert cascade.train is not None
    assert cascade.score is not None
    assert cascade.train.promote == 1
    assert set(cascade.score.names) == set(PROXIES)
    assert derived.settings.budget.minutes is None


def test_the_short_study_trains_the_same_nets() -> None:
    """Candidate by candidate, under the same numbers, so that seeds can be paired."""
    study = load_study(MOBILE)
    long = audit_study(study, 14, 16, 1)
    short = short_study(study, long, 4, 2)
    assert short.settings.training.epochs == 4
    assert short.stages == ("train",)
    ids = [
        [c.architecture.id for _, c in start_candidates(derived)[0]] for derived in (long, short)
    ]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("nets", "epochs", "message"),
    [
        (9, 2, "an audit of 9 nets says nothing; give --nets 10 at least"),
        (20, 0.5, "an audit of 0.5 epochs cannot judge a recipe of 0.5; give --epochs 2, or more"),
    ],
)
def test_an_audit_that_says_nothing_is_refused(
    tiny_study: Study, nets: int, epochs: float, message: str
) -> None:
    """Before anything is trained."""
    with pytest.raises(InputError, match=message):
        audit_study(tiny_study, nets, epochs, 1)


def test_a_folder_without_an_audit_is_refused(tiny_run: Path) -> None:
    """A run is no audit."""
    with pytest.raises(InputError, match="holds no audit"):
        audit_of(tiny_run)
