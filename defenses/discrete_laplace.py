"""Discrete Laplace noise without floating point.

Nothing but uniform whole numbers is drawn and nothing but whole numbers is compared, so the probabilities are exactly
those of the formula, and no low bit of a double tells the answer that was hidden. Source: Canonne, Kamath, Steinke
2020, algorithms 1 and 2.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def discrete_laplace(scale: Fraction, rng: np.random.Generator) -> int:
    """k with probability in proportion to exp(−|k|/scale); 0 where the scale is 0."""
    if scale == 0:
        return 0
    t, s = scale.numerator, scale.denominator
    while True:
        u = _below(t, rng)
        if not _happens_exp(u, t, rng):
            continue
        v = 0
        while _happens_exp(1, 1, rng):
            v += 1
        size = (u + t * v) // s
        negative = _below(2, rng) == 1
        if not (negative and size == 0):  # or 0 would come twice as often
            return -size if negative else size


def _happens_exp(part: int, whole: int, rng: np.random.Generator) -> bool:
    """True with probability exp(−x), 0 ≤ x = part/whole ≤ 1: whether the first failure among chances x/1, x/2, … is at
    an odd place, which is how the series of exp adds up."""
    place = 1
    while _below(whole * place, rng) < part:
        place += 1
    return place % 2 == 1


def _below(n: int, rng: np.random.Generator) -> int:
    """A uniform whole number of 0 … n − 1, however large n is."""
    bits = (n - 1).bit_length()
    while True:
        drawn = int.from_bytes(rng.bytes((bits + 7) // 8), "big") >> (-bits % 8)
        if drawn < n:
            return drawn
