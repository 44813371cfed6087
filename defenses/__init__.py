"""Defenses: one page each. A page is named here by its registry name."""

BUILTIN = {
    "data-perturbation": "defenses.data_perturbation",
    "data-swapping": "defenses.data_swapping",
    "diffix": "defenses.diffix",
    "k-threshold": "defenses.k_threshold",
    "liew": "defenses.liew",
    "microaggregation": "defenses.microaggregation",
    "nielson": "defenses.nielson",
    "none": "defenses.none",
    "output-perturbation": "defenses.output_perturbation",
    "partitioning": "defenses.partitioning",
    "rotation": "defenses.rotation",
    "sticky": "defenses.sticky",
    "synthetic-records": "defenses.synthetic_records",
}
