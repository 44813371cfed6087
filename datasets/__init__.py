"""Datasets: one page each. A page is named here by its registry name."""

BUILTIN = {
    "balances": "datasets.balances",
    "bank": "datasets.bank",
    "best-case": "datasets.best_case",
    "block": "datasets.block",
    "census": "datasets.census",
    "employees": "datasets.employees",
    "file": "datasets.file",
    "flights": "datasets.flights",
    "genotypes": "datasets.genotypes",
    "surnames": "datasets.surnames",
    "transactions": "datasets.transactions",
    "uniform": "datasets.uniform",
}
