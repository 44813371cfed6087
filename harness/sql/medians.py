"""The SQL of `plan.Middles`: the rows around each bucket's median when users at its ends are left out.

Every bucket's rows stand in one order: by value, equal ones by row number. How many users will be left out at either
end is known only when the bucket's noise is, so the answer holds all numbers that can occur, 0 to `width`.

1. Number the buckets, and the rows p of each in that order.
2. `ends`: a user's step, the least number of users left out at either end with which he is left out himself. The
   high end knows him by his last row, the low end by his first.
3. `cuts`: per number t the row m of the median when the users of the steps up to t are left out. With h − 1 rows left
   below it, that is row h and one more for each left-out row c, the i-th of these, that has less than h kept ones
   below it: c − i < h.
4. `near`: the rows that can matter. Of the 3·width + 1 users next to all medians 2·width at most are left out.
5. `found`: per t the nearest row of each user above and below, and of these `width` on either side.
"""

from __future__ import annotations

from sqlglot import exp

from harness.sql.templates import filled

_TEMPLATE = """
WITH numbered AS (SELECT {keys}{bucket} AS b, u, x, r FROM input),
placed AS (
    SELECT b, u, CAST(x AS DOUBLE) AS v, row_number() OVER (PARTITION BY b ORDER BY x, r) AS p FROM numbered
),
buckets AS (SELECT b, {any_keys}count(*) AS n, count(DISTINCT u) AS users, median(x) AS a FROM numbered GROUP BY b),
ends AS (
    SELECT b, u, count(*) AS c, least(
        row_number() OVER (PARTITION BY b ORDER BY max(p) DESC), row_number() OVER (PARTITION BY b ORDER BY min(p))
    ) AS step FROM placed GROUP BY b, u
),
numbers AS (SELECT unnest(range({steps})) AS t),
kept AS (
    SELECT buckets.b, t, any_value(n) - coalesce(sum(c), 0)::BIGINT AS n, any_value(users) - count(c) AS users
    FROM buckets CROSS JOIN numbers LEFT JOIN ends ON buckets.b = ends.b AND step <= t GROUP BY buckets.b, t
),
removed AS (
    SELECT b, t, p, row_number() OVER (PARTITION BY b, t ORDER BY p) AS i
    FROM placed JOIN ends USING (b, u) JOIN numbers ON step <= t
),
cuts AS (
    SELECT b, t, (any_value(n) + 1) // 2 + count(*) FILTER (WHERE p - i < (n + 1) // 2) AS m
    FROM kept LEFT JOIN removed USING (b, t) WHERE n > 0 GROUP BY b, t
),
span AS (SELECT b, min(m) AS lo, max(m) AS hi FROM cuts GROUP BY b),
reach AS (
    SELECT b, u, min(p) FILTER (WHERE p > hi) AS above, max(p) FILTER (WHERE p < lo) AS below
    FROM placed JOIN span USING (b) GROUP BY b, u
),
limits AS (
    SELECT b, list_max(min(above, {reach})) AS last, list_min(max(below, {reach})) AS first FROM reach GROUP BY b
),
near AS (
    SELECT b, u, v, p, step FROM placed JOIN span USING (b) JOIN limits USING (b) JOIN ends USING (b, u)
    WHERE p BETWEEN coalesce(first, lo) AND coalesce(last, hi)
),
seen AS (
    SELECT b, t, u, max(v) FILTER (WHERE p = m) AS v,
        min(p) FILTER (WHERE p > m) AS above, min_by(v, p) FILTER (WHERE p > m) AS va,
        max(p) FILTER (WHERE p < m) AS below, max_by(v, p) FILTER (WHERE p < m) AS vb
    FROM near JOIN cuts USING (b) WHERE step > t GROUP BY b, t, u
),
found AS (
    SELECT b, t, max(v) AS v, min_by(va, above, {width}) AS va, max_by(vb, below, {width}) AS vb
    FROM seen GROUP BY b, t
)
SELECT {any_keys}any_value(a) AS a, list(kept.users::DOUBLE ORDER BY t) AS mu,
    list(coalesce(v, 'NaN'::DOUBLE) ORDER BY t) AS mv,
    flatten(list(list_resize(coalesce(va, []), {width}, 'NaN'::DOUBLE) ORDER BY t)) AS ma,
    flatten(list(list_resize(coalesce(vb, []), {width}, 'NaN'::DOUBLE) ORDER BY t)) AS mb
FROM kept JOIN buckets USING (b) LEFT JOIN found USING (b, t) GROUP BY b
"""


def sizes(width: int) -> dict[str, int]:
    """The lengths of the lists that `medians` gives."""
    return {"mu": width + 1, "mv": width + 1, "ma": (width + 1) * width, "mb": (width + 1) * width}


def medians(rows: exp.Select, keys: int, width: int) -> exp.Select:
    """One row a bucket that has values: k0 …, the median a, and `mu`, `mv`, `ma`, `mb`, lists of `width` + 1 users and
    medians and of as many times `width` rows above and below. `rows` are the keys, the user u, the value x, which is
    never NULL, and the row number r."""
    return filled(_TEMPLATE, keys, rows, width=width, steps=width + 1, reach=3 * width + 1)
