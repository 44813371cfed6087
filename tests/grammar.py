"""Generated statements: the paper's Appendix A, production by production, and what the slow oracle is asked for each.

A statement means a `Question`: keys, aggregates, conditions. It is said in one of many ways, with names of its own and
in sub-queries over rows, and shows a part of the answer in some order. Some have one thing more that is not answered.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from tests.grammar_conditions import Conditions, Names, condition_text
from tests.grammar_refusals import Spoiling, spoiled
from tests.grammar_terms import Terms
from tests.oracle_clear import is_range_function, range_of
from tests.oracle_queries import DISTINCT, INEQUALITIES, Aggregate, Condition, Database, Question, broken_rules, buckets
from tests.oracle_tables import GROUPED, ORDERED, UID
from tests.oracle_terms import App, Col, Term, columns, value, written

AGGREGATES = (
    *("count", "sum", "avg", "stddev", "min", "max", "median"),
    *("count_noise", "sum_noise", "avg_noise", "stddev_noise"),
)
COUNT = Aggregate("count")


@dataclass(frozen=True)
class Statement:
    """`shown` are slots of the answer: keys, then aggregates. `shape`: groups, rows (repeated by their number),
    distinct or star. `having` compares an aggregate with a number or another aggregate, `order` names slots, descending
    or not. `broken` are the rules that it breaks beside those of its question, `forms` the productions in it."""

    question: Question
    sql: str
    shown: tuple[int, ...]
    shape: str = "groups"
    having: tuple[tuple[int, str, float | int, bool], ...] = ()
    order: tuple[tuple[int, bool], ...] = ()
    limit: int | None = None
    offset: int = 0
    broken: frozenset[str] = frozenset()
    forms: frozenset[str] = field(default=frozenset(), compare=False)


def statement(chance: random.Random, table: Database) -> Statement:
    return _Writer(chance, table).statement()


def plainly(table: Database, question: Question) -> Statement:
    """The question without anything that could be left out."""
    keys = [written(key if isinstance(key, App) else Col(key, table.kinds[key])) for key in question.keys]
    shown = [*keys, *(called(a, {}, table) for a in question.aggregates)]
    sql = f"SELECT {', '.join(shown)} FROM {quoted(table.table)}"
    if question.conditions:
        sql += " WHERE " + " AND ".join(condition_text(table, c, {}) for c in question.conditions)
    if keys:
        sql += f" GROUP BY {', '.join(keys)}"
    return Statement(question, sql, tuple(range(len(shown))))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def called(aggregate: Aggregate, names: Names, table: Database) -> str:
    of = aggregate.term or Col(aggregate.column, table.kinds.get(aggregate.column, ""))
    column = "*" if aggregate.column == "*" else written(of, 0, names)
    return f"{aggregate.function}({'DISTINCT ' if aggregate.distinct else ''}{column})"


@dataclass
class _Source:
    """What stands behind FROM, how its columns are called there, and the conditions that are in it."""

    text: str
    alias: str
    names: dict[Term, str]
    columns: list[Term]


class _Writer:
    def __init__(self, chance: random.Random, table: Database) -> None:
        self.chance, self.table = chance, table
        self.terms = Terms(chance, table)
        self.conditions = Conditions(chance, table, self.terms)
        self.spelling = chance.randrange(6)
        self.forms: set[str] = set()

    def maybe(self, share: float) -> bool:
        return self.chance.random() < share

    # What is asked

    def statement(self) -> Statement:
        shape = self.chance.choices(["groups", "rows", "distinct", "star"], [70, 14, 12, 4])[0]
        conditions = tuple(self.conditions.several(self.chance.choice([0, 0, 1, 1, 1, 1, 2, 2, 3, 4])))
        keys = self.keys() if shape == "groups" else self.keys() or (self.chance.choice(GROUPED),)
        aggregates = (COUNT,) if shape != "groups" else tuple(dict.fromkeys(self.aggregates()))
        question = Question(keys, aggregates, conditions)
        spoiling = spoiled(self.chance, self.table, question, shape) if self.maybe(0.25) else Spoiling(question)
        self.forms |= {shape, *(f"condition {c.op}" for c in conditions), *spoiling.broken}
        return self.dressed(spoiling, shape)

    def keys(self) -> tuple[str | App, ...]:
        keys: dict[str | App, None] = dict.fromkeys(
            self.chance.choices(GROUPED, k=self.chance.choice([0, 0, 0, 1, 1, 2]))
        )
        if self.maybe(0.2):
            keys[self.key()] = None
        return tuple(keys)

    def key(self) -> str | App:
        """An expression; the plain column where one of its values has no range (the year 9999)."""
        term = self.terms.any()
        if is_range_function(term):
            known = {value(term, row) for row in self.table.rows} - {None}
            if any(range_of(term, each) is None for each in known):
                return columns(term)[0].name
        return term

    def aggregates(self) -> list[Aggregate]:
        return [self.aggregate() for _ in range(self.chance.randint(2, 5))]

    def aggregate(self) -> Aggregate:
        function = self.chance.choice(AGGREGATES)
        if function in ("count", "count_noise") and self.maybe(0.5):
            return self.chance.choice([Aggregate(function), Aggregate(function, UID, distinct=True)])
        kinds = self.table.kinds
        numbers, times = ("integer", "real"), ("date", "datetime") if function in ("min", "max", "median") else ()
        of_all = function in ("count", "count_noise")
        known = [name for name, kind in kinds.items() if of_all or kind in (*numbers, *times)]
        distinct = function in DISTINCT and self.maybe(0.4)
        if self.maybe(0.1):
            of = self.terms.multiple()
            return Aggregate(function, columns(of)[0].name, distinct, of)
        return Aggregate(function, self.chance.choice(known), distinct)

    # How it is said

    def dressed(self, spoiling: Spoiling, shape: str) -> Statement:
        question, left = spoiling.question, list(spoiling.question.conditions)
        source = self.table_source()
        texts = [text(source.names) for text in spoiling.conditions]
        if shape != "star" and not spoiling.broken and self.can_be_per_user(question) and self.maybe(0.4):
            source, left = self.per_user(source, left)
        else:
            for level in range(self.chance.choice([0] * 6 + [1, 1, 2, 3]) if shape != "star" else 0):
                source, left, texts = self.nested(source, question, left, texts, level)
        where = [*(condition_text(self.table, c, source.names, self.spelling) for c in left), *texts]
        shown, items, spoken = self.items(question, source, shape)
        sql = "SELECT " + ("DISTINCT " if shape == "distinct" else "") + ", ".join(items + spoiling.items(source.names))
        sql += f" FROM {spoiling.source or source.text}"
        sql += f" WHERE {self.joined(where)}" if where else ""
        if shape == "groups" and question.keys:
            sql += " GROUP BY " + ", ".join(self.chance.choice(spoken[slot]) for slot in range(len(question.keys)))
        having, text = self.having(question, spoken) if shape == "groups" else ((), "")
        order, last = self.order(question, spoken, shape, shown)
        limit, offset, end = self.limits(order, question)
        sql += text + last + end + spoiling.last
        if shape == "star":
            keys = tuple(self.table.kinds)
            question = replace(question, keys=keys)
            shown = tuple(range(len(keys)))
        forms = frozenset(self.forms | ({"having"} if text else set()) | ({"order"} if last else set()))
        return Statement(
            *(question, sql, shown, shape, having, order, limit, offset, frozenset(spoiling.broken)),
            forms | ({"limit"} if end else set()),
        )

    def table_source(self) -> _Source:
        alias = self.chance.choice(["", "", "x", "Tafel"])
        name = quoted(self.table.table) if self.maybe(0.5) else self.table.table
        text = name + (self.chance.choice([f" AS {alias}", f" {alias}"]) if alias else "")
        self.forms |= {"alias of the table"} if alias else set()
        prefix = f"{alias or name}." if self.maybe(0.3) else ""
        cols: list[Term] = [Col(column, kind) for column, kind in self.table.kinds.items()]
        names = {col: prefix + quoted(col.name) for col in cols if isinstance(col, Col)}
        return _Source(text, alias or name, self.said(names), cols)

    def said(self, names: dict[Term, str]) -> dict[Term, str]:
        """With the longer forms of terms."""
        longer = {t: written(raw, self.spelling, names) for t, raw in self.terms.longer.items() if t not in names}
        return names | longer if self.maybe(0.5) else names

    def nested(
        self, source: _Source, question: Question, left: list[Condition], texts: list[str], level: int
    ) -> tuple[_Source, list[Condition], list[str]]:
        """The source inside a sub-query that does a part of the work."""
        inside = [c for c in left if self.maybe(0.4)]
        where = [*(condition_text(self.table, c, source.names, self.spelling) for c in inside), *texts]
        items, names = [], {}
        alias = f"s{level}"
        if level == 0 and self.maybe(0.2):
            items = [self.chance.choice(["*", f"{source.alias}.*"])]
            self.forms.add("a star inside")
            names = {col: quoted(col.name) for col in source.columns if isinstance(col, Col)}
        else:
            for number, col in enumerate(source.columns):
                name = (
                    quoted(col.name)
                    if self.maybe(0.5) and isinstance(col, Col) and level == 0
                    else f"c{level}_{number}"
                )
                items.append(f"{written(col, 0, source.names)} AS {name}")
                names[col] = name
        said = [*question.keys, *(c.term for c in left), *(a.term for a in question.aggregates)]
        for number, term in enumerate(dict.fromkeys(term for term in said if isinstance(term, App))):
            if self.maybe(0.5):
                items.append(f"{written(term, self.spelling, source.names)} AS t{level}_{number}")
                names[term] = f"t{level}_{number}"
                self.forms.add("an expression inside")
        self.chance.shuffle(items)
        inner = f"SELECT {', '.join(items)} FROM {source.text}" + (f" WHERE {self.joined(where)}" if where else "")
        prefix = f"{alias}." if self.maybe(0.3) else ""
        self.forms |= {"sub-query", f"sub-query {level + 1} deep"}
        names = {term: prefix + name for term, name in names.items()}
        text = f"({inner}){self.chance.choice([' AS', ''])} {alias}"
        return _Source(text, alias, self.said(names), list(source.columns)), [c for c in left if c not in inside], []

    def can_be_per_user(self, question: Question) -> bool:
        """Where a user has one row, the largest of the user's values is the value, and a query over users is the one
        over rows (§6.5). Texts and truth values have no largest one, and nothing is floated of a bucket of nobody."""
        columns = {*question.keys, *(a.column for a in question.aggregates)} - {"*", UID}
        ordered = all(isinstance(of, str) and of in ORDERED for of in columns)
        if not ordered or not self.table.one_row_per_user or any(a.term for a in question.aggregates):
            return False
        return not broken_rules(self.table, question) and any(buckets(self.table, question).values())

    def per_user(self, source: _Source, left: list[Condition]) -> tuple[_Source, list[Condition]]:
        """The source as a sub-query that groups by the user, with conditions in it, in its HAVING, and behind it. The
        two ends of a range stay together."""
        outside = [c for c in left if c.column in ORDERED and not c.terms and c.op not in ("same", "differ")]
        where, of_ranges = ("inside", "having", "behind"), (*INEQUALITIES, "between", "not between")
        places = {c: self.chance.choice(where) for c in outside}
        places |= dict.fromkeys((c for c in outside if c.op in of_ranges), self.chance.choice(where))
        largest = {Col(name, self.table.kinds[name]): self.chance.choice(["max", "min"]) for name in ORDERED}
        items, inner, names = [f"{source.names[Col(UID, self.table.kinds[UID])]} AS {UID}"], {}, {}
        for number, (col, function) in enumerate(largest.items()):
            inner[col] = f"{function}({source.names[col]})"
            names[col] = f"u{number}"
            items.append(f"{inner[col]} AS u{number}")
        texts: dict[str, list[str]] = {"inside": [], "having": []}
        for c in left:
            place = places.get(c, "inside")
            if place != "behind":
                said = source.names if place == "inside" else self.chance.choice([inner, names])
                texts[place].append(condition_text(self.table, c, said, self.spelling))
        self.chance.shuffle(items)
        text = f"SELECT {', '.join(items)} FROM {source.text}"
        text += f" WHERE {self.joined(texts['inside'])}" if texts["inside"] else ""
        text += f" GROUP BY {source.names[Col(UID, self.table.kinds[UID])]}"
        text += f" HAVING {self.joined(texts['having'])}" if texts["having"] else ""
        self.forms |= {"per user"} | ({"HAVING per user"} if texts["having"] else set())
        names[Col(UID, self.table.kinds[UID])] = UID
        behind = [c for c in left if places.get(c) == "behind"]
        return _Source(f"({text}) AS g", "g", names, list(names)), behind

    def joined(self, where: list[str]) -> str:
        return " AND ".join(self.chance.choice([text, f"({text})"]) if len(where) > 1 else text for text in where)

    def items(
        self, question: Question, source: _Source, shape: str
    ) -> tuple[tuple[int, ...], list[str], dict[int, list[str]]]:
        """The slots that are shown, their texts, and every way to speak of a slot."""
        keys = [key if isinstance(key, App) else Col(key, self.table.kinds[key]) for key in question.keys]
        texts = [written(key, self.spelling, source.names) for key in keys]
        texts += [called(a, source.names, self.table) for a in question.aggregates]
        if shape == "star":
            self.forms.add("*")
            return (), [self.chance.choice(["*", f"{source.alias}.*"])], {}
        shown = list(range(len(texts) if shape == "groups" else len(keys)))
        if shape == "groups":
            self.chance.shuffle(shown)
            hidden = self.chance.choice([-1] * 5 + list(range(len(keys))))  # a key that is grouped by alone
            shown = [slot for slot in shown if slot != hidden]
        spoken, items = {slot: [text] for slot, text in enumerate(texts)}, []
        for place, slot in enumerate(shown):
            name = f"n{place}" if self.maybe(0.3) else ""
            items.append(texts[slot] + (self.chance.choice([f" AS {name}", f" {name}"]) if name else ""))
            spoken[slot] += [str(place + 1), *([name] if name else [])]
            self.forms |= {"alias"} if name else set()
        return tuple(shown), items, spoken

    def having(
        self, question: Question, spoken: dict[int, list[str]]
    ) -> tuple[tuple[tuple[int, str, float | int, bool], ...], str]:
        """Of aggregates with numbers that no exact answer meets, or with one another."""
        width = len(question.keys)
        numbers = [
            width + i
            for i, a in enumerate(question.aggregates)
            if a.function.startswith("count") or self.table.kinds[a.column] in ("integer", "real")
        ]
        if not numbers or not self.maybe(0.12):
            return (), ""
        found, texts = [], []
        for _ in range(self.chance.choice([1, 1, 2])):
            slot, op = self.chance.choice(numbers), self.chance.choice(["=", "<>", ">", ">=", "<", "<="])
            other = self.chance.choice(numbers)
            to_number = other == slot or self.maybe(0.7)
            against = self.chance.choice([-3.127, 0.127, 5.127, 9.127, 40.127]) if to_number else other
            found.append((slot, op, against, to_number))
            names = [[name for name in spoken[of] if not name.isdigit()] for of in (slot, other)]
            texts.append(f"{names[0][-1]} {op} {against if to_number else names[1][0]}")
        return tuple(found), " HAVING " + " AND ".join(texts)

    def order(
        self, question: Question, spoken: dict[int, list[str]], shape: str, shown: tuple[int, ...]
    ) -> tuple[tuple[tuple[int, bool], ...], str]:
        if shape == "star" or not self.maybe(0.25):
            return (), ""
        width = len(question.keys)
        slots = list(range(width)) if self.maybe(0.6) else list(shown)
        self.chance.shuffle(slots)
        order = tuple((slot, self.maybe(0.4)) for slot in slots)
        texts = [
            self.chance.choice(spoken[slot]) + (" DESC" if down else self.chance.choice(["", " ASC"]))
            for slot, down in order
        ]
        return order, (" ORDER BY " + ", ".join(texts)) if texts else ""

    def limits(self, order: tuple[tuple[int, bool], ...], question: Question) -> tuple[int | None, int, str]:
        """Only where the order is that of all keys and nothing else."""
        if not order or {slot for slot, _ in order} != set(range(len(question.keys))) or not self.maybe(0.5):
            return None, 0, ""
        limit = self.chance.choice([0, 1, 3, 100, None])
        offset = self.chance.choice([0, 0, 1, 2])
        text = ("" if limit is None else f" LIMIT {limit}") + (f" OFFSET {offset}" if offset else "")
        return limit, offset, text
