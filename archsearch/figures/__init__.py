"""Figures of data frames: every function takes frames and returns a matplotlib ``Figure``."""

from archsearch.figures.ablation import plot_ablation
from archsearch.figures.anytime import plot_anytime
from archsearch.figures.attainment import plot_attainment, plot_differences
from archsearch.figures.audit import plot_audit
from archsearch.figures.curves import plot_curves
from archsearch.figures.front import plot_front
from archsearch.figures.growth import plot_growth
from archsearch.figures.importance import plot_importance
from archsearch.figures.latency import predicted_against_measured
from archsearch.figures.parallel import plot_parallel
from archsearch.figures.preferences import plot_preferences
from archsearch.figures.published import plot_published
from archsearch.figures.quantity import Quantity
from archsearch.figures.stages import plot_stages
from archsearch.figures.style import render, save

__all__ = [
    "Quantity",
    "plot_ablation",
    "plot_anytime",
    "plot_attainment",
    "plot_audit",
    "plot_curves",
    "plot_differences",
    "plot_front",
    "plot_growth",
    "plot_importance",
    "plot_parallel",
    "plot_preferences",
    "plot_published",
    "plot_stages",
    "predicted_against_measured",
    "render",
    "save",
]
