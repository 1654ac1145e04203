"""A study file is strict, says where it is wrong, and has an identity that survives copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from small_spaces import space_data

from archsearch import published
from archsearch.documents import Document, parse, read
from archsearch.errors import InputError
from archsearch.samplers import SAMPLERS
from archsearch.study import Study, load_study, study_of

ROOT = Path(__file__).resolve().parents[1]
MAIN = ROOT / "studies" / "mobile_5m.yaml"
SPACE = space_data({"width": {"choice": [8, 16]}, "blocks": ["conv_encoder"]}, name="small")
FILE = """schema: 1
name: example
space: SPACE
classes: 10
objectives:
  - maximize: val_accuracy
  - minimize: macs
constraints:
  params: {at_most: 20000}
sampler: {nsga2: {}}
start:
  nets: []
cascade:
  score: {proxies: [naswot]}
  train:
    promote: 0.5
training:
  epochs: 1
data: {name: digits}
budget: {trials: 8}
engine: local
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A right study beside its space."""
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SPACE))
    path = tmp_path / "example.yaml"
    path.write_text(FILE.replace("SPACE", "small.yaml"))
    return path


def refused(path: Path, *overrides: str) -> str:
    """What a user is told, without the folder."""
    with pytest.raises(InputError) as caught:
        load_study(path, overrides)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_right_study_is_read(path: Path) -> None:
    """Short forms are written out, defaults are filled in, the space stands inside."""
    study = load_study(path)
    assert study.settings.name == "example"
    assert study.settings.seed == 0
    assert study.settings.sampler == {"nsga2": {}}
    assert study.settings.engine.name == "local"
    assert [(o.measure, o.direction) for o in study.settings.objectives] == [
        ("val_accuracy", "maximize"),
        ("macs", "minimize"),
    ]
    assert study.stages == ("score", "train")
    assert study.space.name == "small"
    assert study.space.size == 2
    assert study.data["space"] == SPACE


SEARCHES = [
    path for path in sorted((ROOT / "studies").glob("*.yaml")) if "kind" not in read(path).data
]


@pytest.mark.parametrize("study", SEARCHES, ids=lambda p: p.stem)
def test_every_study_of_the_project_is_right(study: Path) -> None:
    """The files that ship load, and their start nets are members of their spaces."""
    loaded = load_study(study)
    assert loaded.settings.name == study.stem
    for net in loaded.start_nets():
        assert loaded.space.encode(net)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_can_be_asked_for_by_name(path: Path, name: str) -> None:
    """With its defaults, as a bare name or as a mapping; both are one study."""
    bare, mapping = (
        load_study(path, [f"sampler={name}"]),
        load_study(path, [f"sampler={{{name}: {{}}}}"]),
    )
    assert bare.identity == mapping.identity
    assert isinstance(bare.sampler(), SAMPLERS[name])  # type: ignore[arg-type]
    assert bare.sampler() is not bare.sampler()


WRONG = [
    ("schema: 1", "schema: 2", "1: schema: got schema 2; this version reads schema: 1"),
    ("schema: 1", "schema: true", "1: schema: got schema True; this version reads schema: 1"),
    ("schema: 1\n", "", "1: got schema None; this version reads schema: 1"),
    ("name: example\n", "", "1: the key 'name' is missing"),
    ("name: example", "name: a/b", "2: name: got 'a/b'; String should match pattern"),
    ("name: example", "nmae: example", "1: the key 'name' is missing"),
    ("classes: 10", "class: 10", "4: class: unknown key 'class'; did you mean 'classes'?"),
    ("classes: 10", "classes: 0", "4: classes: got 0; expected greater than or equal to 1"),
    ("classes: 10", "classes: '10'", "4: classes: got '10'; expected a valid integer"),
    ("classes: 10", "classes: 10.0", "4: classes: got 10.0; expected a valid integer"),
    ("maximize: val_accuracy", "maximize: val_acuracy", "6: objectives.0: unknown measure "
     "'val_acuracy'; did you mean 'val_accuracy'?"),
    ("maximize: val_accuracy", "maximise: val_accuracy", "6: objectives.0.maximise: unknown key "
     "'maximise'; did you mean 'maximize'?"),
    ("minimize: macs", "minimize: macs\n    maximize: params", "7: objectives.1: an objective is "
     "{maximize: MEASURE} or {minimize: MEASURE}"),
    ("minimize: macs", "maximize: val_accuracy", "7: objectives.1: val_accuracy is already an "
     "objective; keep one of the two"),
    ("minimize: macs", "minimize: val_accuracy", "7: objectives.1: val_accuracy is already to be "
     "maximized; keep one of the two"),
    ("minimize: macs", "maximize: synflow", "7: objectives.1: synflow needs the score stage; add "
     "it to cascade.score.proxies"),
    ("minimize: macs", "minimize: latency_ms", "7: objectives.1: latency_ms needs a device"),
    ("  - maximize: val_accuracy\n  - minimize: macs", "  []", "5: objectives: got []; "),
    ("params:", "parms:", "9: constraints.parms: unknown measure 'parms'; did you mean 'params'?"),
    ("params:", "val_accuracy:", "9: constraints.val_accuracy: a constraint holds on a counted "
     "measure (params, macs, activations, peak_memory_bytes) or latency_ms; val_accuracy is known "
     "only after the stage 'train'"),
    ("{at_most: 20000}", "{at_mst: 1}", "9: constraints.params.at_mst: unknown key 'at_mst'; did "
     "you mean 'at_most'?"),
    ("{at_most: 20000}", "{}", "9: constraints.params: a constraint needs at_most or at_least"),
    ("{at_most: 20000}", "{at_most: 1, at_least: 2}", "9: constraints.params: at_least <= at_most "
     "must hold, got 2.0 > 1.0"),
    ("{at_most: 20000}", "{at_most: .nan}", "9: constraints.params.at_most: got nan; expected a "
     "finite number"),
    ("{at_most: 20000}", "{at_most: -1}", "9: constraints.params.at_most: got -1; expected greate"),
    ("nsga2:", "nsga:", "10: sampler: got nsga; did you mean 'nsga2'?"),
    ("{nsga2: {}}", "{nsga2: {}, tpe: {}}", "10: sampler: got nsga2, tpe; "),
    ("{nsga2: {}}", "{nsga2: {populaton_size: 3}}", "10: sampler.nsga2.populaton_size: unknown key "
     "'populaton_size'; did you mean 'population_size'?"),
    ("nets: []", "nets: [edgenext_xx_smal]", "12: start.nets: unknown net 'edgenext_xx_smal'; did "
     "you mean 'edgenext_xx_small'?"),
    ("nets: []", "nets: [edgenext_x_small, edgenext_x_small]", "12: start.nets: edgenext_x_small "
     "stands here twice; keep one"),
    ("nets: []", "keep: -1", "12: start.keep: got -1; expected greater than or equal to 0"),
    ("nets: []", "keep: 3", "11: start: keep: 3 of screen: 0 is impossible; screen more"),
    ("[naswot]", "[naswat]", "14: cascade.score.proxies: unknown proxy 'naswat'; did you mean "
     "'naswot'?"),
    ("[naswot]", "[naswot, naswot]", "14: cascade.score.proxies: naswot stands here twice"),
    ("[naswot]", "[-naswat]", "14: cascade.score.proxies: unknown proxy 'naswat'"),
    ("[naswot]", "[naswot, -naswot]", "14: cascade.score.proxies: naswot stands here twice"),
    ("[naswot]", "naswot", "14: cascade.score.proxies: got 'naswot'; expected a list"),
    ("proxies: [naswot]", "ensemble: az_nsa", "14: cascade.score.ensemble: unknown ensemble "
     "'az_nsa'; did you mean 'az_nas'?"),
    ("proxies: [naswot]", "ensemble: az_nas, proxies: [naswot]", "14: cascade.score: score takes "
     "proxies: [NAME, ...] or ensemble: NAME, one of the two"),
    ("proxies: [naswot]", "images: 8", "14: cascade.score: score takes proxies: [NAME, ...] or "
     "ensemble: NAME, one of the two"),
    ("proxies: [naswot]", "proxies: [naswot], inits: 0", "14: cascade.score.inits: got 0; expected "
     "greater than or equal to 1"),
    ("promote: 0.5", "promote: 1.5", "16: cascade.train.promote: got 1.5; expected less than or "
     "equal to 1"),
    ("promote: 0.5", "promote: 0", "16: cascade.train.promote: got 0; expected greater than 0"),
    ("  score: {proxies: [naswot]}\n", "", "13: cascade: train.promote below 1 needs a "
     "score stage to choose by; add score"),
    ("  train:\n    promote: 0.5\n", "", "6: objectives.0: val_accuracy needs training; add "
     "cascade.train or drop the objective"),
    ("epochs: 1", "epoch: 1", "18: training.epoch: unknown key 'epoch'; did you mean 'epochs'?"),
    ("epochs: 1", "epochs: 0", "18: training.epochs: got 0; expected greater than 0"),
    ("name: digits", "name: digit", "19: data.name: there is no dataset 'digit'; did you mean "
     "'digits'?"),
    ("{name: digits}", "digits", "19: data: got 'digits'; expected a mapping (key: value)"),
    ("trials: 8", "trails: 8", "20: budget: the key 'trials' is missing"),
    ("trials: 8", "trials: 0", "20: budget.trials: got 0; expected greater than or equal to 1"),
    ("engine: local", "engine: spark", "21: engine.name: got 'spark'; expected 'ray' or 'local'"),
    ("engine: local", "device: rk3280", "21: device: unknown device 'rk3280'; did you mean "
     "'rk3288'?"),
    ("engine: local", "device: [rk3288]", "21: device: got ['rk3288']; expected a "
     "device's name or the path of its file"),
    ("engine: local", "device: {kind: predicted}", "21: device: a device needs a 'name'"),
    ("engine: local", "device: {name: x, kind: predictd}", "21: device.kind: unknown kind "
     "'predictd'; did you mean 'predicted'?"),
    ("engine: local", "device: {name: x, kind: predicted, profile: rk328}", "21: device.profile: "
     "unknown device 'rk328'; did you mean 'rk3288'?"),
    ("engine: local", "devices: [rk3288]", "21: devices: unknown key 'devices'; did you mean "
     "'device'?"),
    ("params:", "latency_ms:", "9: constraints.latency_ms: latency_ms needs a device; add device: "
     "raspberry_pi_4"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "message"), WRONG)
def test_a_wrong_study_is_told(path: Path, right: str, wrong: str, message: str) -> None:
    """File, line and place, the value given, and the nearest valid name."""
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    assert refused(path).startswith(f"example.yaml:{message}")


def test_what_is_no_study_is_told(path: Path) -> None:
    """A list, a missing file, broken YAML."""
    path.write_text("- 1\n")
    assert refused(path).startswith("example.yaml:1: expected a study (key: value), got [1]")
    path.write_text("a: [1\n")
    assert refused(path).startswith("example.yaml:2: broken YAML: ")
    path.unlink()
    assert refused(path).startswith("example.yaml: no such file; check the path")


def test_mistakes_in_the_space_are_told_in_its_own_file(path: Path) -> None:
    """A space file has its own lines; one that stands inside has those of the study."""
    assert refused(path, "space=nowhere.yaml").startswith("nowhere.yaml: no such file")
    space = path.parent / "small.yaml"
    space.write_text(space.read_text().replace("conv_encoder", "conv_encodr"))
    told = (
        "stages.0.blocks.0.conv_encodr: unknown layer 'conv_encodr'; did you mean 'conv_encoder'?"
    )
    assert refused(path).startswith("small.yaml:")
    assert refused(path).endswith(told)
    inside = "{schema: 1, stem: {patch: {}}, stages: [\n  {width: 8,\n   blocks: [conv_encodr]}]}"
    path.write_text(path.read_text().replace("small.yaml", inside))
    assert refused(path) == f"example.yaml:5: space.{told}"


def test_a_space_inside_may_have_a_name(path: Path) -> None:
    """Else it is called as the study."""
    inside = "{schema: 1, stem: {patch: {}}, stages: [{width: 8, blocks: []}]}"
    path.write_text(path.read_text().replace("small.yaml", inside))
    assert load_study(path).space.name == "example"
    assert load_study(path, ["space.name=mine"]).space.name == "mine"


SET: list[tuple[str, tuple[str, ...], Any]] = [
    ("budget.trials=100", ("budget", "trials"), 100),
    ("budget.minutes=1e1", ("budget", "minutes"), 10.0),
    ("seed=7", ("seed",), 7),
    ("notes='a note: none'", ("notes",), "a note: none"),
    ("constraints.macs.at_most=1e9", ("constraints", "macs"), {"at_most": 1e9}),
    ("constraints={}", ("constraints",), {}),
    ("start.nets=[edgenext_xx_small]", ("start", "nets"), ["edgenext_xx_small"]),
    ("objectives.1={minimize: params}", ("objectives",), [{"maximize": "val_accuracy"},
                                                         {"minimize": "params"}]),
    ("objectives.-1.minimize=params", ("objectives",), [{"maximize": "val_accuracy"},
                                                       {"minimize": "params"}]),
    ("sampler=random", ("sampler",), {"random": {}}),
    ("sampler={tpe: {}}", ("sampler",), {"tpe": {}}),
    ("training.augmentation.flip=0.5", ("training", "augmentation"), {"flip": 0.5}),
    ("cascade.score.proxies=[synflow, naswot]", ("cascade", "score", "proxies"), ["synflow",
                                                                                 "naswot"]),
    ("cascade.score.proxies.0=synflow", ("cascade", "score", "proxies"), ["synflow"]),
]  # fmt: skip


@pytest.mark.parametrize(("override", "place", "value"), SET)
def test_any_leaf_can_be_set(path: Path, override: str, place: tuple[str, ...], value: Any) -> None:
    """Numbers, lists, mappings, entries of lists, and keys that the file does not have."""
    found: Any = load_study(path, [override]).data
    for key in place:
        found = found[key]
    assert found == value


def test_later_settings_win(path: Path) -> None:
    """They are applied in the order given, each on what those before it left."""
    study = load_study(path, ["seed=1", "constraints={}", "constraints.macs.at_least=5", "seed=2"])
    assert study.settings.seed == 2
    assert study.data["constraints"] == {"macs": {"at_least": 5}}


def test_setting_changes_no_file(path: Path) -> None:
    """The override lives in the loaded study alone."""
    before = path.read_text()
    load_study(path, ["seed=5"])
    assert path.read_text() == before
    assert load_study(path).settings.seed == 0


WRONG_SET = [
    ("seed", "--set seed: expected PATH=VALUE, such as budget.trials=100"),
    ("=3", "--set =3: expected PATH=VALUE, such as budget.trials=100"),
    ("seed=", "--set seed=: seed: got None; expected a valid integer"),
    ("seed=[", "--set seed=[:1: broken YAML: "),
    ("name.x=3", "--set name.x=3: there is no 'x' to set at this place"),
    ("budget.trails=3", "--set budget.trails=3: budget.trails: unknown key 'trails'; did you mean "
     "'trials'?"),
    ("budgets.trials=3", "example.yaml:1 with --set budgets.trials=3: budgets: unknown key "
     "'budgets'; did you mean 'budget'?"),
    ("objectives.2={minimize: params}", "--set objectives.2={minimize: params}: there is no 2"),
    ("objectives.-3={minimize: params}", "--set objectives.-3={minimize: params}: there is no"),
    ("objectives.first=1", "--set objectives.first=1: there is no 'first' to set at this place"),
    ("objectives.-1={maximize: val_accuracy}", "--set objectives.-1={maximize: val_accuracy}: "
     "objectives.1: val_accuracy is already an objective"),
    ("constraints.params.at_least=30000", "example.yaml:9 with --set constraints.params.at_least="
     "30000: constraints.params: at_least <= at_most must hold"),
    ("sampler.nsga2.population=3", "--set sampler.nsga2.population=3: sampler.nsga2.population: u"),
    ("space={}", "--set space={}: space: the key 'schema' is missing"),
    ("data.path=1", "--set data.path=1: data.path: got 1; expected a path"),
]  # fmt: skip


@pytest.mark.parametrize(("override", "message"), WRONG_SET)
def test_a_wrong_setting_is_told(path: Path, override: str, message: str) -> None:
    """As what it is: the command line's words come where the file's line would."""
    assert refused(path, override).startswith(message)


def test_a_relative_path_of_images_is_looked_up_from_the_study(path: Path) -> None:
    """So that a study runs from any folder."""
    study = load_study(path, ["data={name: npz, path: ../images.npz}"])
    assert study.data["data"]["path"] == str((path.parent.parent / "images.npz").resolve())


@pytest.mark.parametrize(
    "override",
    ["budget.trials=99", "budget.minutes=5", "engine=ray", "engine={name: ray, workers: 7}",
     "notes=anything", "budget.generation=16"],
)  # fmt: skip
def test_the_identity_ignores_what_changes_no_trial(path: Path, override: str) -> None:
    """A run may go on with more time, more trials or another engine."""
    assert load_study(path, [override]).identity == load_study(path).identity


@pytest.mark.parametrize(
    "override",
    ["seed=1", "budget.generation=4", "name=other", "classes=11", "objectives.1={minimize: params}",
     "constraints.params.at_most=20001", "sampler=random", "sampler.nsga2.population_size=9",
     "start.screen=9", "cascade.train.promote=0.6", "training.epochs=2", "data.split_seed=1",
     "space={schema: 1, stem: {patch: {}}, stages: [{width: 8, blocks: []}]}"],
)  # fmt: skip
def test_the_identity_holds_what_changes_trials(path: Path, override: str) -> None:
    """Another seed, generation, space or recipe is another study."""
    assert load_study(path, [override]).identity != load_study(path).identity


def test_the_identity_ignores_where_the_images_lie(path: Path) -> None:
    """They may move; a run knows them by their fingerprint."""
    moved = [load_study(path, [f"data={{name: npz, path: {p}}}"]) for p in ("a.npz", "/b/c.npz")]
    assert moved[0].identity == moved[1].identity != load_study(path).identity


def test_the_identity_follows_the_space_not_its_path(path: Path) -> None:
    """A moved space file is the same study; a changed one is not."""
    before = load_study(path).identity
    space = path.parent / "small.yaml"
    space.rename(path.parent / "moved.yaml")
    assert load_study(path, ["space=moved.yaml"]).identity == before
    space.write_text(yaml.safe_dump({**SPACE, "input": {"resolution": 64}}))
    assert load_study(path).identity != before


@pytest.mark.parametrize(
    "overrides", [[], ["data={name: npz, path: x.npz}", "name='1e5'", "seed=3"]]
)
def test_a_study_survives_its_own_file(path: Path, tmp_path: Path, overrides: list[str]) -> None:
    """Written out it needs no other file, and is the same study from any folder."""
    study = load_study(path, overrides)
    copy = tmp_path / "elsewhere" / "study.yaml"
    copy.parent.mkdir()
    copy.write_text(study.to_yaml())
    (path.parent / "small.yaml").unlink()
    again = load_study(copy)
    assert again.identity == study.identity
    assert again.settings == study.settings
    assert again.space.tree == study.space.tree
    assert again.to_yaml() == study.to_yaml()


def test_the_main_study_survives_its_own_file() -> None:
    """With its large space and published nets."""
    study = load_study(MAIN)
    again = study_of(parse(study.to_yaml(), "copy"), Path("/nowhere"))
    assert again.identity == study.identity
    assert again.space.size == study.space.size
    assert [net.id for net in again.start_nets()] == [
        published.load(name).id for name in study.settings.start.nets
    ]


def made(**cascade: Any) -> Study:
    """A study with this cascade."""
    data = yaml.safe_load(FILE)
    rest = {"space": SPACE, "cascade": cascade, "objectives": [{"minimize": "macs"}]}
    return study_of(Document("made", {**data, **rest}), Path())


@pytest.mark.parametrize(
    ("cascade", "stages"),
    [
        ({"score": {"proxies": ["naswot"]}}, ("score",)),
        ({"train": {}}, ("train",)),
        ({"train": {"promote": 0.5}, "score": {"proxies": ["naswot"]}}, ("score", "train")),
        ({"train": {"promote": 0.5}, "score": {"ensemble": "az_nas"}}, ("score", "train")),
        ({"train": {"promote": 0.5}, "score": {"proxies": ["params", "macs"]}}, ("train",)),
    ],
)
def test_stages_come_in_the_order_of_their_cost(
    cascade: dict[str, Any], stages: tuple[str, ...]
) -> None:
    """Whatever the order in the file."""
    assert made(**cascade).stages == stages


def test_a_cascade_without_a_stage_is_refused() -> None:
    """There would be nothing to do."""
    with pytest.raises(
        InputError, match="made: cascade: the cascade is empty; add score, train or both"
    ):
        made()
    with pytest.raises(InputError, match=r"empty but for what is counted \(params\); add score"):
        made(score={"proxies": ["params"]})


def test_an_objective_may_be_a_part_of_an_ensemble() -> None:
    """It is measured, as if it had been named."""
    study = made(score={"ensemble": "az_nas", "inits": 2, "batches": 3})
    assert study.settings.cascade.score is not None
    assert study.settings.cascade.score.computed == (
        "az_expressivity", "az_progressivity", "az_trainability",
    )  # fmt: skip
    text = FILE.replace("proxies: [naswot]", "ensemble: az_nas")
    text = text.replace("minimize: macs", "maximize: az_trainability")
    assert study_of(Document("made", {**yaml.safe_load(text), "space": SPACE}), Path())


def test_a_study_without_new_keys_keeps_its_identity() -> None:
    """Repetitions have defaults that are not written into what decides the trials."""
    score = made(score={"proxies": ["naswot"]})
    assert "inits" not in str(score.data)
    assert made(score={"proxies": ["naswot"], "inits": 2}).identity != score.identity


def test_a_leaf_of_the_space_can_be_set(path: Path) -> None:
    """An override reaches into the space's file, which stays as it is; its errors are told."""
    before = (path.parent / "small.yaml").read_bytes()
    study = load_study(path, ["space.stages.0.width=8"])
    assert study.space.size == 1
    assert study.space.name == "small"
    assert study.identity != load_study(path).identity
    assert (path.parent / "small.yaml").read_bytes() == before
    told = refused(path, "space.stages.0.width=wide")
    assert told.startswith("--set space.stages.0.width=wide: space.stages.0.width: got 'wide'")
