"""Swin's windows against attention over the whole map with a mask; its patch merging."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import made, noise
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch import published
from archsearch.blocks.layer import Site
from archsearch.blocks.swin import (
    MergedPatches,
    PatchMerge,
    Size,
    Swin,
    SwinBlock,
    WindowAttention,
    fitted,
    from_windows,
    to_windows,
    whole,
)
from archsearch.checkpoints import load_official
from archsearch.checkpoints.swin import official_names
from archsearch.cost import count
from archsearch.network import build

sides = st.integers(1, 9)


def attention_of(layer: Swin, size: Size) -> WindowAttention:
    """The window attention of a block for a map of ``size``, with noise in every parameter."""
    block = cast("SwinBlock", made(layer, Site(8, 8, *size)).double())
    return block.attention


def axis(length: int, whole: int, window: int, shift: int) -> tuple[Tensor, Tensor]:
    """Place in its window of each row (or column) of the shifted, filled-up map, and its window.

    The last ``shift`` rows of the filled-up map are a window of their own.
    """
    rows = torch.arange(whole)
    place = torch.where(rows < length, (rows - shift) % length, rows)
    return place % window, place // window + whole * (place >= whole - shift)


def dense(attention: WindowAttention, pixels: Tensor) -> Tensor:
    """A second algorithm: every pixel looks at every pixel, those it may not see are masked."""
    height, width = pixels.shape[1:3]
    window = fitted((height, width), attention.window)
    size = whole((height, width), window)
    shift = [
        side // 2 if attention.shift and length > side else 0
        for length, side in zip((height, width), window, strict=True)
    ]
    padded = F.pad(pixels, (0, 0, 0, size[1] - width, 0, size[0] - height)).flatten(1, 2)
    grids = [axis((height, width)[i], size[i], window[i], shift[i]) for i in (0, 1)]
    rows, columns = (
        [values.repeat_interleave(size[1]) for values in grids[0]],
        [values.repeat(size[0]) for values in grids[1]],
    )
    meet = (rows[1][:, None] == rows[1]) & (columns[1][:, None] == columns[1])
    down, right = rows[0][:, None] - rows[0], columns[0][:, None] - columns[0]
    made_for = attention.bias.window
    table = attention.bias.table.reshape(2 * made_for[0] - 1, 2 * made_for[1] - 1, -1)
    bias = table[(down * meet) + made_for[0] - 1, (right * meet) + made_for[1] - 1]
    masked = bias.permute(2, 0, 1).masked_fill(~meet, -torch.inf)
    mixed: Tensor = attention.attention(padded, masked)
    return mixed.reshape(len(pixels), *size, -1)[:, :height, :width]


@settings(max_examples=60, deadline=None)
@given(
    window=st.integers(2, 5),
    shift=st.booleans(),
    built=st.tuples(sides, sides),
    size=st.tuples(sides, sides),
)
def test_windows_are_attention_with_a_mask(
    window: int, shift: bool, built: Size, size: Size
) -> None:
    """At any size: whole windows or not, smaller than one, and not the size it was built for."""
    attention = attention_of(Swin(heads=2, window=window, shift=shift), built)
    pixels = noise(2, *size, 8).double()
    with torch.no_grad():
        torch.testing.assert_close(attention(pixels), dense(attention, pixels))


def regions(length: int, window: int, shift: int) -> Tensor:
    """Number of the region of each shifted row: 0, then 1 in the last window, 2 in what came round.

    These are the authors' three slices of an axis.
    """
    place = torch.arange(length)
    return (place >= length - window).int() + (place >= length - shift).int()


def window_scores(attention: WindowAttention, window: Size, labels: Tensor) -> Tensor:
    """What is added to the scores (heads, N, N) in one window: R, and -100 between two regions."""
    rows, columns = attention.bias.window
    places = [(y, x) for y in range(window[0]) for x in range(window[1])]
    added = torch.empty(attention.bias.table.shape[1], len(places), len(places)).double()
    for i, (y, x) in enumerate(places):
        for j, (v, u) in enumerate(places):
            number = (y - v + rows - 1) * (2 * columns - 1) + (x - u + columns - 1)
            apart = labels[y, x] != labels[v, u]
            added[:, i, j] = attention.bias.table[number] - (100.0 if apart else 0.0)
    return added


def step_by_step(attention: WindowAttention, pixels: Tensor, *, pad_first: bool = False) -> Tensor:
    """Shift, pad, every window by itself, crop, shift back; or the order of the detection code."""
    height, width = pixels.shape[1:3]
    window = min(height, attention.window[0]), min(width, attention.window[1])
    down = window[0] // 2 if attention.shift and height > window[0] else 0
    right = window[1] // 2 if attention.shift and width > window[1] else 0
    below, beside = -height % window[0], -width % window[1]
    if pad_first:
        shifted = F.pad(pixels, (0, 0, 0, beside, 0, below)).roll((-down, -right), (1, 2))
    else:
        shifted = F.pad(pixels.roll((-down, -right), (1, 2)), (0, 0, 0, beside, 0, below))
    rows = regions(height + below, window[0], down)
    columns = regions(width + beside, window[1], right)
    out = torch.empty_like(shifted)
    for top in range(0, height + below, window[0]):
        for left in range(0, width + beside, window[1]):
            here = slice(top, top + window[0]), slice(left, left + window[1])
            labels = 3 * rows[here[0], None] + columns[here[1]]
            cut = shifted[:, here[0], here[1]]
            mixed = attention.attention(cut.flatten(1, 2), window_scores(attention, window, labels))
            out[:, here[0], here[1]] = mixed.reshape(cut.shape)
    if pad_first:
        return out.roll((down, right), (1, 2))[:, :height, :width]
    return out[:, :height, :width].roll((down, right), (1, 2))


@pytest.mark.parametrize("size", [(8, 12), (9, 11), (10, 4), (5, 3), (2, 3), (7, 13)], ids=str)
@pytest.mark.parametrize(("window", "shift"), [(4, False), (4, True), (3, True)])
def test_windows_are_timms_steps_one_by_one(window: int, shift: bool, size: Size) -> None:
    """Whole windows, maps that are filled up, and maps smaller than a window."""
    attention = attention_of(Swin(heads=2, window=window, shift=shift), (2 * window, 2 * window))
    pixels = noise(2, *size, 8).double()
    with torch.no_grad():
        torch.testing.assert_close(attention(pixels), step_by_step(attention, pixels))


@pytest.mark.parametrize(("size", "same"), [((8, 12), True), ((4, 8), True), ((9, 11), False)])
def test_padding_and_shifting_commute_on_whole_windows_alone(size: Size, same: bool) -> None:
    """So that both orders give the published numbers at the published size, but not at others."""
    attention = attention_of(Swin(heads=2, window=4, shift=True), (8, 8))
    pixels = noise(2, *size, 8).double()
    with torch.no_grad():
        theirs = step_by_step(attention, pixels, pad_first=True)
        assert torch.allclose(attention(pixels), theirs) == same


@pytest.mark.parametrize("size", [(224, 224), (224, 448)])
def test_published_maps_are_whole_windows(size: Size) -> None:
    """Swin-T's stages at the published size, where the goldens hold: no map is filled up."""
    swins = [p for p in published.load("swin_tiny").at(size).places() if isinstance(p.layer, Swin)]
    assert len(swins) == 12
    for place in swins:
        map_size = (place.site.height, place.site.width)
        assert whole(map_size, fitted(map_size, (7, 7))) == map_size


