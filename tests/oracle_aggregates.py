"""The aggregates of the slow oracle (§5.5, §6.17): plain Python over the rows of one bucket, in exact fractions."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle_queries import Aggregate, Database, Row, Switches
from tests.oracle_snapping import moment

Values = dict[Any, list[Fraction]]  # user -> the values of one column that are not NULL
ZERO = Fraction(0)
UNDECIDED = Fraction(10) ** 300  # as the scale of a number: it may be anything


@dataclass(frozen=True)
class Number:
    """One aggregate; the size of the numbers that went into it, which rounding errors are in proportion to; and the
    standard deviation of its noise per unit of N_b."""

    exact: Fraction
    scale: Fraction
    deviation: float = 0.0

    @property
    def value(self) -> float | None:
        try:
            return float(self.exact)
        except OverflowError:
            return None


@dataclass(frozen=True)
class Noise:
    """T₁ and T₂ of a bucket, its layers, the baseline noise N_b of a function and column, and the users' hashes."""

    first: int
    second: int
    layers: int
    baseline: Callable[[str, str], Fraction]
    hashed: Callable[[Any], int]


def aggregated(database: Database, a: Aggregate, rows: list[Row], noise: Noise, switches: Switches) -> Number | None:
    if a.function.endswith("_noise"):
        plain = replace(a, function=a.function.removesuffix("_noise"))
        found = aggregated(database, plain, rows, noise, replace(switches, round=False))
        return found and _rounded(math.sqrt(noise.layers), found)
    if a.function == "count":
        count = _count(database, a, rows, noise, switches.flatten)
        return replace(count, exact=Fraction(round(count.exact))) if count and switches.round else count
    values = _values(database, a.column, rows)
    counted = replace(a, function="count")
    match a.function:
        case "sum":
            return _added(database, a, rows, noise, switches.flatten)
        case "avg":
            total = _added(database, a, rows, noise, switches.flatten)
            return _quotient(total, _count(database, counted, rows, noise, switches.flatten))
        case "stddev":
            return _stddev(values, a.column, _count(database, counted, rows, noise, switches.flatten), noise, switches)
        case "median":
            return _median(database, a.column, rows, noise, switches.flatten)
        case "max":
            baseline = noise.baseline("max", a.column)
            return _max([max(of_user) for of_user in values.values()], baseline, noise, switches.flatten)
        case "min":
            # the mirror image as to which users; the noise is added as for max
            lowest = [-min(of_user) for of_user in values.values()]
            turned = _max(lowest, -noise.baseline("min", a.column), noise, switches.flatten)
            return turned and replace(turned, exact=-turned.exact)
    raise AssertionError(a.function)


