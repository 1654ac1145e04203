"""Two or more runs or strategies side by side: hypervolume, attainment, growth over a run."""

from archsearch.comparing.comparison import Comparison, compare
from archsearch.comparing.strategies import Strategy, strategy_of

__all__ = ["Comparison", "Strategy", "compare", "strategy_of"]
