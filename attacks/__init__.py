"""Attacks: one page each. A page is named here by its registry name."""

BUILTIN = {
    "averaging": "attacks.averaging",
    "backdoor": "attacks.backdoor",
    "chaff": "attacks.chaff",
    "difference": "attacks.difference",
    "guess": "attacks.guess",
    "intersection": "attacks.intersection",
    "like-isolation": "attacks.like_isolation",
    "range-isolation": "attacks.range_isolation",
    "split-averaging": "attacks.split_averaging",
}
