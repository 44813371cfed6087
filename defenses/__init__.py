"""Defenses: one page each. A page is named here by its registry name."""

BUILTIN = {
    "diffix": "defenses.diffix",
    "k-threshold": "defenses.k_threshold",
    "none": "defenses.none",
    "output-perturbation": "defenses.output_perturbation",
    "random-sampling": "defenses.random_sampling",
    "rounding": "defenses.rounding",
    "sticky": "defenses.sticky",
}
