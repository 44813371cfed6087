"""The wordings of `column = value`: other SQL that selects the same users, whatever the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from attacks.isolation import literal, quoted
from harness.model import Kind

TEXT, WHOLE = frozenset({Kind.TEXT}), frozenset({Kind.INTEGER})
NUMBER = frozenset({Kind.INTEGER, Kind.REAL})
ANY = frozenset(Kind)

Words = Callable[[str, object, int], str]


@dataclass(frozen=True)
class Form:
    """A way to say it. `words` takes the quoted column, the value and a number from 1 on; of a form that is not
    `endless` there is one wording only. `kinds`: those of the columns that it fits."""

    name: str
    kinds: frozenset[Kind]
    words: Words
    endless: bool = False


def _text(value: object) -> str:
    return literal(str(value))


FORMS = (
    Form("plain", ANY, lambda c, v, i: f"{c} = {literal(v)}"),
    Form("turned round", ANY, lambda c, v, i: f"{literal(v)} = {c}"),
    Form("list of one", ANY, lambda c, v, i: f"{c} IN ({literal(v)})"),
    Form("double negation", ANY, lambda c, v, i: f"NOT {c} <> {literal(v)}"),
    Form("negated twice", ANY, lambda c, v, i: f"NOT NOT {c} = {literal(v)}"),
    Form("cast to text", TEXT | WHOLE, lambda c, v, i: f"cast({c} AS text) = {_text(v)}"),
    Form("LIKE", TEXT, lambda c, v, i: f"{c} LIKE {_text(_escaped(v))} ESCAPE '!'"),
    Form("hexadecimal", TEXT, lambda c, v, i: f"hex({c}) = '{str(v).encode().hex().upper()}'"),
    Form("negative", NUMBER, lambda c, v, i: f"0 - {c} = {literal(-v)}"),  # type: ignore[operator]
    Form("range of one", WHOLE, lambda c, v, i: f"{c} >= {v} AND {c} < {v + 1}"),  # type: ignore[operator]
    Form("said again", ANY, lambda c, v, i: " AND ".join([f"{c} = {literal(v)}"] * (i + 1)), True),
    Form("list of the same", ANY, lambda c, v, i: f"{c} IN ({', '.join([literal(v)] * (i + 1))})", True),
    Form("alternatives", ANY, lambda c, v, i: " OR ".join([f"{c} = {literal(v)}"] * (i + 1)), True),
    Form("sum", WHOLE, lambda c, v, i: f"{c} + {i} = {v + i}", True),  # type: ignore[operator]
    Form("product", WHOLE, lambda c, v, i: f"{c} * {i + 1} = {v * (i + 1)}", True),  # type: ignore[operator]
    Form("longer text", TEXT, lambda c, v, i: f"concat({c}, '{'x' * i}') = {_text(str(v) + 'x' * i)}", True),
)  # fmt: skip


def wordings(column: str, kind: Kind, value: object, number: int) -> Iterator[tuple[str, str]]:
    """Form and condition, `number` of them at most: each form once, then the endless ones in turn."""
    fitting = [form for form in FORMS if kind in form.kinds]
    given = 0
    for i in count(1):
        for form in fitting if i == 1 else [form for form in fitting if form.endless]:
            if given == number:
                return
            given += 1
            yield form.name, form.words(quoted(column), value, i)


def _escaped(value: object) -> str:
    return str(value).replace("!", "!!").replace("%", "!%").replace("_", "!_")
