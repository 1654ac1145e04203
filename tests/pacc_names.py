"""Official names of the tensors of a PaCC block, by ours; and of its intermediate outputs."""

from __future__ import annotations

ATTENTION = {1: 0, 2: 1, 4: 3, 5: 4}
BLOCK = {
    "height_first.norm": "pre_Norm_1",
    "width_first.norm": "pre_Norm_2",
    "channel_mixer.norm": "ffn.0",
    "channel_mixer.expand": "ffn.1",
    "channel_mixer.project": "ffn.4",
    **{
        f"channel_mixer.attention.scale.{ours}": f"ca.fc.{theirs}"
        for ours, theirs in ATTENTION.items()
    },
}
CIRCULAR = {
    "height_first.conv_1.weight": "meta_kernel_1_H",
    "width_first.conv_1.weight": "meta_kernel_1_W",
    "height_first.conv_2.weight": "meta_kernel_2_W",
    "width_first.conv_2.weight": "meta_kernel_2_H",
    "height_first.position_1.pe": "meta_pe_1_H",
    "width_first.position_1.pe": "meta_pe_1_W",
    "height_first.position_2.pe": "meta_pe_2_W",
    "width_first.position_2.pe": "meta_pe_2_H",
}
INTERMEDIATE = {
    "parc_1_H_branch1": "height_first.conv_1",
    "parc_1_W_branch2": "width_first.conv_1",
    "parc_2_W_branch1": "height_first.conv_2",
    "parc_2_H_branch2": "width_first.conv_2",
}
# The official big-kernel block lays the kernels called 2_W along the height, and 2_H along the
# width, so that each branch runs twice along its own axis.
BIG_KERNEL = {
    "height_first.conv_1": "bk_conv_1_H",
    "width_first.conv_1": "bk_conv_1_W",
    "height_first.conv_2": "bk_conv_2_W",
    "width_first.conv_2": "bk_conv_2_H",
}
