"""Generated expressions: every function, operator and cast of the paper's Appendix B over the columns of a table."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.oracle_clear import piece, range_of
from tests.oracle_queries import Database
from tests.oracle_terms import UNITS, App, Col, Term, Val, columns, tidy, value

REAL, WHOLE, TEXT, DAY, MOMENT, TRUTH = 'c0" größe', "users", "k0", "date", "u", "h"
MARKS = (" ", "a", "aA", "xya", "xxy", "N L", "'")
SMALL = {"integer": (0, 1, 1, 2, 2, 3, -1, 10), "real": (0.5, 2.0, 0.25), "text": ("", "-", "a"), "boolean": (True,)}
CASTS = {  # into -> from (B.5)
    **dict.fromkeys(("integer", "real", "boolean"), ("text", "integer", "real", "boolean")),
    "text": ("text", "integer", "real", "boolean", "date", "datetime"),
    "date": ("text", "date", "datetime"),
    "datetime": ("text", "datetime"),
}


def call(name: str, *args: Any) -> App:
    kinds = {bool: "boolean", int: "integer", float: "real", str: "text"}
    return App(name, tuple(arg if isinstance(arg, Term) else Val(arg, kinds[type(arg)]) for arg in args))


def column(database: Database, name: str) -> Col:
    return Col(name, database.kinds[name])


class Terms:
    """Expressions over one table's columns."""

    def __init__(self, chance: random.Random, database: Database) -> None:
        self.chance, self.database = chance, database
        self.longer: dict[Term, Term] = {}  # how a term was said before it was simplified

    def pick(self, *options: Any) -> Any:
        return self.chance.choice(options)

    def any(self) -> App:
        """An expression that is no plain column, in its simplest form."""
        return self.simplest(self.pick(self.clear, self.clear, self.ranging, self.tree, self.tree, self.tree))

    def of(self, kind: str) -> App:
        return self.simplest(lambda: self.tree(kind))

    def simplest(self, maker: Callable[[], Term]) -> App:
        while True:
            raw = maker()
            if isinstance(term := tidy(raw), App) and columns(term):
                self.longer[term] = raw
                return term

    def is_clear(self, term: Term) -> bool:
        return piece(term) is not None

    def clear(self) -> App:
        """A text column with characters removed or in another case (§6.13, §6.14)."""
        term: Term = column(self.database, TEXT)
        for _ in range(self.pick(1, 1, 1, 2)):
            term = self.pick(self.removed, self.removed, self.cased)(term)
        assert isinstance(term, App)
        return term

    def removed(self, term: Term) -> App:
        number, marks = self.pick(0, 1, 1, 2, 3, -1, 100), self.pick((), (self.pick(*MARKS),))
        return self.pick(
            *(call(name, term, number) for name in ("left", "right")),
            call("substring", term, self.pick(0, 1, 2), number),
            call("substring", term, self.pick(2, -2)),
            *(call(name, term, *marks) for name in ("ltrim", "rtrim", "btrim")),
        )

    def cased(self, term: Term) -> App:
        return call(self.pick("lower", "upper"), term)

    def ranging(self) -> App:
        """A function that stands for ranges (§6.15)."""
        day, moment = column(self.database, DAY), column(self.database, MOMENT)
        number, digits = column(self.database, self.pick(REAL, WHOLE)), self.pick(-2, -1, -1, 1)
        digits = min(digits, -1) if number.name == WHOLE else digits
        unit = self.pick("year", "quarter", "month", "day")
        return self.pick(
            call("year", self.pick(day, moment)),
            call("date_trunc", unit, day),
            call("date_trunc", self.pick(unit, "hour", "minute", "second"), moment),
            call("cast to date", moment),
            call(self.pick("trunc", "round"), number, digits),
            call(self.pick("trunc", "round"), column(self.database, REAL)),
        )

    def tree(self, kind: str = "", depth: int = 0) -> App:
        """Any function over columns, constants and other functions."""
        kind = kind or self.pick("integer", "integer", "real", "real", "text", "text", "boolean", "date", "datetime")
        depth = depth or self.pick(1, 1, 1, 2, 3)
        maker = self.pick(*getattr(self, f"of_{kind}")(depth))
        return maker()

    def leaf(self, kind: str, depth: int) -> Term:
        """An argument: a column of the kind most often."""
        if depth > 1 and self.chance.random() < 0.5:
            return self.tree(kind, depth - 1)
        named = [name for name, of in self.database.kinds.items() if of == kind and name != self.database.uid]
        if self.chance.random() < 0.9 or kind not in SMALL:
            return column(self.database, self.pick(*named))
        return Val(self.pick(*SMALL[kind]), kind)

    def number(self, depth: int) -> Term:
        return self.leaf(self.pick("integer", "real"), depth)

    def constant(self, kind: str) -> Val:
        return Val(self.pick(*SMALL[kind]), kind)

    def cast(self, into: str, depth: int) -> App:
        return call(f"cast to {into}", self.leaf(self.pick(*CASTS[into]), depth))

    def of_integer(self, depth: int) -> list[Any]:
        parts = [name for name in UNITS if name not in ("hour", "minute", "second")] + ["weekday"]
        clock = self.pick("hour", "minute", "second")
        whole = column(self.database, WHOLE)  # sums of sums overflow at another place when DuckDB rearranges them
        return [
            lambda: call(self.pick("+", "-", "*"), whole, self.constant("integer").value),
            lambda: call("-", 0, whole),
            lambda: call("%", self.leaf("integer", depth), self.pick(2, 3, 5, 0)),
            lambda: call("abs", self.leaf("integer", depth)),
            lambda: call("length", self.leaf("text", depth)),
            lambda: call(self.pick(*parts), self.leaf(self.pick("date", "datetime"), depth)),
            lambda: call(clock, self.leaf("datetime", depth)),
            lambda: self.cast("integer", depth),
            lambda: call(self.pick("floor", "ceil", "round", "trunc"), whole),
            lambda: call(self.pick("round", "trunc"), whole, self.pick(-1, 0, 1)),
        ]

    def of_real(self, depth: int) -> list[Any]:
        real = column(self.database, REAL)
        return [
            lambda: call(self.pick("+", "-", "*"), self.leaf("real", depth), self.pick(0.5, 1, 2.0)),
            lambda: call("/", self.number(depth), self.pick(2, 4, 0.5, 0, column(self.database, WHOLE))),
            lambda: call("^", self.number(depth), self.pick(2, 0.5, 1)),
            lambda: call("%", self.leaf("real", depth), self.pick(0.5, 2)),
            lambda: call("abs", self.leaf("real", depth)),
            lambda: call("bucket", self.number(depth), self.pick(2.0, 0.5, 10)),
            lambda: call("div", self.number(depth), self.pick(2, 0.5)),
            lambda: call(self.pick("floor", "ceil"), self.leaf("real", depth)),
            lambda: call(self.pick("round", "trunc"), real, *self.pick((), (-1,), (1,))),
            lambda: call("sqrt", self.number(depth)),
            lambda: self.cast("real", depth),
        ]

    def of_text(self, depth: int) -> list[Any]:
        return [
            lambda: self.removed(self.leaf("text", depth)),
            lambda: self.cased(self.leaf("text", depth)),
            lambda: call("concat", self.leaf("text", depth), self.pick("-", " ", ""), self.leaf("text", depth)),
            lambda: call("hex", column(self.database, TEXT)),
            lambda: self.cast("text", depth),
        ]

    def of_boolean(self, depth: int) -> list[Any]:
        return [lambda: self.cast("boolean", depth)]

    def of_date(self, depth: int) -> list[Any]:
        unit = self.pick("year", "quarter", "month", "day")
        return [lambda: call("date_trunc", unit, self.leaf("date", depth)), lambda: self.cast("date", 1)]

    def of_datetime(self, depth: int) -> list[Any]:
        unit = self.pick(*UNITS)
        return [lambda: call("date_trunc", unit, self.leaf("datetime", depth)), lambda: self.cast("datetime", 1)]

    def multiple(self) -> App:
        """A column times a positive constant, of which aggregates are answered."""
        number = column(self.database, self.pick(WHOLE, REAL))
        whole = column(self.database, WHOLE)
        return self.pick(
            call("*", number, 2), call("*", 0.5, number), call("/", number, 4), call("cast to real", whole)
        )

    def small(self) -> App:
        """0 or 1 most often, so that two of them are equal on many rows."""
        names = {"length": TEXT, "quarter": DAY, "weekday": DAY, "hour": MOMENT, "cast to integer": TRUTH, "abs": WHOLE}
        function = self.pick(*names)
        of = call(function, column(self.database, names[function]))
        return of if function == "cast to integer" else call("%", of, 2)

    def near(self, term: Term) -> Any:
        """A value that the term has somewhere in the table, if it has one."""
        found = sorted({value(term, row) for row in self.database.rows} - {None})
        if found:
            return self.chance.choice(found)
        return {"text": "x", "integer": 1, "real": 1.0, "boolean": True}.get(term.kind)


def is_narrow(term: Term, at: Any) -> bool:
    """Whether an equality stands for a range that doubles cannot tell from nothing, or for none at all."""
    found = range_of(term, at)
    return found is None or not found[0][0] < found[0][1]
