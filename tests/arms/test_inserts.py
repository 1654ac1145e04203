"""Blocks put into stages: where they stand, their names, and the weights that all start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_ablations import ABLATION, plan, small_ablation
from torch import Tensor, nn

from archsearch.architecture import Architecture
from archsearch.arms.changes import change
from archsearch.arms.draft import Draft
from archsearch.arms.plan import Plan
from archsearch.arms.settings import Level
from archsearch.blocks import BLOCKS
from archsearch.datasets import load
from archsearch.documents import Document, parse
from archsearch.errors import InputError
from archsearch.evaluate import Job, Workbench
from archsearch.initial_weights import build_by_path
from archsearch.space import architecture_of
from archsearch.study import study_of

BASE = """{input: {resolution: 16}, stem: {patch: {size: 2}}, stages: [
  {width: 8, blocks: [{conv_encoder: {kernel: 3}}, {conv_encoder: {kernel: 5}}]},
  {width: 16, downsample: conv, blocks: [
    {conv_encoder: {kernel: 7}}, {conv_encoder: {kernel: 9}}, {sdta: {splits: 2, heads: 2}}]}]}"""
"""No two of its blocks are equal, so that each can be told in any arm."""


def arm(change: str, **others: str) -> Architecture:
    """The one arm beside the base."""
    return plan(factors=f"{{it: {change}}}", **{"base": BASE, **others}).arms[1].architecture


def stages(net: Architecture) -> list[list[object]]:
    """Every block in a word: a convolution encoder's kernel, or the kind."""
    return [
        [b.model_dump()["kernel"] if b.kind == "conv_encoder" else b.kind for b in stage.blocks]
        for stage in net.stages
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("{insert: {first: sdta}}", [["sdta", 3, 5], ["sdta", 7, 9, "sdta"]]),
        ("{insert: {last: gnconv}, at: stages.0}", [[3, 5, "gnconv"], [7, 9, "sdta"]]),
        (
            "{insert: {last: gnconv}, at: [stages.1.blocks, stages.0]}",
            [[3, 5, "gnconv"], [7, 9, "sdta", "gnconv"]],
        ),
        ("{insert: {before_1: sdta}}", [[3, "sdta", 5], [7, "sdta", 9, "sdta"]]),
        ("{insert: {stages.1.before_2: gnconv}}", [[3, 5], [7, 9, "gnconv", "sdta"]]),
        (
            "{insert: {stages.1.first: gnconv, stages.0.before_1: sdta, last: cmt}}",
            [[3, "sdta", 5, "cmt"], ["gnconv", 7, 9, "sdta", "cmt"]],
        ),
        ("{remove: sdta, insert: {stages.1.first: sdta}}", [[3, 5], ["sdta", 7, 9]]),
        ("{remove: conv_encoder, insert: {before_1: gnconv}}", [["gnconv"], ["gnconv", "sdta"]]),
        (
            "{remove: conv_encoder, insert: {first: sdta}, at: stages.0}",
            [["sdta"], [7, 9, "sdta"]],
        ),
    ],
)
def test_a_block_stands_where_it_was_put(change: str, expected: list[list[object]]) -> None:
    """In the stages that are meant, and nowhere else; a removed block still marks its place."""
    assert stages(arm(change)) == expected


