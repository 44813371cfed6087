"""Attacks: one page each. A page is named here by its registry name."""

BUILTIN = {
    "averaging": "attacks.averaging",
    "backdoor": "attacks.backdoor",
    "chaff": "attacks.chaff",
    "difference": "attacks.difference",
    "guess": "attacks.guess",
    "intersection": "attacks.intersection",
    "like-isolation": "attacks.like_isolation",
    "listing": "attacks.listing",
    "outlier-sum": "attacks.outlier_sum",
    "range-isolation": "attacks.range_isolation",
    "reconstruction": "attacks.reconstruction",
    "refusal-inference": "attacks.refusal_inference",
    "split-averaging": "attacks.split_averaging",
    "threshold-probe": "attacks.threshold_probe",
    "tracker": "attacks.tracker",
}
