"""ViT's block and its tokens."""

from __future__ import annotations

from typing import cast

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import made, noise
from torch import nn
from torch.nn import functional as F

from archsearch.blocks.head import Head
from archsearch.blocks.layer import Site
from archsearch.blocks.tokens import ClassTokenAndPosition, Tokens
from archsearch.blocks.vit import Vit


def tokens_for(height: int, width: int) -> ClassTokenAndPosition:
    """Tokens of 4 channels for a map of this size, with noise in every parameter."""
    return cast("ClassTokenAndPosition", made(Tokens(), Site(4, 4, height, width)))


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 5), width=st.integers(1, 5), seed=st.integers(0, 100))
def test_the_block_does_not_know_where_a_pixel_is(height: int, width: int, seed: int) -> None:
    """Moving the pixels moves the output's with them: the map is a set."""
    module = made(Vit(heads=2), Site(8, 8, height, width)).double()
    x = noise(2, 8, height * width, 1, seed=seed).double()
    order = torch.randperm(height * width, generator=torch.Generator().manual_seed(seed))
    expected = module(x)[:, :, order]
    torch.testing.assert_close(module(x[:, :, order]), expected)
    oblong = module(x.reshape(2, 8, height, width))
    torch.testing.assert_close(oblong.flatten(2), module(x).flatten(2))


def test_the_block_is_pytorchs_transformer_layer() -> None:
    """``nn.TransformerEncoderLayer``, pre-norm with GELU and eps 1e-6, is a second code of it."""
    ours = made(Vit(heads=4), Site(16, 16, 3, 5))
    theirs = nn.TransformerEncoderLayer(
        16, 4, 64, 0.0, F.gelu, layer_norm_eps=1e-6, batch_first=True, norm_first=True
    )
    renamed = {
        "layer.attention_norm": "norm1",
        "layer.attention.qkv.": "self_attn.in_proj_",
        "layer.attention.project": "self_attn.out_proj",
        "layer.feed_forward.0": "norm2",
        "layer.feed_forward.1": "linear1",
        "layer.feed_forward.3": "linear2",
    }
    weights = {}
    for name, tensor in ours.state_dict().items():
        prefix = next(prefix for prefix in renamed if name.startswith(prefix))
        weights[renamed[prefix] + name.removeprefix(prefix)] = tensor
    theirs.load_state_dict(weights)
    x = noise(2, 16, 3, 5)
    expected = theirs(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(2, 16, 3, 5)
    torch.testing.assert_close(ours(x), expected)


def test_the_class_token_stands_first_and_pixels_follow_row_by_row() -> None:
    """Equation 1 of ViT: each with its own row of the position embedding."""
    module, x = tokens_for(2, 3), noise(2, 4, 2, 3)
    tokens = module(x)
    assert tokens.shape == (2, 4, 7, 1)
    first = (module.class_token[0] + module.position[0]).expand(2, -1)
    torch.testing.assert_close(tokens[:, :, 0, 0], first)
    torch.testing.assert_close(tokens[:, :, 5, 0], x[:, :, 1, 1] + module.position[5])


def test_positions_are_resized_on_the_grid() -> None:
    """For another size each corner keeps its meaning, and the class token's embedding stays."""
    module = tokens_for(2, 2)
    with torch.no_grad():
        resized = module(torch.zeros(1, 4, 4, 6))[0, :, :, 0].T
    torch.testing.assert_close(resized[0], (module.class_token[0] + module.position[0]).detach())
    grid = resized[1:].reshape(4, 6, 4)
    corners = torch.stack([grid[0, 0], grid[0, -1], grid[-1, 0], grid[-1, -1]])
    torch.testing.assert_close(corners, module.position[1:].detach())
    centre = grid[1:3, 2:4].mean((0, 1))
    torch.testing.assert_close(centre, module.position[1:].detach().mean(0))


def test_tokens_keep_the_channels() -> None:
    """A place with another width is refused, with what to do."""
    problem = str(Tokens().problem(Site(8, 16, 4, 4)))
    assert "gets 8 channels and should give 16" in problem
    assert "give the layer before it (the stem, say) the stage's width" in problem


def test_heads_divide_the_channels() -> None:
    """Otherwise the reason names both numbers."""
    assert Vit().problem(Site(15, 15, 2, 2)) is None
    assert "16 channels do not divide by heads: 3" in str(Vit().problem(Site(16, 16, 2, 2)))


def test_a_head_reads_the_class_token_alone() -> None:
    """With ``pool: first`` no other position counts; the norm before it is that of a pixel."""
    module, x = Head(norm="pixel", pool="first").build(6, 5), noise(2, 6, 7, 1)
    expected = F.layer_norm(x[:, :, 0, 0], (6,), eps=1e-6)
    torch.testing.assert_close(module(x), module.get_submodule("classify")(expected))


def test_a_pixels_norm_stands_before_the_mean() -> None:
    """Swin's order: pixels of another scale count as much as any."""
    module, x = Head(norm="pixel", eps=1e-5).build(6, 5), noise(2, 6, 3, 4)
    x[:, :, 0] *= 100
    normed = F.layer_norm(x.permute(0, 2, 3, 1), (6,), eps=1e-5)
    expected = module.get_submodule("classify")(normed.mean((1, 2)))
    torch.testing.assert_close(module(x), expected)
