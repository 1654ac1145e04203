"""Drawings of blocks and nets, made from what they are."""

from archsearch.drawing.block import block_figure
from archsearch.drawing.net import net_figure
from archsearch.drawing.stages import stages_figure, stages_frame

__all__ = ["block_figure", "net_figure", "stages_figure", "stages_frame"]
