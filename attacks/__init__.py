"""Attacks: one page each. A page is named here by its registry name."""

BUILTIN = {
    "averaging": "attacks.averaging",
    "difference": "attacks.difference",
    "guess": "attacks.guess",
    "intersection": "attacks.intersection",
    "listing": "attacks.listing",
    "outlier-sum": "attacks.outlier_sum",
    "refusal-inference": "attacks.refusal_inference",
    "threshold-probe": "attacks.threshold_probe",
    "tracker": "attacks.tracker",
}
