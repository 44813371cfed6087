"""Rotations of columns seen as coordinates: functions over the last axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rotated(values: Floats, turn: Floats) -> Floats:
    """The columns turned about their centre in units of their standard deviations: (…, d, n), (d, d) -> (…, d, n).

    NaN stays NaN, and counts as the column's mean for the others. A column without spread stays as it is.
    """
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=-1, keepdims=True), 1)
    mean = np.where(known, values, 0.0).sum(axis=-1, keepdims=True) / count
    centred = np.where(known, values - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=-1, keepdims=True) / count)
    moves = (spread > 1e-12 * np.abs(mean)) & np.isfinite(spread)
    scaled = np.where(moves, centred / np.where(moves, spread, 1.0), 0.0)
    turned = mean + spread * np.einsum("ij,...jn->...in", turn, scaled)
    return np.where(known & moves, turned, values)


def in_pairs(angles: Floats, d: int) -> Floats:
    """The matrix that turns columns 0 and 1 by the first angle, 2 and 3 by the second, …; an odd last column is
    turned with column 0, after that one's own turn: ((d + 1) // 2,) radians -> (d, d)."""
    turn = np.eye(d)
    for i, angle in enumerate(angles):
        x, y = (2 * i, 2 * i + 1) if 2 * i + 1 < d else (0, d - 1)
        step = np.eye(d)
        step[[x, x, y, y], [x, y, x, y]] = np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)
        turn = step @ turn
    return turn


def moved(angle: Floats, correlation: float) -> Floats:
    """How far a pair of standardised columns moves when it is turned: the lesser of Var(x − x′) and Var(y − y′)."""
    straight, across = 2.0 * (1.0 - np.cos(angle)), np.abs(np.sin(angle) * correlation)
    return np.asarray(straight * (1.0 - across))


def any_turn(d: int, rng: np.random.Generator) -> Floats:
    """A rotation in d dimensions, all equally likely: (d, d)."""
    q, r = np.linalg.qr(rng.standard_normal((d, d)))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    if np.linalg.det(q) < 0:
        q[0] = -q[0]
    return np.asarray(q, dtype=np.float64)
