"""Defenses: one page each. A page is named here by its registry name."""

BUILTIN = {
    "data-swapping": "defenses.data_swapping",
    "diffix": "defenses.diffix",
    "k-threshold": "defenses.k_threshold",
    "microaggregation": "defenses.microaggregation",
    "none": "defenses.none",
    "output-perturbation": "defenses.output_perturbation",
    "partitioning": "defenses.partitioning",
    "rotation": "defenses.rotation",
    "sticky": "defenses.sticky",
    "synthetic-records": "defenses.synthetic_records",
}
