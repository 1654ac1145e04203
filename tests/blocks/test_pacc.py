"""The circular operator, its halves, and the PaCC block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from counted_alone import alone
from golden import case_input, check, check_case, draw, fill, load
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import (
    check_cost,
    check_gradients,
    check_onnx,
    check_sizes,
    made,
    measured_cost,
    noise,
)
from pydantic import ValidationError
from torch import Tensor, nn

from archsearch.blocks.layer import Site
from archsearch.blocks.pacc import (
    Axis,
    ChannelAttention,
    CircularConv,
    HalvesCircular,
    Pacc,
    PositionEmbedding,
    circular_conv,
    count_channel_attention,
    count_halves,
    generated,
)
from archsearch.checkpoints import parcnet

AXES: tuple[Axis, ...] = ("height", "width")
SITE = Site(32, 32, 9, 7)
LAYERS = (
    Pacc(),
    Pacc(kernel=3),
    Pacc(kernel=8, generation="crop"),
    Pacc(kernel=30, position=False),
    Pacc(attention=False, expand=1.5),
    Pacc(padding="zero", kernel=9),
    Pacc(padding="zero", kernel=5, crossed=False),
    Pacc(generation="crop", crossed=False),
)
INTERMEDIATE = {
    "parc_1_H_branch1": "height_first.conv_1",
    "parc_1_W_branch2": "width_first.conv_1",
    "parc_2_W_branch1": "height_first.conv_2",
    "parc_2_H_branch2": "width_first.conv_2",
}
# No published net has the official big-kernel block. It lays the kernels called 2_W along the
# height, and 2_H along the width, so that each branch runs twice along its own axis.
BIG_KERNEL = {
    "height_first.conv_1": "bk_conv_1_H",
    "width_first.conv_1": "bk_conv_1_W",
    "height_first.conv_2": "bk_conv_2_W",
    "width_first.conv_2": "bk_conv_2_H",
}
lengths = st.integers(1, 9)
seeds = st.integers(0, 2**31)


def flipped(x: Tensor, axis: Axis) -> Tensor:
    """Swap the axes, so that ``axis`` lies along the height."""
    return x if axis == "height" else x.transpose(2, 3)


@given(lengths, lengths, st.data(), st.sampled_from(AXES), seeds)
@settings(max_examples=40, deadline=None)
def test_circular_conv_is_its_definition(
    height: int, width: int, data: st.DataObject, axis: Axis, seed: int
) -> None:
    """y[c,i,j] = b[c] + sum_k w[c,k] x[c, (i+k) mod n, j], as written, in explicit loops."""
    length = height if axis == "height" else width
    taps = data.draw(st.integers(1, length))
    x, weight = noise(1, 2, height, width, seed=seed), noise(2, 1, taps, seed=seed + 1)
    bias = noise(2, seed=seed + 2)
    source = flipped(x, axis)
    expected = torch.empty_like(source)
    for c, i, j in np.ndindex(*source.shape[1:]):
        products = [weight[c, 0, k] * source[0, c, (i + k) % length, j] for k in range(taps)]
        expected[0, c, i, j] = bias[c] + sum(products)
    y = circular_conv(x, weight, bias, axis)
    torch.testing.assert_close(flipped(y, axis), expected, rtol=1e-5, atol=1e-5)


@given(st.integers(1, 40), st.data(), seeds)
@settings(max_examples=40, deadline=None)
def test_circular_conv_is_a_correlation_in_the_frequency_domain(
    length: int, data: st.DataObject, seed: int
) -> None:
    """The transform of the output is that of the input times the kernel's conjugate."""
    taps = data.draw(st.integers(1, length))
    x, weight = noise(2, 3, length, 2, seed=seed).double(), noise(3, 1, taps, seed=seed).double()
    spectrum = torch.fft.rfft(x, dim=2) * torch.fft.rfft(weight, n=length).conj().mT
    expected = torch.fft.irfft(spectrum, n=length, dim=2)
    torch.testing.assert_close(circular_conv(x, weight, None, "height"), expected)


