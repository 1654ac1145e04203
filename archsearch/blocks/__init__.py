"""The layers of the language: one file and one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archsearch.blocks.bottleneck import Bottleneck
from archsearch.blocks.cmt import Cmt
from archsearch.blocks.conv_encoder import ConvEncoder
from archsearch.blocks.downsamples import CmtPatch, ConvDown
from archsearch.blocks.gnconv import GnConv
from archsearch.blocks.head import Head
from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.blocks.layer import Cost, Layer, Shape, Site
from archsearch.blocks.mobilevit import MobileVit
from archsearch.blocks.nb201 import Nb201Cell, Nb201Down
from archsearch.blocks.pacc import Pacc
from archsearch.blocks.pacc_frame import PaccFrame
from archsearch.blocks.sdta import Sdta
from archsearch.blocks.stems import CmtStem, ConvStem, PatchStem, ResnetStem
from archsearch.blocks.swin import PatchMerge, Swin
from archsearch.blocks.tokens import Tokens
from archsearch.blocks.vit import Vit

__all__ = ["BLOCKS", "DOWNSAMPLES", "STEMS", "Cost", "Head", "Layer", "Shape", "Site"]


def _by_kind(*layers: type[Layer]) -> Mapping[str, type[Layer]]:
    return MappingProxyType({layer.kind: layer for layer in layers})


BLOCKS = _by_kind(
    Bottleneck,
    Cmt,
    ConvEncoder,
    GnConv,
    InvertedResidual,
    MobileVit,
    Nb201Cell,
    Pacc,
    PaccFrame,
    Sdta,
    Swin,
    Vit,
)

STEMS = _by_kind(
    CmtStem,
    ConvStem,
    PatchStem,
    ResnetStem,
)

DOWNSAMPLES = _by_kind(
    Bottleneck,
    CmtPatch,
    ConvDown,
    InvertedResidual,
    Nb201Down,
    PatchMerge,
    Tokens,
)