@given(st.data())
def test_any_changes_leave_the_order_that_sorting_gives(data: st.DataObject) -> None:
    """Sorted by a number for the place and by time: a second way to say where each stands."""
    count = data.draw(st.integers(1, 5))
    blocks = [{"conv_encoder": {"expand": 1.0 + number}} for number in range(count)]
    stage = {"width": 8, "blocks": blocks}
    tree = {"schema": 1, "input": {"resolution": 16}, "stem": {"patch": {"size": 2}}}
    draft = Draft(architecture_of(Document("base", {**tree, "stages": [stage]})))
    keys = {1.0 + number: (float(number), 0) for number in range(count)}
    gone = data.draw(st.integers(0, count - 1))
    places = ["first", "last", *(f"before_{number}" for number in range(count))]
    for time, place in enumerate(data.draw(st.lists(st.sampled_from(places), max_size=6)), 1):
        if time == 3:
            change(draft, Level(remove=("conv_encoder",), at=(f"stages.0.blocks.{gone}",)), "r", ())
            del keys[1.0 + gone]
        level = Level(insert={place: {"conv_encoder": {"expand": 10.0 + time}}})
        change(draft, level, f"f{time}", ())
        number = float(place.rpartition("_")[2]) - 0.5 if "_" in place else 0.0
        ends = {"first": (-9.0, -time), "last": (99.0, time)}
        keys[10.0 + time] = ends.get(place, (number, time))
    (found,) = draft.architecture("it").stages
    expected = sorted(keys, key=lambda expand: keys[expand])
    assert [block.model_dump()["expand"] for block in found.blocks] == expected


TWO = "{a: {insert: {first: {sdta: {heads: 1}}}}, b: {insert: {first: {sdta: {heads: 4}}}}}"


def heads(net: Architecture) -> list[object]:
    return [block.model_dump().get("heads") for block in net.stages[0].blocks]


@pytest.mark.parametrize(
    ("design", "expected"),
    [
        ("one_at_a_time", [[None, None], [1, None, None], [4, None, None]]),
        ("cumulative", [[None, None], [1, None, None], [4, 1, None, None]]),
        ("leave_one_out", [[4, 1, None, None], [4, None, None], [1, None, None]]),
        (
            "full_factorial",
            [[None, None], [4, None, None], [1, None, None], [4, 1, None, None]],
        ),
    ],
)
def test_two_changes_may_insert_at_one_place(design: str, expected: list[object]) -> None:
    """In every design; the later one of the file gets the place."""
    found = plan(base=BASE, factors=TWO, design=design)
    assert [heads(arm.architecture) for arm in found.arms] == expected


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ("{a: {insert: {first: sdta}}, b: {set: {sdta.heads: 8}}}", 8),
        ("{b: {set: {sdta.heads: 8}}, a: {insert: {first: sdta}}}", 4),
        ("{a: {insert: {first: sdta}, set: {sdta.heads: 1}}, b: {set: {head.norm: none}}}", 1),
        ("{a: {insert: {first: sdta}}, b: {set: {stages.0.blocks.first.a.heads: 2}}}", 2),
        ("{a: {insert: {first: sdta}}, b: {set: {sdta.heads: 2}, at: stages.0.blocks.first}}", 2),
    ],
)
def test_a_change_finds_the_blocks_that_those_before_it_put_in(factors: str, expected: int) -> None:
    """By kind, by path and inside paths; one that stands before the insertion finds none."""
    full = plan(base=BASE, factors=factors, design="cumulative").arms[-1].architecture
    assert full.stages[0].blocks[0].model_dump()["heads"] == expected


def test_within_a_change_blocks_go_first_and_leaves_come_last() -> None:
    """What is put in stays where its kind is removed, and is there to be replaced and set."""
    net = arm("{remove: sdta, insert: {stages.1.first: {sdta: {heads: 8}}}}")
    assert [b.model_dump().get("heads") for b in net.stages[1].blocks] == [8, None, None]
    net = arm("{replace: {gnconv: {conv_encoder: {kernel: 11}}}, insert: {stages.0.last: gnconv}}")
    assert stages(net)[0] == [3, 5, 11]
    net = arm("{set: {conv_encoder.kernel: 11}, insert: {first: conv_encoder}, at: stages.0}")
    assert stages(net) == [[11, 11, 11], [7, 9, "sdta"]]


def test_a_block_that_was_put_in_can_be_replaced_and_removed() -> None:
    """By a later change; what is left of the other one is then nothing."""
    replaced = "{a: {insert: {first: sdta}}, b: {replace: {sdta: gnconv}}}"
    found = plan(base=BASE, factors=replaced, design="cumulative").arms[-1]
    assert stages(found.architecture)[0] == ["gnconv", 3, 5]
    removed = "{a: {insert: {first: gnconv}}, b: {remove: gnconv}}"
    with pytest.raises(InputError, match="the arms base and b are the same net; drop one"):
        plan(base=BASE, factors=removed, design="cumulative")


