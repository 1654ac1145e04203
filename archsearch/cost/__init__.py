"""Costs of an architecture, counted without building it."""

from archsearch.cost.static import LayerCost, NetCost, count, detail

__all__ = ["LayerCost", "NetCost", "count", "detail"]
