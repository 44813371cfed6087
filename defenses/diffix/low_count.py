"""The noisy threshold below which users are too few (§5.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from defenses.diffix import constants as birch
from harness.seeds import Field, digest, gaussian, mix
from harness.sql import Buckets


def thresholds(buckets: Buckets, *purpose: Field, noisy: bool = True) -> NDArray[np.float64]:
    """The least users that are not too few, float64 (N,): a draw for this purpose, seeded by each bucket's users, or
    the mean for all where it is not noisy."""
    if not noisy:
        return np.full(len(buckets), birch.LOW_COUNT_MEAN)
    draw = gaussian(mix(digest(*purpose, key=buckets.salt, size=16), buckets.uid_xor))
    return np.maximum(birch.LOW_COUNT_MEAN + birch.LOW_COUNT_SD * draw, birch.LOW_COUNT_FLOOR)