def test_words_say_what_was_put_where() -> None:
    """Layer, place, and in how many stages or in which."""
    arms = plan(
        base=BASE,
        factors="{a: {insert: {first: {sdta: {heads: 4}}}}, b: {insert: {stages.1.last: gnconv}}, "
        "c: {remove: sdta, insert: {before_1: {sdta: {splits: 2, heads: 1}}}, at: stages.1}}",
    ).arms
    assert [arm.changes for arm in arms[1:]] == [
        "sdta (heads 4) put first in 2 stages",
        "gnconv put last in stages.1",
        "without sdta (1 layer), sdta (splits 2, heads 1) put before block 1 in 1 stage "
        "at stages.1",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("{insert: {frist: sdta}}", r"insert\.frist: unknown place 'frist'; did you mean 'first'"),
        ("{insert: {before_x: sdta}}", "unknown place 'before_x'; did you mean 'before_0'"),
        ("{insert: {stages.0: sdta}}", "unknown place 'stages.0'; did you mean 'stages.0.last'"),
        ("{insert: {stages.1.blocks.0: sdta}}", "unknown place 'stages.1.blocks.0'; did you mean"),
        ("{insert: {stages.7.last: sdta}}", "no stage 'stages.7'; did you mean 'stages.1.last'"),
        ("{insert: {stages.01.last: sdta}}", "no stage 'stages.01'; did you mean"),
        ("{insert: {before_2: sdta}}", "stages.0 has no block 2; the base has blocks 0 to 1 there"),
        ("{insert: {first: sdtaa}}", r"insert\.first.*unknown layer 'sdtaa' here; .*'sdta'"),
        ("{insert: {first: patch}}", "unknown layer 'patch' here"),
        ("{insert: {first: [sdta]}}", r"got \['sdta'\]; expected one layer such as {sdta: {...}}"),
        ("{insert: {first: {sdta: {}, gnconv: {}}}}", "expected one layer such as {sdta: {...}}"),
        ("{insert: {first: {sdta: {head: 4}}}}", "unknown leaf 'head' of sdta; .*'heads'"),
        ("{insert: {first: {sdta: {heads: 0}}}}", r"heads: got 0; expected greater than or equal"),
        ("{insert: {first: {sdta: 4}}}", "expected a mapping .key: value., got 4"),
        ("{insert: {first: mobilevit}}", "the leaf 'inner' is missing; give it a value"),
        ("{insert: {first: sdta, stages.1.first: sdta}}", "there in stages.1 twice; drop one"),
        ("{insert: {first: sdta}, at: stages.1.blocks.0}", "at: stages.1.blocks.0 is no stage, an"),
        ("{insert: {first: sdta}, at: stem}", "stem is no stage, and blocks are put into stages"),
        ("{insert: {first: sdta}, at: stages.2}", "no layer stands at 'stages.2'; did you mean"),
        ("{insert: {stages.1.first: sdta}, at: stages.1}", "stages.1.first is a whole path, which"),
        ("{insert: [sdta]}", r"insert: got \['sdta'\]; expected"),
        ("{remove: conv_encoder, insert: {stages.0.frst: sdta}}", "'stages.0.first'"),
        (
            "{remove: sdta, insert: {stages.1.last: {sdta: {splits: 2, heads: 2}}}}",
            "changes nothing: this is the base",
        ),
    ],
)
def test_a_block_that_cannot_be_put_in_is_said_with_its_line(change: str, said: str) -> None:
    """File, line, place, what was given, what holds."""
    with pytest.raises(InputError, match=rf"^ablation.yaml:\d+: factors\.it.*{said}"):
        arm(change)


def test_the_line_is_that_of_the_place() -> None:
    """Of a file whose change has several lines."""
    change = "it:\n    insert:\n      last: sdta\n      before_9: sdta\n  large_kernels:"
    text = ABLATION.replace("CLAIM", "not found").replace("large_kernels:", change)
    line = 1 + text.splitlines().index("      before_9: sdta")
    with pytest.raises(
        InputError, match=rf"^a\.yaml:{line}: factors\.it\.insert\.before_9: stages"
    ):
        study_of(parse(text, "a.yaml"), Path())


