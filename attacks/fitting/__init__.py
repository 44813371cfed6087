"""Databases that fit published statistics: what both the attack `reconstruction` and `snoopbench reconstruct` solve.

A database is a multiset of persons: the order of persons is in no statistic, so two databases that differ in nothing
else are one. Statistics arrive as data (`Statistic`), the conditions on persons as masks over all possible ones.

    statistics.py   a domain, a published number and what its rounding admits, a statistic
    counting.py     CP-SAT: how many persons of each kind there are (no order, so no symmetry to break)
    persons.py      Z3: the persons one by one, in order
    search.py       all databases, or as many as asked; the statistics that conflict; what is certain
    cells.py        persons in order: the posterior of each cell, how near the truth a database is
    likely.py       what a sample of databases says of one person
    budget.py       how long a search may take
    examples/       two published examples: statistics, domain and truth
"""

from attacks.fitting.budget import Budget
from attacks.fitting.cells import Cell, agreement, cells_of, certain_records
from attacks.fitting.search import Found, conflict, find, proven
from attacks.fitting.statistics import ROUNDINGS, Domain, Interval, Published, Rounding, Statistic

__all__ = [
    "ROUNDINGS", "Budget", "Cell", "Domain", "Found", "Interval", "Published", "Rounding", "Statistic", "agreement",
    "cells_of", "certain_records", "conflict", "find", "proven",
]  # fmt: skip
