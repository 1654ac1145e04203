"""Our names of parameters against those of the official codes, block by block.

For ``golden.fill``: the longest dotted prefix of our name that a table has is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping

Names = Mapping[str, str]


def within(ours: str, theirs: str, names: Names) -> dict[str, str]:
    """``names`` for a module that stands at ``ours`` in our net and at ``theirs`` in the other."""
    prefixed = {f"{ours}.{mine}": f"{theirs}.{other}" for mine, other in names.items()}
    return {ours: theirs, **prefixed}


MLP = {"norm": "norm", "expand": "pwconv1", "contract": "pwconv2", "scale.gamma": "gamma"}
_MLP_OF_BLOCK = {f"mlp.{ours}": theirs for ours, theirs in MLP.items()}

CONV_ENCODER = {"spatial": "dwconv", **_MLP_OF_BLOCK}

PARC_CONVNEXT = {
    **CONV_ENCODER,
    "spatial.height.conv": "gcc_H.gcc_conv",
    "spatial.width.conv": "gcc_W.gcc_conv",
    "spatial.height.position": "gcc_H",
    "spatial.width.position": "gcc_W",
}

XCA = {"project": "proj"}

SDTA = {
    "split.convs": "convs",
    "position.project": "pos_embd.token_projection",
    "norm": "norm_xca",
    "scale.gamma": "gamma_xca",
    **within("attention", "xca", XCA),
    **_MLP_OF_BLOCK,
}

GLOBAL_FILTER = {"norm": "pre_norm", "local": "dw", "out_norm": "post_norm"}

GNCONV = {
    "project_in": "proj_in",
    "lifts": "pws",
    "project_out": "proj_out",
    **within("spatial", "dwconv", GLOBAL_FILTER),
}

HORNET_BLOCK = {
    "norm": "norm1",
    "scale.gamma": "gamma1",
    **within("gnconv", "gnconv", GNCONV),
    **_MLP_OF_BLOCK,
    "mlp.norm": "norm2",
    "mlp.scale.gamma": "gamma2",
}

CMT_FFN = {
    "expand.0": "conv1.0",
    "expand.2": "conv1.2",
    "depthwise": "proj",
    "norm": "proj_bn",
    "contract.0": "conv2.0",
    "contract.1": "conv2.1",
}

CMT_BLOCK = {
    "perception": "proj",
    "attention_norm": "norm1",
    "attention.query": "attn.q",
    "attention.key": "attn.k",
    "attention.value": "attn.v",
    "attention.project": "attn.proj",
    "attention.reduce.0.conv": "attn.sr.0",
    "attention.reduce.1": "attn.sr.1",
    "attention.relative_position": "relative_pos",
    "ffn_norm": "norm2",
    **within("ffn", "mlp", CMT_FFN),
}