def _number(value: Any) -> Fraction:
    """Times as microseconds since 1970."""
    if isinstance(value, date):
        value = (moment(value) - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return Fraction(value)


def _values(database: Database, column: str, rows: list[Row]) -> Values:
    found: Values = {}
    if isinstance(next((row[column] for row in rows if row[column] is not None), None), str):
        return found
    for row in rows:
        if row[column] is not None:
            found.setdefault(row[database.uid], []).append(_number(row[column]))
    return found


# §5.5.1


def _count(database: Database, a: Aggregate, rows: list[Row], noise: Noise, flatten: bool) -> Number | None:
    all_rows = a.column in ("*", database.uid)
    if (a.distinct and all_rows) or (all_rows and database.one_row_per_user):
        users, baseline = len(database.users(rows)), noise.baseline("count", a.column)
        return Number(users + baseline, users + abs(baseline), 1.0)
    if a.distinct:
        contributions = [Fraction(len(values)) for values in distinct_values(database, a.column, rows, noise.hashed)]
    else:
        per_user: dict[Any, Fraction] = {}
        for row in rows:
            if all_rows or row[a.column] is not None:
                per_user[row[database.uid]] = per_user.get(row[database.uid], ZERO) + 1
        contributions = list(per_user.values())
    side = _side(contributions, noise, flatten)
    if side is None:
        return None if flatten else Number(ZERO, ZERO)
    return _with_noise([side], side.total, noise.baseline("count", a.column))


def _contributed(database: Database, a: Aggregate, rows: list[Row], noise: Noise) -> list[list[Fraction]]:
    """The values of each user."""
    if a.distinct:
        return [list(map(_number, values)) for values in distinct_values(database, a.column, rows, noise.hashed)]
    return list(_values(database, a.column, rows).values())


def _sum(contributions: list[Fraction], column: str, noise: Noise, flatten: bool) -> Number | None:
    """The sum of the high side less the sum of the low one; the noise of both is added."""
    high = _side([c for c in contributions if c >= 0], noise, flatten)
    low = _side([-c for c in contributions if c <= 0], noise, flatten)
    sides = [side for side in (high, low) if side]
    total = (high.total if high else ZERO) - (low.total if low else ZERO)
    return _with_noise(sides, total, noise.baseline("sum", column)) if sides else None


def _added(database: Database, a: Aggregate, rows: list[Row], noise: Noise, flatten: bool) -> Number | None:
    """The sum; one of doubles, as distinct values always are, is as uncertain as all of them are large, however much of
    them cancels in a user. Where all of a user's does, a rounding error decides on which side he is, and so how large
    the noise is."""
    users = _contributed(database, a, rows, noise)
    total = _sum([sum(values, ZERO) for values in users], a.column, noise, flatten)
    if not a.distinct and not any(isinstance(row[a.column], float) for row in rows):
        return total
    sizes = [sum(map(abs, values), ZERO) for values in users]
    if any(abs(sum(values)) < size / 10**9 for values, size in zip(users, sizes, strict=True)):
        return Number(ZERO, UNDECIDED)
    return total and replace(total, scale=total.scale + sum(sizes))


@dataclass(frozen=True)
class _Side:
    total: Fraction
    deviation: Fraction  # of the noise, per unit of N_b
    scale: Fraction


def _side(contributions: list[Fraction], noise: Noise, flatten: bool) -> _Side | None:
    """The summing phase over contributions that are not negative."""
    values = sorted(contributions, reverse=True)
    first, second = noise.first, noise.second
    group2 = values[first : first + second]
    if not values or (flatten and not group2):
        return None
    scale = sum(values)
    averages = [statistics.mean(group2) / 2] if group2 else []
    if flatten:
        values[:first] = [statistics.mean(group2)] * first
    averages.append(statistics.mean(values))
    return _Side(sum(values, ZERO), max(averages), Fraction(scale))


def _with_noise(sides: list[_Side], total: Fraction, baseline: Fraction) -> Number:
    deviation = sum((side.deviation for side in sides), ZERO)
    added = baseline * deviation
    return Number(total + added, sum(side.scale for side in sides) + abs(added), _float(deviation))


def _float(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _quotient(total: Number | None, count: Number | None) -> Number | None:
    """The deviation is that of a quotient of independent numbers, in first order."""
    if total is None or count is None or count.exact <= 0:
        return None
    exact = total.exact / count.exact
    deviation = math.hypot(total.deviation, _float(exact) * count.deviation) / _float(count.exact)
    return Number(exact, (total.scale + abs(exact) * count.scale) / count.exact, deviation)


def _stddev(values: Values, column: str, count: Number | None, noise: Noise, switches: Switches) -> Number | None:
    """The root of the average of the rows' squared distances from the true average."""
    rows = [value for of_user in values.values() for value in of_user]
    if not rows:
        return None
    average = statistics.mean(rows)
    squares = [sum(((v - average) ** 2 for v in of_user), ZERO) for of_user in values.values()]
    side = _side(squares, noise, switches.flatten)
    mean = _quotient(side and _with_noise([side], side.total, noise.baseline("stddev", column)), count)
    if mean is None:
        return None
    largest = max(map(abs, rows))
    if mean.exact <= 0:
        return Number(ZERO, largest, 0.0 if mean.deviation == 0 else math.inf)
    root = Fraction(math.sqrt(mean.exact))
    if root == 0:  # below the doubles
        return Number(ZERO, largest)
    return Number(root, largest + root * (mean.scale / mean.exact), mean.deviation / (2 * float(root)))


def distinct_values(database: Database, column: str, rows: list[Row], hashed: Callable[[Any], int]) -> list[list[Any]]:
    """The values that each contributing user contributes, each value of the column once."""
    users_of: dict[Any, set[Any]] = {}
    for row in rows:
        if row[column] is not None:
            users_of.setdefault(row[column], set()).add(row[database.uid])
    number = {user: sum(user in users for users in users_of.values()) for user in database.users(rows)}
    alone = [v for v, us in users_of.items() if len(us) >= len(users_of) or any(number[u] == 1 for u in us)]
    held: dict[Any, list[Any]] = {}
    for value in sorted(users_of.keys() - set(alone)):
        _hand_out(value, held, {v: sorted(us, key=hashed) for v, us in users_of.items()})
    return [[value] for value in alone] + [values for values in held.values() if values]


def _hand_out(value: Any, held: dict[Any, list[Any]], users_of: dict[Any, list[Any]]) -> None:
    """To whom the fewest values would be: one of the value's users, or one whom a chain of hand-overs reaches."""
    chains: dict[Any, list[tuple[Any, Any]]] = {}  # user -> the (value, user) that are to change, his own last
    waiting: list[tuple[Any, list[tuple[Any, Any]]]] = [(value, [])]
    while waiting:
        given, before = waiting.pop(0)
        for user in users_of[given]:
            if user not in chains:
                chains[user] = [*before, (given, user)]
                waiting += [(other, chains[user]) for other in sorted(held.get(user, []))]
    best = min(chains, key=lambda user: len(held.get(user, [])))
    for given, user in chains[best]:
        for values in held.values():
            if given in values:
                values.remove(given)
        held.setdefault(user, []).append(given)


# §5.5.2, §5.5.3


def _max(largest: list[Fraction], baseline: Fraction, noise: Noise, flatten: bool) -> Number | None:
    """From each user's largest value; a group of one user would tell that value."""
    values = sorted(largest, reverse=True)
    group = values[noise.first : noise.first + noise.second] if flatten else values[: noise.second]
    if not group or (flatten and len(group) < 2):
        return None
    added = baseline * Fraction(statistics.pstdev(group)) / 8
    reported = statistics.mean(group) if flatten else values[0]
    return Number(reported + added, max(abs(value) for value in values) + abs(added))


def _median(database: Database, column: str, rows: list[Row], noise: Noise, flatten: bool) -> Number | None:
    """Rows in the order of their values, equal ones as the table has them. The users with the highest rows and those
    with the lowest are left out."""
    known = [
        (_number(row[column]), place, row[database.uid]) for place, row in enumerate(rows) if row[column] is not None
    ]
    ordered = sorted(known)
    if not ordered:
        return None
    exact = statistics.median([value for value, _, _ in ordered])
    scale = max(abs(value) for value, _, _ in ordered)
    if flatten:
        high, low = (_users(order)[: noise.first] for order in (reversed(ordered), ordered))
        ordered = [row for row in ordered if row[2] not in high + low]
        if len(_users(ordered)) < 2:
            return None
    middle = (len(ordered) - 1) // 2
    above, below = ordered[middle + 1 :], ordered[:middle][::-1]
    labelled = [ordered[middle][0]]
    for side in (above, below):
        nearest = {user: value for value, _, user in reversed(side)}
        labelled += [nearest[user] for user in _users(side)[: noise.second]]
    added = noise.baseline("median", column) * Fraction(statistics.pstdev(labelled)) / 8
    return Number((statistics.mean(labelled) if flatten else exact) + added, scale + abs(added))


def _users(rows: Iterable[tuple[Fraction, int, Any]]) -> list[Any]:
    """Each user once, in the order of the first rows."""
    return list(dict.fromkeys(user for _, _, user in rows))


# §6.17

STEPS = [m * Fraction(10) ** k for k in range(-330, 310) for m in (1, 2, 5)]  # smallest first


def _rounded(factor: float, noisy: Number) -> Number | None:
    """To multiples of the largest of … 1, 2, 5, 10, 20, 50 … that is at most a tenth of it. In the middle between two
    either is right: then the tolerance is a step. Rounding errors of the answer are errors of its deviation."""
    deviation = factor * noisy.deviation
    if not math.isfinite(deviation):
        return None
    exact = Fraction(deviation)
    if exact == 0:
        return Number(ZERO, Fraction(factor) * noisy.scale)
    step = STEPS[bisect_right(STEPS, exact / 10 * (1 + Fraction(1, 10**12))) - 1]
    ratio = exact / step
    found = round(ratio) * step
    scale = found + Fraction(factor) * noisy.scale
    if noisy.exact:
        scale += found * noisy.scale / abs(noisy.exact)
    in_the_middle = abs(ratio - math.floor(ratio) - Fraction(1, 2)) * step < max(step, scale) / 10**9
    return Number(found, scale + (step * 10**9 if in_the_middle else 0))