@given(st.integers(2, 9), st.integers(-9, 9), st.sampled_from(AXES), st.booleans(), seeds)
@settings(max_examples=30, deadline=None)
def test_circular_conv_moves_with_its_input(
    length: int, shift: int, axis: Axis, stretch: bool, seed: int
) -> None:
    """A circular shift of the map shifts the output, whichever way the kernel was made."""
    conv, x = CircularConv(2, axis, 4, stretch=stretch), noise(1, 2, length, length, seed=seed)
    dims = (2, 3)
    rolled = conv(x.roll((shift, shift), dims))
    torch.testing.assert_close(rolled, conv(x).roll((shift, shift), dims), rtol=1e-4, atol=1e-5)


def test_a_block_without_position_moves_with_its_input_and_one_with_it_does_not() -> None:
    """The position embedding is what makes the block aware of places."""
    x, shift = noise(2, 32, 9, 7), {"shifts": (2, 3), "dims": (2, 3)}
    blind, aware = made(Pacc(position=False), SITE), made(Pacc(), SITE)
    torch.testing.assert_close(blind(x.roll(**shift)), blind(x).roll(**shift), rtol=1e-4, atol=1e-4)
    assert (aware(x.roll(**shift)) - aware(x).roll(**shift)).abs().max() > 0.1


def test_one_block_sees_the_whole_map_when_its_branches_cross() -> None:
    """A branch along both axes reaches every pixel; twice along one axis stays in its column."""

    def reached(layer: Pacc) -> Tensor:
        x = noise(1, 32, 9, 7).requires_grad_()
        made(layer, SITE).height_first(x[:, :16])[0, 0, 0, 0].backward()
        assert x.grad is not None
        return x.grad[0, 0] != 0

    assert reached(Pacc()).all()
    column = reached(Pacc(crossed=False))
    assert column[:, 0].all()
    assert not column[:, 1:].any()


@given(st.integers(1, 12), st.integers(1, 12), seeds)
@settings(deadline=None)
def test_interpolation_is_linear_with_the_end_points_kept(
    given_length: int, length: int, seed: int
) -> None:
    """Values of another length lie on the straight lines between the meta values."""
    meta = noise(2, 3, given_length, seed=seed)
    places = np.linspace(0, given_length - 1, length) if length > 1 else np.zeros(1)
    rows = [np.interp(places, np.arange(given_length), row) for row in meta.reshape(6, -1).numpy()]
    expected = np.stack(rows).reshape(2, 3, length)
    actual = generated(meta, length, "interpolate").numpy()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def test_crop_takes_the_first_values() -> None:
    """Shorter maps get the first taps as they are; longer ones have nothing to crop."""
    meta = noise(4, 1, 8)
    assert torch.equal(generated(meta, 5, "crop"), meta[..., :5])
    assert torch.equal(generated(meta, 11, "crop"), generated(meta, 11, "interpolate"))


def test_a_kernel_of_k_taps_is_not_stretched() -> None:
    """kernel: k keeps its taps on larger maps; kernel: global becomes as long as the map."""
    x = noise(1, 16, 12, 12)
    kept, stretched = CircularConv(16, "height", 5, stretch=False), CircularConv(16, "height", 5)
    torch.testing.assert_close(kept(x), circular_conv(x, kept.weight, None, "height"))
    long = generated(stretched.weight, 12, "interpolate")
    torch.testing.assert_close(stretched(x), circular_conv(x, long, None, "height"))