def test_an_empty_stage_has_no_block_to_put_one_before() -> None:
    """And takes one at its ends."""
    base = "{input: {resolution: 16}, stem: {patch: {size: 2}}, stages: [{width: 8, blocks: []}]}"
    assert stages(arm("{insert: {first: sdta}, at: stages.0}", base=base)) == [["sdta"]]
    with pytest.raises(InputError, match=r"stages\.0 has no block 0; the base has no blocks there"):
        arm("{insert: {before_0: sdta}}", base=base)


def test_every_block_that_does_not_fit_its_stage_is_said_at_once_by_its_name() -> None:
    """Channels that heads cannot share, a map made smaller: before anything runs."""
    factors = (
        "{a: {insert: {first: {sdta: {heads: 3}}}}, b: {remove: conv_encoder, "
        "insert: {stages.1.last: {inverted_residual: {stride: 2}}}}, "
        "c: {remove: conv_encoder, set: {sdta.heads: 5}, at: stages.1}}"
    )
    with pytest.raises(InputError) as caught:
        plan(base=BASE, factors=factors)
    text = str(caught.value)
    assert "factors: 3 of 4 arms are no valid nets" in text
    assert "a: stages.0.blocks.first.a: sdta: heads: 3 cannot share 8 channels" in text
    assert "b: stages.1.blocks.last.b: inverted_residual: makes the map smaller" in text
    assert "c: stages.1.blocks.2: sdta: heads: 5 cannot share 16 channels" in text


def built(found: Plan, **changes: str) -> dict[str, nn.Module]:
    """Every arm's net as a worker builds it for one seed."""
    study = small_ablation(**changes)
    bench = Workbench(study, load(study.settings.data))
    jobs = {arm.name: Job(0, arm.architecture.to_data(), seed=11) for arm in found.arms}
    return {name: bench.network(job, "train", 0)[0] for name, job in jobs.items()}


def layers(net: nn.Module, of: Architecture) -> dict[str, Mapping[str, Tensor]]:
    """Parameters of every layer, by what the layer is: in these nets no two are equal."""
    found: dict[str, Mapping[str, Tensor]] = {
        "stem": dict(net.get_submodule("stem").named_parameters()),
        "head": dict(net.get_submodule("head").named_parameters()),
    }
    for number, stage in enumerate(of.stages):
        down = [] if stage.downsample is None else [stage.downsample]
        for place, layer in enumerate((*down, *stage.blocks)):
            module = net.get_submodule(f"stages.{number}.{place}")
            key = f"{number} {layer.kind} {layer.model_dump_json()}"
            assert key not in found
            found[key] = dict(module.named_parameters())
    return found


def equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def nets(**changes: str) -> dict[str, dict[str, Mapping[str, Tensor]]]:
    """Of every arm, the parameters of every layer."""
    found = plan(**changes)
    made = built(found, **changes)
    return {arm.name: layers(made[arm.name], arm.architecture) for arm in found.arms}


@pytest.mark.parametrize("design", ["full_factorial", "leave_one_out", "cumulative"])
def test_blocks_of_the_base_start_from_its_weights_in_every_arm(design: str) -> None:
    """To the bit, whatever is removed and inserted before, between and behind them."""
    factors = """{
      a: {insert: {first: {gnconv: {order: 1}}, stages.1.before_1: {gnconv: {order: 2}}}},
      b: {remove: conv_encoder, at: [stages.0.blocks.0, stages.1.blocks.0]},
      c: {insert: {first: {gnconv: {order: 3}}}}}"""
    base = nets(base=BASE, factors="{z: {set: {head.norm: none}}}")["base"]
    arms = nets(base=BASE, factors=factors, design=design)
    inserted: dict[str, Mapping[str, Tensor]] = {}
    for arm in arms.values():
        for key, parameters in arm.items():
            assert equal(parameters, base.get(key) or inserted.setdefault(key, parameters)), key
    assert len(inserted) == 5
    largest = max(arms.values(), key=len)
    assert len(largest) >= len(base) + 3


