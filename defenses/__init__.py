"""Defenses: one page each. A page is named here by its registry name."""

BUILTIN = {
    "data-perturbation": "defenses.data_perturbation",
    "diffix": "defenses.diffix",
    "k-threshold": "defenses.k_threshold",
    "liew": "defenses.liew",
    "nielson": "defenses.nielson",
    "none": "defenses.none",
    "output-perturbation": "defenses.output_perturbation",
    "sticky": "defenses.sticky",
}