@pytest.mark.parametrize(("taps", "groups"), [(1, 16), (7, 16), (7, 1)])
def test_the_circular_kernel_starts_as_torch_starts_a_convolution(taps: int, groups: int) -> None:
    """Weights and biases are uniform within one over the root of the fan-in."""
    conv = CircularConv(16, "height", taps, bias=True, groups=groups)
    reference = nn.Conv2d(16, 16, (taps, 1), groups=groups)
    bound = (taps * 16 / groups) ** -0.5
    assert conv.weight.numel() == reference.weight.numel()
    for ours, theirs in zip(conv.parameters(), reference.parameters(), strict=True):
        assert 0.5 * bound < ours.abs().max() <= bound
        assert theirs.abs().max() <= bound


def test_position_embeddings_start_as_their_papers_start_them() -> None:
    """ParC-Net draws from the standard normal, the ParC-ConvNets with deviation 0.02."""
    site = Site(256, 256, 32, 32)
    of_block = Pacc().build(site, {}).height_first.position_1.pe
    of_halves = HalvesCircular(256, 32, 32, True).height.position.pe
    assert of_block.std().item() == pytest.approx(1, rel=0.1)
    assert of_halves.std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("case", ["7x9", "9x7", "7x7"])
@pytest.mark.parametrize(("axis", "letter"), [("height", "H"), ("width", "W")])
def test_each_axis_has_its_own_length(case: str, axis: Axis, letter: str) -> None:
    """On maps that are not square, kernel and embedding follow the axis they run along."""
    expected = load("blocks/parc_op_nonsquare_extension")["cases"][case][f"{letter}_type"]
    position = PositionEmbedding(32, axis, 16, std=1.0)
    conv = CircularConv(32, axis, 16)
    lying = (16, 1) if axis == "height" else (1, 16)
    with torch.no_grad():
        conv.weight.copy_(draw(f"meta_kernel_1_{letter}", (32, 1, *lying)).reshape(32, 1, 16))
        position.pe.copy_(draw(f"meta_pe_1_{letter}", (1, 32, *lying)).reshape(32, 16))
        check(conv(position(case_input(expected["shape"]))), expected)


@pytest.mark.parametrize("name", ["H_dim32_k14", "H_dim32_k7", "W_dim32_k14"])
@pytest.mark.parametrize("suffix", ["", "_nope"])
def test_the_operator_is_that_of_the_parc_convnets(name: str, suffix: str) -> None:
    """The H and W operators, with bias, with and without embedding, agree with the official."""
    check_operator(name + suffix, position=not suffix)


def test_the_short_width_operator_is_that_of_the_parc_convnets() -> None:
    """Recorded without embedding only."""
    check_operator("W_dim32_k7_nope", position=False)


def check_operator(name: str, *, position: bool) -> None:
    """Compare position embedding and circular convolution in a row with the golden ``name``."""
    golden = load(f"blocks/parc_operator_{name}")
    axis: Axis = "height" if name.startswith("H") else "width"
    taps = golden["config"]["global_kernel_size"]
    parts: list[nn.Module] = [CircularConv(32, axis, taps, bias=True)]
    if position:
        parts.insert(0, PositionEmbedding(32, axis, taps, std=1.0))
    module = nn.Sequential(*parts)
    fill(module, golden, {"0": "", "0.pe": "pe", f"{len(parts) - 1}": "gcc_conv"})
    for case in golden["cases"]:
        check_case(module, golden, case)


def test_the_attention_is_the_official_ca_layer() -> None:
    """Means, squeeze, excitation and scale agree with the official code."""
    golden = load("blocks/parc_channel_attention_dim64")
    module = ChannelAttention(64)
    names = {f"scale.{ours}": f"fc.{theirs}" for ours, theirs in parcnet.ATTENTION.items()}
    fill(module, golden, names)
    for case in golden["cases"]:
        check_case(module, golden, case)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("gcc_ca_mf_block_dim32x2_pe", Pacc()),
        ("gcc_ca_mf_block_dim32x2_nope", Pacc(position=False)),
        ("gcc_mf_block_dim32x2_pe_noca", Pacc(attention=False)),
    ],
)
def test_the_block_is_the_official_one(name: str, layer: Pacc) -> None:
    """Outputs and both convolutions of both branches agree, at the built size and at others."""
    golden = load(f"blocks/parc_{name}")
    module = layer.build(Site(64, 64, 16, 16), {})
    fill(module, golden, parcnet.BLOCK)
    for case in golden["cases"]:
        check_case(module, golden, case, INTERMEDIATE)


