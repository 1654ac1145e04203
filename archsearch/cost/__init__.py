"""Costs of an architecture, counted without building it."""

from archsearch.cost.static import count

__all__ = ["count"]
