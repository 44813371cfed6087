"""People with the names of the census: the list, the draw, and how many names can be told apart by a pattern."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from attacks.patterns import alone, pairs
from datasets.surnames import _list
from harness import registry
from harness.seeds import generator


def test_the_list_is_the_published_one():
    names, share = _list()
    assert len(names) == len(set(names)) == 88_799
    assert names[:3].tolist() == ["SMITH", "JOHNSON", "WILLIAMS"]
    assert share.sum() == pytest.approx(1.0)
    assert share[0] == pytest.approx(1.006 / 90.483)
    assert (np.diff(share) <= 0).all()


def test_people_are_drawn_by_the_frequencies():
    """χ² at 99.9 % over the twenty most frequent names and all others."""
    table = registry.dataset("surnames:size=50000")[0].load(generator("names"))
    names, share = _list()
    found = table.frame["surname"].value_counts().reindex(names[:20], fill_value=0).to_numpy()
    observed, expected = np.append(found, 50_000 - found.sum()), np.append(share[:20], share[20:].sum()) * 50_000
    assert chisquare(observed, expected).pvalue > 0.001
    assert table.frame["uid"].is_unique
    assert set(table.frame["gender"]) == {"F", "M"}
    assert table.frame["condition"].nunique() == 5


NAMES = (
    ["MURRY"] * 9 + ["MCMURRY", "MURRAY", "MURRYS", "MURRYST", "MUTRY"] + ["LEE"] * 9 + ["KLEE", "KLEE", "A_B", "100%"]
)


def test_pairs_are_those_of_a_scan():
    """Every pattern matches the value's users and the victim, nobody else: asked of DuckDB."""
    cells = pd.Series(NAMES, index=np.arange(len(NAMES)) + 50)
    found = pairs(cells, 5)
    assert set(cells[found.index]) == {"MCMURRY", "MURRAY", "MUTRY"}, "two match MURRY%, KLEE is there twice"
    people = duckdb.connect().from_df(pd.DataFrame({"uid": cells.index, "surname": cells.to_numpy()}))
    for uid, row in found.iterrows():
        matched = dict(people.filter(f"surname LIKE {row.pattern} ESCAPE '!'").fetchall())
        assert matched.pop(uid) == cells[uid]
        assert set(matched.values()) == {row.value}
        assert len(matched) == row["size"] == 9


def test_a_pattern_for_one_value_alone():
    ordered = sorted(set(NAMES))
    assert alone("LEE", ordered) == "'L%EE'"
    assert alone("MURRY", ordered) == "'M%URRY'" or alone("MURRY", ordered) == "'MU%RRY'"
    assert alone("AB", ["AB", "AXB"]) == "'AB'", "no place is free"
    assert alone("A_B", ordered) == "'A%!_B'"
