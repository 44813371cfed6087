"""Attacks: one page each. A page is named here by its registry name."""

BUILTIN = {
    "averaging": "attacks.averaging",
    "backdoor": "attacks.backdoor",
    "chaff": "attacks.chaff",
    "collusion": "attacks.collusion",
    "difference": "attacks.difference",
    "guess": "attacks.guess",
    "insert-delete": "attacks.insert_delete",
    "intersection": "attacks.intersection",
    "like-isolation": "attacks.like_isolation",
    "linkage": "attacks.linkage",
    "listing": "attacks.listing",
    "membership": "attacks.membership",
    "outlier-sum": "attacks.outlier_sum",
    "range-isolation": "attacks.range_isolation",
    "refusal-inference": "attacks.refusal_inference",
    "regression": "attacks.regression",
    "snooper": "attacks.snooper",
    "split-averaging": "attacks.split_averaging",
    "threshold-probe": "attacks.threshold_probe",
    "tracker": "attacks.tracker",
}