@given(window=st.tuples(st.integers(1, 4), st.integers(1, 4)), counts=st.tuples(sides, sides))
def test_windows_are_cut_and_put_together(window: Size, counts: Size) -> None:
    """Nothing is lost, and the first window is the corner of the map."""
    size = (window[0] * counts[0], window[1] * counts[1])
    pixels = noise(2, *size, 3)
    cut = to_windows(pixels, window)
    assert torch.equal(cut[:, 0], pixels[:, : window[0], : window[1]].flatten(1, 2))
    assert torch.equal(from_windows(cut, size, window), pixels)


@pytest.mark.parametrize(("shift", "reached"), [(False, 16), (True, 4)])
def test_a_pixel_reaches_its_window_alone(shift: bool, reached: int) -> None:
    """The corner pixel: a window of 4x4, or after the shift the quarter that did not come round."""
    attention = attention_of(Swin(heads=2, window=4, shift=shift), (8, 8))
    pixels = noise(1, 8, 8, 8).double()
    other = pixels.clone()
    other[:, 0, 0] += 1
    with torch.no_grad():
        changed = (attention(pixels) - attention(other)).abs().amax(-1) > 0
    assert int(changed.sum()) == reached
    side = int(reached**0.5)
    assert changed[0, :side, :side].all()


