"""SQL that is the same for every query, but for its rows and the number of its keys.

A template is a text with our own names alone. It is parsed once; the analyst's part, a tree, takes the place of the
table `input`, which has the keys as k0, k1 …
"""

from __future__ import annotations

from functools import lru_cache

from sqlglot import exp, parse_one


def filled(template: str, keys: int, rows: exp.Select, **numbers: int) -> exp.Select:
    """The template over these rows. In it `{keys}` stands for "k0, k1, " (in no order), `{any_keys}` for one row's of
    a group, `{bucket}` for a number of the bucket, and each other name in braces for its number."""
    tree = _parsed(template, keys, tuple(numbers.items())).copy()
    (place,) = (table for table in tree.find_all(exp.Table) if table.name == "input")
    place.replace(rows.subquery("input", copy=False))
    return tree


@lru_cache(maxsize=200)
def _parsed(template: str, keys: int, numbers: tuple[tuple[str, int], ...]) -> exp.Select:
    names = [f'"k{i}"' for i in range(keys)]
    text = template.format(
        keys="".join(f"{name}, " for name in names),
        any_keys="".join(f"any_value({name}) AS {name}, " for name in names),
        bucket=f"dense_rank() OVER (ORDER BY {', '.join(names)})" if names else "1",
        **dict(numbers),
    )
    tree = parse_one(text, dialect="duckdb")
    assert isinstance(tree, exp.Select)
    return tree
