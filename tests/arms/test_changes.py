"""Changes to a net: what each does, and what is said of one that cannot be made."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from small_ablations import plan

from archsearch.architecture import Architecture
from archsearch.arms.draft import Draft
from archsearch.errors import InputError
from archsearch.published import load, names


def changed(change: str, **others: str) -> Architecture:
    """The one arm beside the base."""
    return plan(factors=f"{{it: {change}}}", **others).arms[1].architecture


def kinds(net: Architecture) -> list[list[str]]:
    return [[block.kind for block in stage.blocks] for stage in net.stages]


def kernels(net: Architecture) -> list[object]:
    return [getattr(b, "kernel", None) for stage in net.stages for b in stage.blocks]


@pytest.mark.parametrize("name", names())
def test_a_draft_without_a_change_is_the_net(name: str) -> None:
    """Of every published net, down to its id."""
    assert Draft(load(name)).architecture("same").id == load(name).id


def test_a_leaf_is_set_in_every_layer_of_a_kind() -> None:
    """Wherever it stands, and nowhere else."""
    assert kernels(changed("{set: {conv_encoder.kernel: 9}}")) == [9, 9, 9, None]


def test_paths_narrow_a_change() -> None:
    """To what stands in one of them; repeats count as the blocks that they are."""
    net = changed("{set: {conv_encoder.kernel: 9}, at: [stages.1, stages.0.blocks.1]}")
    assert kernels(net) == [3, 9, 9, None]
    assert kernels(changed("{set: {conv_encoder.kernel: 9}, at: stages.0}")) == [9, 9, 5, None]


WIDER = """{input: {resolution: 16}, stem: {patch: {size: 2}, width: 8}, stages: [
  {width: 16, downsample: conv, blocks: [{conv_encoder: {kernel: 3}}]}]}"""


def leaves(text: str) -> dict[str, object]:
    """Every leaf of a draft by its path."""

    def walk(data: object, at: str) -> Iterator[tuple[str, object]]:
        items = data.items() if isinstance(data, dict) else enumerate(data)  # type: ignore[arg-type]
        for key, value in items:
            if isinstance(value, dict | list):
                yield from walk(value, f"{at}.{key}")
            else:
                yield f"{at}.{key}", value

    return dict(walk(json.loads(text), ""))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("stages.1.blocks.1.position", "false"),
        ("stages.1.blocks.1.sdta.heads", "4"),
        ("stages.1.width", "32"),
        ("stages.1.downsample.kernel", "3"),
        ("stem.size", "4"),
        ("stem.width", "16"),
        ("head.norm", "none"),
        ("input.resolution", "32"),
    ],
)
def test_a_path_sets_one_leaf(path: str, value: str) -> None:
    """Blocks, widths, downsampling, stem, head and input; no other leaf changes."""
    extra = {"base": WIDER} if path == "stem.width" else {}
    found = plan(factors=f"{{it: {{set: {{{path}: {value}}}}}}}", **extra)
    base, arm = (leaves(Draft(one.architecture).state()) for one in found.arms)
    differing = [at for at in {*base, *arm} if base.get(at) != arm.get(at)]
    assert len(differing) == 1
    assert differing[0].endswith(path.rpartition(".")[2])


def test_a_block_is_replaced_wherever_it_stands() -> None:
    """With the leaves given and defaults for the rest."""
    net = changed("{replace: {sdta: {conv_encoder: {kernel: 7}}}}")
    assert kinds(net) == [["conv_encoder"] * 2, ["conv_encoder"] * 2]
    assert kernels(net) == [3, 3, 5, 7]


def test_a_downsample_and_a_stem_are_replaced_too() -> None:
    """By what can stand there; a stem keeps the width of the net."""
    net = changed("{replace: {patch: {conv: {}}}, at: stem}")
    assert net.stem.kind == "conv"
    assert net.stages == plan().base.architecture.stages


def test_a_stem_that_is_replaced_keeps_its_width() -> None:
    """Which stands beside the layer and is none of its leaves."""
    net = changed("{replace: {patch: conv}}", base=WIDER)
    assert (net.stem.kind, net.stem_width) == ("conv", 8)


def test_layers_of_one_name_are_replaced_where_the_new_one_can_stand() -> None:
    """An inverted residual is a block and a downsample; a gnconv is a block alone."""
    base = """{input: {resolution: 16}, stem: {patch: {size: 2}}, stages: [
      {width: 16, blocks: [inverted_residual]},
      {width: 32, downsample: inverted_residual, blocks: [inverted_residual]}]}"""
    net = changed("{replace: {inverted_residual: {gnconv: {order: 2}}}}", base=base)
    assert kinds(net) == [["gnconv"], ["gnconv"]]
    assert net.stages[1].downsample is not None
    assert net.stages[1].downsample.kind == "inverted_residual"


def test_a_path_is_no_beginning_of_a_longer_number() -> None:
    """Block 1 is not block 10."""
    base = """{input: {resolution: 16}, stem: {patch: {size: 2}}, stages: [
      {width: 8, blocks: [{repeat: 12, conv_encoder: {kernel: 3}}]}]}"""
    net = changed("{set: {conv_encoder.kernel: 5}, at: stages.0.blocks.1}", base=base)
    assert kernels(net) == [3, 5, *[3] * 10]


def test_blocks_are_removed() -> None:
    """All of a kind, or those inside a path."""
    assert kinds(changed("{remove: sdta}")) == [["conv_encoder"] * 2, ["conv_encoder"]]
    assert kinds(changed("{remove: [conv_encoder], at: stages.0.blocks.0}"))[0] == ["conv_encoder"]


def test_numbers_of_blocks_stay_when_one_is_removed() -> None:
    """So a path means the same block in every arm: here the sdta behind a removed block."""
    levels = (
        "{a: {remove: conv_encoder, at: stages.1}, b: {set: {stages.1.blocks.1.position: false}}}"
    )
    both = plan(factors=levels, design="full_factorial").arms[-1]
    assert both.name == "a+b"
    assert both.architecture.stages[1].blocks[0].model_dump()["position"] is False


def test_within_a_level_blocks_go_first_and_leaves_come_last() -> None:
    """What is put in place is set as well, what is removed is not there to be replaced."""
    net = changed("{replace: {sdta: {conv_encoder: {kernel: 7}}}, set: {conv_encoder.kernel: 9}}")
    assert kernels(net) == [9, 9, 9, 9]


def test_words_say_what_was_done() -> None:
    """The new value, the old ones, how many layers, and where."""
    arms = plan(
        factors="{a: {set: {conv_encoder.kernel: 9}, at: stages.0}, b: {remove: sdta}, "
        "c: {replace: {sdta: {conv_encoder: {kernel: 7}}}}, d: {set: {sdta.position: false}}}"
    ).arms
    assert [arm.changes for arm in arms] == [
        "",
        "conv_encoder.kernel = 9 (was 3) at stages.0",
        "without sdta (1 layer)",
        "sdta replaced by conv_encoder (kernel 7) (1 layer)",
        "sdta.position = false (was true)",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("{set: {conv_encoder.kernl: 7}}", r"unknown leaf 'kernl' of conv_encoder; .*'kernel'"),
        ("{set: {conv_encodr.kernel: 7}}", "unknown layer or path 'conv_encodr'; .*'conv_encoder'"),
        ("{set: {conv_encoder.kernel: 6}}", r"set\.conv_encoder\.kernel: got 6; kernel 6 is even"),
        ("{set: {conv_encoder: 6}}", "expected KIND.LEAF, such as conv_encoder.kernel, or a path"),
        ("{set: {gnconv.order: 2}}", "touches nothing: the net has no 'gnconv'"),
        ("{set: {sdta.heads: 4}, at: stages.0}", "touches nothing: sdta stands at stages.1.bl"),
        ("{set: {head.nrm: none}}", "unknown leaf 'nrm' of head; did you mean 'norm'"),
        ("{set: {stages.0.blocks.9.kernel: 3}}", "no leaf 'stages.0.blocks.9.kernel'; did you me"),
        ("{set: {stages.0.kernel: 3}}", "no leaf 'stages.0.kernel'"),
        ("{set: {stages.0.width: 0}}", "got 0; expected greater than or equal to 1"),
        ("{set: {head.norm: none}, at: head}", "no layer stands at 'head'"),
        ("{set: {stages.0.width: 8}, at: stages.0}", "whole path, which at cannot narrow"),
        ("{set: {conv_encoder.kernel: 3}, at: stages.7}", r"at: no layer stands at 'stages.7'"),
        ("{remove: patch}", "only blocks can be removed; patch at stem is none"),
        ("{remove: sdtaa}", "unknown layer 'sdtaa'; did you mean 'sdta'"),
        ("{replace: {sdta: patch}}", "unknown layer 'patch' here"),
        ("{replace: {sdta: [gnconv]}}", "expected one layer such as {sdta: {...}}"),
        ("{replace: {sdta: {conv_encoder: 3}}}", "expected a mapping"),
        ("{replace: {sdta: {conv_encoder: {size: 3}}}}", "unknown leaf 'size' of conv_encoder"),
        ("{replace: {sdta: mobilevit}}", "the leaf 'inner' is missing"),
        ("{set: {conv_encoder.kernel: 3}, at: stages.0}", "changes nothing: this is the base"),
        ("{set: {stages.0.width: 8}}", "changes nothing: this is the base"),
    ],
)
def test_a_change_that_cannot_be_made_is_said_with_its_line(change: str, said: str) -> None:
    """File, line, place, what was given, what holds."""
    with pytest.raises(InputError, match=rf"^ablation.yaml:\d+: factors\.it.*{said}"):
        changed(change)


def test_a_change_that_another_one_undoes_names_the_arm() -> None:
    """Alone it changes the net, in this arm it does not."""
    two = "{a: {remove: sdta}, b: {set: {sdta.position: false}}}"
    with pytest.raises(InputError, match=r"factors\.b.*in the arm a\+b: touches nothing"):
        plan(factors=two, design="full_factorial")
    two = "{a: {set: {conv_encoder.kernel: 9}}, b: {set: {stages.0.blocks.0.kernel: 9}}}"
    with pytest.raises(InputError, match=r"factors\.b: in the arm a\+b: changes nothing; its oth"):
        plan(factors=two, design="full_factorial")