def test_a_map_of_one_window_is_not_shifted() -> None:
    """On an axis that one window covers a shift would only cut it in two."""
    still, moved = (attention_of(Swin(heads=2, shift=s), (7, 7)) for s in (False, True))
    pixels = noise(1, 7, 7, 8).double()
    assert torch.equal(still(pixels), moved(pixels))
    wide = noise(1, 7, 14, 8).double()
    assert not torch.allclose(still(wide), moved(wide))


def test_the_window_and_its_table_shrink_to_the_map() -> None:
    """Offsets that no two pixels of the map have are not stored."""
    assert attention_of(Swin(heads=2), (3, 9)).bias.table.shape == (5 * 13, 2)


def test_the_pixels_of_a_patch_stand_column_by_column() -> None:
    """Top left, bottom left, top right, bottom right: the official order; zeros beyond the map."""
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    merged = MergedPatches()(x)
    assert merged[0, :, 0].T.tolist() == [[0, 3, 1, 4], [2, 5, 0, 0]]


def test_patch_merging_is_its_formula() -> None:
    """LN over the four pixels, then a matrix."""
    module, x = cast("nn.Sequential", made(PatchMerge(), Site(3, 5, 4, 4))), noise(2, 3, 4, 4)
    patch = torch.cat([x[:, :, i, j] for j in (2, 3) for i in (0, 1)], dim=1)
    scale, shift = module.get_parameter("1.weight"), module.get_parameter("1.bias")
    normed = F.layer_norm(patch, (12,), scale, shift, 1e-5)
    expected = normed @ module.get_parameter("2.weight").reshape(5, 12).T
    torch.testing.assert_close(module(x)[:, :, 0, 1], expected)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Swin(heads=3), "16 channels do not divide by heads: 3; change one of them"),
        (Swin(heads=4, window=1, shift=True), "window: 1 has none; use a larger window"),
    ],
)
def test_a_place_where_the_block_cannot_stand_is_named(layer: Swin, message: str) -> None:
    """The reason says what was given and what to do."""
    assert message in str(layer.problem(Site(16, 16, 8, 8)))


def test_swin_t_costs_what_its_authors_say() -> None:
    """28 M parameters and 4.5 G multiply-accumulates (README of microsoft/Swin-Transformer)."""
    cost = count(published.load("swin_tiny"))
    assert round(cost.params / 1e6) == 28
    assert round(cost.macs / 1e9, 1) == 4.5


def test_weights_of_the_official_code_are_told_from_timms() -> None:
    """There the merging of patches ends a stage, and files hold index tables beside the weights."""
    net = published.load("swin_tiny")
    names = official_names(net, "official")
    ours = build(net, 3, seed=1).state_dict()
    weights = {names[name]: tensor for name, tensor in ours.items()}
    assert weights["layers.0.downsample.reduction.weight"].shape[:2] == (192, 384)
    weights["layers.0.blocks.1.attn_mask"] = torch.zeros(64, 49, 49)
    weights["layers.0.blocks.1.attn.relative_position_index"] = torch.zeros(49, 49)
    loaded = load_official("swin_tiny", weights).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in ours.items())
