"""Whether arms differ: paired seeds, exact tests, corrected over arms and looks."""
