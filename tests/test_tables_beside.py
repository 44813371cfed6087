"""Tables beside the main one: what a dataset may hand over, what people see of it, and what leaves it alone."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from datasets.bank import bank
from harness import registry
from harness.asking import Desk
from harness.errors import BenchmarkError
from harness.model import Column, Kind, Schema, Table, Update
from harness.report.catalogue import catalogue
from harness.seeds import generator
from harness.session import Ledger
from harness.shell import Shell, completions
from harness.trial import checked, engines
from tests.answers import answer
from tests.join_tables import FEW, PEOPLE, tables


def beside(**change: object) -> Table:
    """The tables of `join_tables` with another `payments`, of these schema fields or this frame."""
    whole = tables(FEW)
    payments, *rest = whole.others
    frame = change.pop("frame", payments.frame)
    schema = replace(payments.schema, **change)  # type: ignore[arg-type]
    main = replace(PEOPLE, others=(schema, *(other.schema for other in rest)))
    return Table(main, whole.frame, others=(Table(schema, frame), *rest))  # type: ignore[arg-type]


def test_tables_of_one_user_base_and_of_none_are_what_a_dataset_may_hand_over() -> None:
    assert checked(tables(FEW), "people").others
    assert checked(beside(), "people").others


PAYMENTS = tables(FEW).others[0].frame
WRONG = [
    (replace(beside(), others=()), "other tables than its schema says"),
    (replace(tables(FEW), schema=replace(PEOPLE, others=())), "other tables than its schema says"),
    (beside(table="People"), "cannot call a table people"),
    (beside(table="#stored"), "cannot call a table #stored"),
    (beside(secrets=("amount",)), "secrets and further tables"),
    (beside(others=(PEOPLE,)), "secrets and further tables"),
    (beside(uid="shop"), "shop of people, table payments has NULL values"),
    (beside(uid="amount", frame=PAYMENTS.fillna({"amount": 1.0})), "amount is not of the kind of uid"),
    (beside(frame=PAYMENTS.assign(client=99)), "client names users who are not in people"),
    (beside(frame=PAYMENTS.assign(amount="x")), "column amount is declared real"),
    (beside(frame=PAYMENTS[["client"]]), "has columns"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "said"), WRONG, ids=[said for _, said in WRONG])
def test_other_tables_are_told_in_a_sentence(table: Table, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        checked(table, "people")


def test_a_dot_could_be_the_column_of_another_table() -> None:
    one = Schema("one", (Column("uid", Kind.INTEGER), Column("two.x", Kind.INTEGER)), "uid")
    frame = pd.DataFrame({"uid": [1], "two.x": [2]})
    assert checked(Table(one, frame), "one")
    two = Schema("two", (Column("x", Kind.INTEGER),), "")
    both = Table(replace(one, others=(two,)), frame, others=(Table(two, pd.DataFrame({"x": [1]})),))
    with pytest.raises(BenchmarkError, match=r"no column two\.x: leave out the dot"):
        checked(both, "one")


def test_a_bank_is_drawn_from_its_generator_alone() -> None:
    first, again, other = (checked(bank(size=500).load(generator("bank", seed)), "bank") for seed in (1, 1, 2))
    for one, same, new in zip(*((t, *t.others) for t in (first, again, other)), strict=True):
        assert one.frame.equals(same.frame)
        assert not one.frame.equals(new.frame)


def test_a_bank_has_users_without_rows_and_users_with_many() -> None:
    table = bank().load(np.random.default_rng(3))
    payments = table.others[0].frame
    per_user = payments.uid.value_counts().reindex(table.frame.uid, fill_value=0)
    assert table.frame.uid.is_unique
    assert (per_user == 0).mean() > 0.02
    assert per_user.max() > 20 * per_user.mean()
    assert payments.amount.abs().max() > 200 * payments.amount.abs().mean()


def test_the_prompt_shows_and_completes_all_tables() -> None:
    out = io.StringIO()
    Shell(Desk.open("none", "bank:size=20", 1), Console(file=out, width=100)).enter(".schema")
    said = out.getvalue()
    assert "Table customers\n" in said
    assert "Table transactions\n" in said
    assert "Table branches, whose rows are not of users" in said
    assert completions("SELECT count(*) FROM customers JOIN tr", PEOPLE)[1] == []
    assert completions("SELECT count(*) FROM people JOIN p", PEOPLE)[1] == ["people", "payments"]
    assert "amount" in completions("SELECT a", PEOPLE)[1]


def test_the_catalogue_lists_all_tables() -> None:
    (entry,) = (entry for entry in catalogue(["datasets"])["datasets"] if entry["name"] == "bank")
    assert entry["table"] == "customers"
    uids = {other["table"]: other["uid"] for other in entry["others"]}
    assert uids == {"transactions": "uid", "branches": None}
    assert "amount" in entry["others"][0]["columns"]


def test_an_update_and_prior_knowledge_are_about_the_main_table() -> None:
    desk = Desk.open("none", "bank:size=50", 1)
    table = bank(size=50).load(np.random.default_rng(3))
    assert list(Ledger(table, "rating").people.columns) == [n for n in table.schema.names if n != "uid"]
    counts = "SELECT count(*) FROM customers", "SELECT count(*) FROM transactions"
    before = [answer(desk.session, sql).value for sql in counts]
    gone = answer(desk.session, "SELECT min(uid) FROM customers").value
    assert desk.session.apply(Update(delete=pd.DataFrame({"uid": [int(gone)]}))) is None
    assert [answer(desk.session, sql).value for sql in counts] == [before[0] - 1, before[1]]


def test_a_published_table_has_none_beside_it() -> None:
    table = bank(size=60).load(np.random.default_rng(3))
    published, exact = engines(table, registry.defense("microaggregation")[0], 1, 0)
    tables_of = "SELECT table_name FROM information_schema.tables ORDER BY 1"
    found = [[name for (name,) in engine._connection.execute(tables_of).fetchall()] for engine in (published, exact)]
    assert found == [["customers"], ["branches", "customers", "transactions"]]
