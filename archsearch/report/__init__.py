"""The report of runs: one HTML file that needs no network."""

from archsearch.report.page import page

__all__ = ["page"]