def test_the_bases_own_weights_are_those_of_its_net() -> None:
    """Numbers that are as in the net itself change no draw; removing the last block neither."""
    net = plan(base=BASE).base.architecture
    plain = build_by_path(net, 10, seed=3)
    named = build_by_path(net, 10, seed=3, blocks=[["0", "1"], ["0", "1", "2"]])
    assert equal(dict(plain.named_parameters()), dict(named.named_parameters()))
    fewer = build_by_path(arm("{remove: sdta}"), 10, seed=3, blocks=[["0", "1"], ["0", "1"]])
    known = dict(plain.named_parameters())
    assert all(torch.equal(weight, known[path]) for path, weight in fewer.named_parameters())


def test_an_inserted_block_has_weights_of_its_own() -> None:
    """Not those of a block of the base, of another place or of another factor's block."""
    sdta = "{sdta: {splits: 2, heads: 2}}"
    factors = (
        f"{{a: {{remove: sdta, insert: {{stages.1.first: {sdta}}}}}, "
        f"b: {{remove: sdta, insert: {{stages.1.before_1: {sdta}}}}}, "
        f"c: {{remove: sdta, insert: {{stages.1.first: {sdta}}}, set: {{head.norm: none}}}}}}"
    )
    arms = nets(base=BASE, factors=factors)
    key = next(key for key in arms["base"] if "sdta" in key)
    drawn = "qkv.weight"
    weights = [next(w for name, w in arm[key].items() if drawn in name) for arm in arms.values()]
    assert len(weights) == 4
    assert len({tuple(weight.flatten().tolist()) for weight in weights}) == 4


def test_levels_of_one_factor_put_in_blocks_that_start_alike() -> None:
    """Where their shapes agree: they are compared with one another."""
    factors = """{a: {levels: {x: {insert: {stages.0.first: {sdta: {heads: 1}}}},
      y: {insert: {stages.0.first: {sdta: {heads: 2}}}}}}}"""
    arms = nets(base=BASE, factors=factors)
    one, two = (
        next(parameters for key, parameters in arms[name].items() if key.startswith("0 sdta"))
        for name in "xy"
    )
    same = [name for name in one if one[name].shape == two[name].shape]
    assert len(same) >= len(one) - 1
    assert all(torch.equal(one[name], two[name]) for name in same)


@pytest.mark.parametrize(
    "change",
    [
        "{insert: {first: {cmt: {heads: 2, expand: 1.0}}}}",
        "{remove: cmt, at: stages.0.blocks.0}",
        "{replace: {cmt: gnconv}, at: stages.0.blocks.0}",
    ],
)
def test_what_blocks_share_is_the_stages(change: str) -> None:
    """CMT's table of positions starts alike, whichever block is the first that has it."""
    base = """{input: {resolution: 16}, stem: {patch: {size: 2}}, stages: [
      {width: 8, blocks: [{cmt: {heads: 2}}, {cmt: {heads: 2, expand: 2.0}}]}]}"""
    tables = [
        next(parameter for name, parameter in net.named_parameters() if "position" in name)
        for net in built(
            plan(base=base, factors=f"{{a: {change}}}"), base=base, factors=f"{{a: {change}}}"
        ).values()
    ]
    assert tables[0].std() > 0.5
    assert torch.equal(tables[0], tables[1])


@pytest.mark.parametrize("kind", sorted(BLOCKS))
def test_every_kind_of_block_can_be_put_in_or_says_why_not(kind: str) -> None:
    """A net, or a reason at the place."""
    try:
        found = arm(f"{{insert: {{stages.1.before_1: {kind}}}}}")
    except InputError as error:
        said = str(error)
        assert "the leaf" in said or f"stages.1.blocks.before_1.it: {kind}: " in said
    else:
        assert found.stages[1].blocks[1].kind == kind
