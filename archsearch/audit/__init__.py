"""The audit: a sample of a study's space, trained longer than a search can afford.

How well each proxy, each shorter training and each predictor orders these nets by their accuracy at
the end is how far it can be trusted on this space, these images and this recipe.
"""

from archsearch.audit.report import save as save
from archsearch.audit.rows import audit_of as audit_of
from archsearch.audit.studies import audit_study as audit_study
from archsearch.audit.studies import short_study as short_study