def test_the_zero_padded_block_is_the_official_big_kernel_ablation() -> None:
    """Two leaves away from the circular block: the padding, and branches that do not cross."""
    golden = load("blocks/parc_bkc_ca_mf_block_dim32x2_k9")
    layer = Pacc(padding="zero", kernel=9, crossed=False, position=False)
    module = layer.build(Site(64, 64, 14, 14), {})
    kept = {a: b for a, b in parcnet.BLOCK.items() if "conv_" not in a}
    fill(module, golden, {**kept, **BIG_KERNEL})
    for case in golden["cases"]:
        check_case(module, golden, case)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_the_cost_is_that_of_the_module(layer: Pacc) -> None:
    """Parameters and MACs in closed form equal those counted."""
    check_cost(layer, SITE)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_block_runs_at_any_size_and_learns_everywhere(layer: Pacc) -> None:
    """Odd, small, large and oblong maps; no parameter is idle."""
    check_sizes(layer, SITE)
    check_gradients(layer, SITE)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("position", [False, True])
def test_the_cost_of_the_halves_is_that_of_their_module(position: bool, dense: bool) -> None:
    """Parameters and MACs in closed form equal those counted."""
    module = HalvesCircular(12, 5, 8, position, dense=dense)
    assert alone(count_halves)(12, 5, 8, position, dense=dense) == measured_cost(
        module, noise(1, 12, 5, 8)
    )


def test_the_cost_of_the_attention_is_that_of_its_module() -> None:
    """Its convolutions see one pixel, whatever the map."""
    assert alone(count_channel_attention)(48) == measured_cost(
        ChannelAttention(48).eval(), noise(1, 48, 6, 5)
    )


def test_the_halves_run_at_any_size() -> None:
    """Kernels and embeddings are interpolated for maps of another size."""
    module = HalvesCircular(6, 5, 8, True)
    for size in ((1, 1), (5, 8), (3, 11)):
        assert module(noise(2, 6, *size)).shape == (2, 6, *size)


@pytest.mark.parametrize("size", [(9, 7), (6, 10)], ids=str)
def test_a_block_exports_to_onnx(size: tuple[int, int], tmp_path: Path) -> None:
    """At the size it was built for, and at one for which kernels are generated."""
    check_onnx(Pacc(), SITE, tmp_path, size)


@pytest.mark.parametrize(
    ("layer", "site", "message"),
    [
        (Pacc(), Site(32, 48, 8, 8), "a residual block keeps its channels"),
        (Pacc(), Site(33, 33, 8, 8), "there are 33; give an even width"),
        (Pacc(), Site(14, 14, 8, 8), "there are 14; widen the stage or set attention: false"),
        (Pacc(padding="zero"), SITE, "that is global; give an odd number"),
        (Pacc(padding="zero", kernel=4), SITE, "that is 4; give an odd number"),
    ],
)
def test_a_place_where_the_block_cannot_stand_is_named(
    layer: Pacc, site: Site, message: str
) -> None:
    """The reason says what was given and what to do."""
    assert message in str(layer.problem(site))


@pytest.mark.parametrize("leaf", [{"kernel": 1}, {"kernel": "all"}, {"expand": 0.0}])
def test_a_leaf_out_of_its_range_is_refused(leaf: dict[str, object]) -> None:
    """No layer exists with such a leaf."""
    with pytest.raises(ValidationError, match=next(iter(leaf))):
        Pacc.model_validate(leaf)
