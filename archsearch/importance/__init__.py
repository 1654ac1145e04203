"""Importance: which leaves of a space matter for an objective, and for the front.

Three answers that fail in different ways: fANOVA asks a forest over the whole space, PED-ANOVA how
the best nets choose, and the permutation how much the predictor needs a choice.
"""

from archsearch.importance.frame import FOOTNOTE as FOOTNOTE
from archsearch.importance.frame import FRONT as FRONT
from archsearch.importance.frame import METHODS as METHODS
from archsearch.importance.frame import ensure_method as ensure_method
from archsearch.importance.frame import importances as importances
from archsearch.importance.frame import shown as shown
