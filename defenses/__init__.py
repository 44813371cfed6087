"""Defenses: one page each. A page is named here by its registry name."""

BUILTIN = {
    "diffix": "defenses.diffix",
    "k-threshold": "defenses.k_threshold",
    "none": "defenses.none",
    "output-perturbation": "defenses.output_perturbation",
    "sticky": "defenses.sticky",
}
