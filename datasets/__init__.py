"""Datasets: one page each. A page is named here by its registry name."""

BUILTIN = {
    "bank": "datasets.bank",
    "best-case": "datasets.best_case",
    "block": "datasets.block",
    "census": "datasets.census",
    "employees": "datasets.employees",
    "file": "datasets.file",
    "surnames": "datasets.surnames",
    "uniform": "datasets.uniform",
}
