"""Defenses: one page each. A page is named here by its registry name."""

BUILTIN = {
    "diffix": "defenses.diffix",
    "hanson": "defenses.hanson",
    "k-threshold": "defenses.k_threshold",
    "laplace": "defenses.laplace",
    "maximum-order": "defenses.maximum_order",
    "none": "defenses.none",
    "output-perturbation": "defenses.output_perturbation",
    "overlap-control": "defenses.overlap_control",
    "partial-table-suppression": "defenses.partial_table_suppression",
    "per-user-noise": "defenses.per_user_noise",
    "query-budget": "defenses.query_budget",
    "random-sampling": "defenses.random_sampling",
    "relative-table-size": "defenses.relative_table_size",
    "rounding": "defenses.rounding",
    "sticky": "defenses.sticky",
}
