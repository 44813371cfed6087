"""Random sets of users as SQL conditions, and who is in them: the analyst computes that without asking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attacks.isolation import literal, quoted

Members = NDArray[np.bool_]
Chosen = tuple[list[str], Members]  # so many conditions, and for each who of the population meets it: (m, n)

PRIME = 2**31 - 1
FEWEST_FACTORS = 1_000
LARGEST_UID = 2**50  # beyond, the hash overflows and floor(pow()) has no digits behind the point left
LEAST, MOST = 8.0, 10.0  # powers of ten that a · pow(2 · uid, b) reaches: digits enough before the point and behind
DOUBT = 16  # units in the last place by which two computers' powers may differ
WIDTHS = (5, 2, 1)


@dataclass(frozen=True)
class Population:
    """The users whose cells are the unknowns, ascending, and the condition that holds for them alone ("" where they
    are the whole table). `cells`: what is known of them, a row each."""

    uid: str
    uids: NDArray[np.generic]
    where: str = ""
    cells: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.uids)


def listed(uid: str, uids: NDArray[np.generic], most: int) -> Population:
    """At most `most` users, evenly spaced in the order of uids: a list isolates them anyway."""
    step = -(-len(uids) // most)
    return Population(uid, uids[::step])


def residues(uid: str, uids: NDArray[np.generic], most: int) -> Population:
    """The users of one residue class of the uid, the largest that is not beyond `most`. An equality on the uid adds no
    noise layer to another one: both float the same values."""
    modulus = -(-len(uids) // most)
    if modulus <= 1:
        return Population(uid, uids)
    while True:
        found, sizes = np.unique(np.fmod(uids, modulus), return_counts=True)
        fitting = np.flatnonzero(sizes <= most)
        if len(fitting):
            break
        modulus += 1
    residue = int(found[fitting[np.argmax(sizes[fitting])]])
    return Population(uid, uids[np.fmod(uids, modulus) == residue], f"{quoted(uid)} % {modulus} = {residue}")


def in_range(uid: str, uids: NDArray[np.generic], most: int) -> Population:
    """The users in an aligned range of uids, the one that holds most of them and not more than `most` (Diffix-Birch
    §6.7: 1, 2 or 5 times a power of ten wide, from a multiple of half the width on)."""
    if len(uids) <= most:
        return Population(uid, uids)
    low, high = int(uids[0]), int(uids[-1])
    best, begin, end = 0, low, low
    for width in (step * 10**power for power in range(len(str(high - low)), -1, -1) for step in WIDTHS):
        if width * len(uids) > 4 * most * (high - low):
            continue  # far more users than wanted, wherever it begins
        half = max(1, width // 2)
        starts = np.arange(low // half - 1, high // half + 1) * half
        sizes = np.searchsorted(uids, starts + width) - np.searchsorted(uids, starts)
        fitting_sizes = np.where(sizes <= most, sizes, 0)
        if fitting_sizes.max() > best:
            place = int(np.argmax(fitting_sizes))
            best, begin, end = int(fitting_sizes[place]), int(starts[place]), int(starts[place]) + width
        if sizes.max() <= most:
            break  # narrower ones hold fewer
    inside = (uids >= begin) & (uids < end)
    return Population(uid, uids[inside], f"{quoted(uid)} >= {begin} AND {quoted(uid)} < {end}")


def by_list(people: Population, count: int, share: float, rng: np.random.Generator) -> Chosen:
    """Lists of uids, each user in it with the probability `share`."""
    chosen = rng.random((count, len(people))) < share
    chosen = chosen[chosen.any(axis=1)]
    names = np.array([literal(uid) for uid in people.uids], dtype=object)
    return [f"{quoted(people.uid)} IN ({', '.join(names[row])})" for row in chosen], chosen


def by_hash(people: Population, count: int, share: float, rng: np.random.Generator) -> Chosen:
    """A sum of whole numbers times random factors, modulo a prime, is even (Carter, Wegman 1979): for half of the
    users, nearly independently for every two whose numbers differ. Who has no number is in no set."""
    cells = pd.DataFrame({people.uid: people.uids}) if people.cells is None else people.cells
    names, known = list(cells), cells.notna().all(axis=1).to_numpy()
    numbers = cells.fillna(0).to_numpy(dtype=np.int64)
    most = 2**62 // (max(1, int(np.abs(numbers).max(initial=0))) * len(names))  # larger factors overflow
    if most < FEWEST_FACTORS:
        return [], np.empty((0, len(people)), dtype=bool)
    factors = rng.integers(1, min(PRIME, most), (count, len(names)))
    shifts = rng.integers(0, PRIME, count)
    chosen = (np.fmod(np.fmod(factors @ numbers.T + shifts[:, None], PRIME), 2) == 0) & known
    said = [" + ".join(f"{quoted(c)} * {a}" for c, a in zip(names, row, strict=True)) for row in factors.tolist()]
    return [f"({text} + {b}) % {PRIME} % 2 = 0" for text, b in zip(said, shifts.tolist(), strict=True)], chosen


def by_function(people: Population, count: int, share: float, rng: np.random.Generator) -> Chosen:
    """floor(a · pow(uid · 2, b) + 0.5) = floor(a · pow(uid · 2, b)): the first digits behind the point are below one
    half. Constants with which a user comes so near to a whole or half number that the database's power may fall on the
    other side are drawn again."""
    twice = people.uids.astype(np.float64) * 2
    texts: list[str] = []
    chosen = np.empty((count, len(people)), dtype=bool)
    while len(texts) < count:
        a = round(float(rng.uniform(1, 10)), 6)
        b = round(float((rng.uniform(LEAST, MOST) - np.log10(a)) / np.log10(twice[-1])), 6)
        value = a * np.power(twice, b)
        behind = value - np.floor(value)
        near = np.minimum(np.abs(behind - 0.5), np.minimum(behind, 1 - behind))
        if (near <= DOUBT * np.spacing(value)).any():
            continue
        chosen[len(texts)] = behind < 0.5
        power = f"{a} * pow({quoted(people.uid)} * 2, {b})"
        texts.append(f"floor({power} + 0.5) = floor({power})")
    return texts, chosen


def by_conditions(people: Population, count: int, share: float, rng: np.random.Generator) -> Chosen:
    """Each known column with probability one half (one at least): it has one of a random half of its values."""
    assert people.cells is not None
    coded = [(name, *pd.factorize(people.cells[name])) for name in people.cells]
    coded = [(name, codes, values) for name, codes, values in coded if len(values) > 1]
    if not coded:
        return [], np.empty((0, len(people)), dtype=bool)
    used = rng.random((count, len(coded))) < 0.5
    used[np.arange(count), rng.integers(len(coded), size=count)] = True
    chosen = np.ones((count, len(people)), dtype=bool)
    parts: list[list[str]] = [[] for _ in range(count)]
    for column, (name, codes, values) in enumerate(coded):
        constants = np.array([literal(value) for value in values.tolist()], dtype=object)
        for row in np.flatnonzero(used[:, column]):
            picked = np.sort(rng.permutation(len(values))[: (len(values) + 1) // 2])
            parts[row].append(f"{quoted(name)} IN ({', '.join(constants[picked])})")
            chosen[row] &= np.isin(codes, picked)
    return [" AND ".join(part) for part in parts], chosen


Isolate = Callable[[str, NDArray[np.generic], int], Population]
Choose = Callable[[Population, int, float, np.random.Generator], Chosen]

SELECTORS: dict[str, tuple[Isolate, Choose]] = {
    "uid-list": (listed, by_list),
    "hash": (residues, by_hash),
    "function": (residues, by_function),
    "conditions": (in_range, by_conditions),
}
"""How a population is isolated, and how sets among it are said."""


def fitting(selector: str, uids: Sequence[object] | NDArray[np.generic]) -> NDArray[np.generic]:
    """The uids that the selector can tell apart, ascending."""
    found = np.sort(np.asarray(uids))
    if selector in ("hash", "function"):
        low = 1 if selector == "function" else -LARGEST_UID
        found = found[(found >= low) & (found < LARGEST_UID)]
    return found
