"""Updates of the rows by the data's owner: the contract, against a slow reference in pandas, and partitioning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from defenses.k_threshold import k_threshold
from defenses.partitioning import partitioning
from harness import registry
from harness.channel import BlindSession, Desk
from harness.engine import DuckEngine
from harness.errors import PluginError, UpdateError
from harness.model import Answer, Column, Delta, Derived, Kind, Refused, Schema, Table, Update
from harness.plugin import Defense, Session
from harness.seeds import digest, generator
from harness.session import LocalSession
from harness.sql.plan import ROW_NUMBER, UID_HASH

SALT = digest("the salt of test_updates")
SCHEMA = Schema(
    "staff",
    (
        Column("uid", Kind.INTEGER),
        Column("dept", Kind.TEXT),
        Column("gender", Kind.TEXT),
        Column("pay", Kind.INTEGER),
        Column("band", Kind.TEXT),
        Column("share", Kind.REAL),
        Column("member", Kind.BOOLEAN),
        Column("day", Kind.DATE),
    ),
    uid="uid",
    secrets=("pay",),
    quasi_identifiers=("dept", "gender"),
    derived=(Derived("band", "pay", (100.0, 200.0), ("low", "mid", "high")),),
)
OWN = [name for name in SCHEMA.names if name != "band"]


def rows(uids: list[int], seed: int = 0, **columns: Any) -> pd.DataFrame:
    """Rows of these users with NULLs in every other column, without the derived one."""
    rng, n = generator("rows", seed, len(uids)), len(uids)
    frame = pd.DataFrame(
        {
            "uid": np.array(uids, dtype=np.int64),
            "dept": rng.choice(np.array(["CS", "Law", None], dtype=object), n),
            "gender": rng.choice(np.array(["F", "M"], dtype=object), n),
            "pay": pd.Series(rng.integers(0, 300, n), dtype="Int64").mask(rng.random(n) < 0.1),
            "share": np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 64, n) / 8),
            "member": pd.Series(rng.random(n) < 0.5, dtype="boolean").mask(rng.random(n) < 0.1),
            "day": np.datetime64("2024-01-01", "us") + rng.integers(0, 5, n).astype("timedelta64[D]"),
        }
    )
    return frame.assign(**columns)


def table(frame: pd.DataFrame) -> Table:
    return Table(SCHEMA, frame).with_frame(frame)


def session(frame: pd.DataFrame, defense: Defense | None = None) -> LocalSession:
    defense = defense or Defense()
    published = defense.protect(table(frame), generator("protect"))
    return LocalSession(SCHEMA, DuckEngine(published, SALT), defense, generator("answer"))


def stored(interface: LocalSession) -> list[tuple[Any, ...]]:
    """All rows, with what is hidden."""
    return interface._engine._connection.execute(f'SELECT * FROM staff ORDER BY "{ROW_NUMBER}"').fetchall()


def contents(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """The same rows from a fresh engine, without the row numbers."""
    fresh = session(frame)
    return sorted((row[:-1] for row in stored(fresh)), key=repr)


QUESTIONS = [
    "SELECT dept, band, count(*), sum(pay), avg(share), count(DISTINCT uid), min(day) FROM staff GROUP BY 1, 2",
    "SELECT count(*), sum(pay), count(member) FROM staff WHERE gender = 'F' AND pay BETWEEN 50 AND 250",
    "SELECT uid, count(*) FROM staff GROUP BY uid",
]


def plain(found: Answer | Refused) -> Any:
    return found if isinstance(found, Refused) else repr((found.columns, [column.tolist() for column in found.data]))


# The contract, against pandas


def reference(frame: pd.DataFrame, update: Update) -> pd.DataFrame:
    """Row by row."""
    on = list(update.on or ("uid",))

    def key(row: Any) -> str:
        return "|".join(str(None if pd.isna(row[name]) else row[name]) for name in on)

    gone = {key(row) for _, row in update.delete.iterrows()} if update.delete is not None else set()
    change = {key(row): row for _, row in update.change.iterrows()} if update.change is not None else {}
    kept = []
    for _, row in frame.iterrows():
        if key(row) in gone:
            continue
        fresh = dict(row)
        if key(row) in change:
            fresh.update(change[key(row)])
        kept.append(fresh)
    if update.insert is not None:
        kept += [dict(row) for _, row in update.insert.iterrows()]
    return pd.DataFrame(kept, columns=OWN).astype(frame.dtypes.to_dict())


def random_update(frame: pd.DataFrame, rng: np.random.Generator, step: int) -> Update:
    uids = rng.permutation(frame["uid"].unique())
    gone, other = uids[:2], uids[2:5]
    change = pd.DataFrame({"uid": other, "pay": pd.array([1, None, 250], dtype="Int64"), "dept": ["Law", None, "New"]})
    more = rows([int(uids[5]), 1000 + step, 1000 + step, 2000 + step], seed=step)
    return Update(insert=more, delete=pd.DataFrame({"uid": gone}), change=change)


@pytest.mark.parametrize("many", [False, True])
def test_updates_do_what_a_slow_reference_does(many: bool) -> None:
    rng = generator("updates", many)
    frame = rows([n // (2 if many else 1) for n in range(40)])
    live = session(frame)
    for step in range(3):
        update = random_update(frame, rng, step)
        live.query_many(QUESTIONS)
        frame = reference(frame, update)
        assert live.apply(update) is None
        assert sorted((row[:-1] for row in stored(live)), key=repr) == contents(frame)
        assert list(map(plain, live.query_many(QUESTIONS))) == list(map(plain, session(frame).query_many(QUESTIONS)))
        assert (live._engine.users, live._engine.unique_uid) == (frame["uid"].nunique(), frame["uid"].is_unique)


def test_row_numbers_are_never_another_rows_and_hashes_are_the_users() -> None:
    live = session(rows([1, 2, 3, 4]))
    hidden = [(row[0], row[-2], row[-1]) for row in stored(live)]
    live.apply(Update(delete=pd.DataFrame({"uid": [4]}), change=pd.DataFrame({"uid": [2], "pay": [7]})))
    live.apply(Update(insert=rows([4, 9])))
    now = [(row[0], row[-2], row[-1]) for row in stored(live)]
    assert now[:3] == hidden[:3], "who stays keeps row number and hash, changed or not"
    assert [row[2] for row in now] == [1, 2, 3, 5, 6]
    assert now[3][1] == hidden[3][1], "the hash is of the uid"
    assert len({row[1] for row in now}) == 5
    assert UID_HASH not in SCHEMA.names


def test_rows_can_be_named_by_other_columns_and_by_null() -> None:
    frame = rows([1, 1, 2, 3], dept=["CS", None, None, "Law"])
    live = session(frame)
    assert live.apply(Update(delete=pd.DataFrame({"uid": [1], "dept": [None]}), on=("uid", "dept"))) is None
    assert live.apply(Update(change=pd.DataFrame({"dept": ["Law", "CS"], "pay": [150, 20]}), on=("dept",))) is None
    first, second, third = [(row[0], row[1], row[3], row[4]) for row in stored(live)]
    assert first == (1, "CS", 20, "low")
    assert second[:2] == (2, None)
    assert third == (3, "Law", 150, "mid")


WRONG = {
    "lacks the column uid": Update(delete=pd.DataFrame({"dept": ["CS"]})),
    "lacks the column day": Update(insert=rows([9]).drop(columns="day")),
    "has a column band": Update(change=pd.DataFrame({"uid": [1], "band": ["low"]})),
    "does not have: uid = 77": Update(delete=pd.DataFrame({"uid": [77]})),
    "names one row twice": Update(delete=pd.DataFrame({"uid": [1, 1]})),
    "deletes and changes": Update(delete=pd.DataFrame({"uid": [1]}), change=pd.DataFrame({"uid": [1], "pay": [3]})),
    "does not fit its column": Update(change=pd.DataFrame({"uid": [1], "pay": ["much"]})),
    "does not fit its column pay": Update(change=pd.DataFrame({"uid": [1], "pay": [1.5]})),
    "is NULL": Update(insert=rows([9], uid=pd.array([None], dtype="Int64"))),
}


@pytest.mark.parametrize("why", WRONG)
def test_what_cannot_be_done_changes_nothing(why: str) -> None:
    live = session(rows([1, 2, 3]))
    before = stored(live)
    with pytest.raises(UpdateError, match=why):
        live.apply(WRONG[why])
    assert stored(live) == before
    assert not live.history.updates


def test_nothing_is_an_update_too_and_a_table_can_be_emptied() -> None:
    live = session(rows([1, 2]))
    assert live.apply(Update()) is None
    assert live.apply(Update(delete=pd.DataFrame({"uid": [1, 2]}))) is None
    assert live.query("SELECT count(*) FROM staff").value == 0
    assert live.apply(Update(insert=rows([5]))) is None
    assert live.query("SELECT count(*) FROM staff").value == 1


def test_an_attack_cannot_update() -> None:
    assert not hasattr(BlindSession, "apply")
    assert not hasattr(Session, "apply")
    live = session(rows([1, 2, 3]))
    with pytest.raises(PluginError, match="out of turn"):
        Desk(live, None, lambda eligible: eligible).serve("apply", Update())  # type: ignore[arg-type]


# A defense's part in it


def test_a_defense_of_the_answer_alone_lets_updates_through() -> None:
    live = session(rows([1, 2, 3], dept="CS"), k_threshold(k=4))
    assert len(live.query("SELECT dept, count(*) FROM staff GROUP BY 1")) == 0
    assert live.apply(Update(insert=rows([4], dept="CS"))) is None
    assert live.query("SELECT dept, count(*) FROM staff GROUP BY 1").value == 4


@pytest.mark.parametrize("spec", ["data-swapping", "rotation", "microaggregation", "none+synthetic-records"])
def test_a_defense_that_publishes_once_takes_no_update(spec: str) -> None:
    defense = registry.defense(spec)[0]
    live = session(rows(list(range(12))), defense)
    before = stored(live)
    said = live.apply(Update(insert=rows([40])))
    assert isinstance(said, Refused)
    assert said.rule == "update"
    assert stored(live) == before


def test_parts_of_a_hybrid_pass_the_update_on() -> None:
    class Doubled(Defense):
        def update(self, delta, engine, log, rng):
            return replace(delta, added=delta.added.assign(pay=delta.added["pay"] * 2))

    hybrid = registry.Hybrid(parts=(Doubled(), Doubled()))
    live = session(rows([1, 2]), hybrid)
    live.apply(Update(insert=rows([3], pay=10)))
    assert stored(live)[-1][3] == 40


def test_what_is_no_delta_breaks_the_contract() -> None:
    class Broken(Defense):
        def update(self, delta, engine, log, rng):
            return "yes"

    with pytest.raises(PluginError, match="update returned a str"):
        session(rows([1]), Broken()).apply(Update())


# Partitioning

PEOPLE = rows(
    list(range(9)),
    dept=["CS"] * 5 + ["Law"] * 4,
    gender=["F", "M", "M", "M", "M", "F", "F", "M", "M"],
    pay=[10, 20, 30, 40, 50, 60, 70, 80, 90],
)


def one(uid: int, dept: str, gender: str, pay: int = 5) -> pd.DataFrame:
    return rows([uid], dept=dept, gender=gender, pay=pay)


def said_of(live: LocalSession, **update: Any) -> str:
    """The rule that an update breaks, or nothing."""
    for name in ("delete", "change"):
        if isinstance(update.get(name), list):
            update[name] = pd.DataFrame({"uid": update[name]})
    said = live.apply(Update(**update))
    return said.rule.removeprefix("partitioning-") if said else ""


def test_whole_partitions_are_answered_and_nothing_else() -> None:
    live = session(PEOPLE, partitioning())
    found = live.query("SELECT dept, gender, count(*), sum(pay) FROM staff GROUP BY dept, gender")
    assert [tuple(row) for row in found] == [("CS", "M", 4, 140), ("Law", "F", 2, 130), ("Law", "M", 2, 170)]
    assert live.query("SELECT sum(pay) FROM staff WHERE dept = 'CS' OR gender <> 'F'").value == 310
    assert live.query("SELECT count(DISTINCT uid) FROM staff").value == 8, "a partition of one is left out"
    for sql, rule in {
        "SELECT avg(pay) FROM staff": "aggregate",
        "SELECT max(pay) FROM staff": "aggregate",
        "SELECT count(DISTINCT pay) FROM staff": "aggregate",
        "SELECT pay, count(*) FROM staff GROUP BY pay": "whole",
        "SELECT count(*) FROM staff WHERE dept = 'CS' AND NOT (pay > 20 OR gender = 'F')": "whole",
        "SELECT count(*) FROM staff WHERE uid <> 3": "whole",
        "SELECT count(*) FROM staff WHERE dept = band": "whole",
    }.items():
        refused = live.query(sql)
        assert isinstance(refused, Refused), sql
        assert refused.rule == f"partitioning-{rule}"


def test_each_mechanism_of_partitioning_can_be_switched_off() -> None:
    live = session(PEOPLE, partitioning(smallest=1, updates="any", reinsertion=True, by=("dept",)))
    assert live.query("SELECT count(*) FROM staff").value == 9
    assert said_of(live, delete=[3]) == ""
    assert said_of(live, insert=one(3, "CS", "M")) == ""


def test_dummies_keep_partitions_of_one() -> None:
    published = partitioning(dummies=3).protect(table(PEOPLE), generator(1)).frame
    assert published.groupby(["dept", "gender"]).size().to_dict() == {
        ("CS", "F"): 4, ("CS", "M"): 7, ("Law", "F"): 5, ("Law", "M"): 5,
    }  # fmt: skip
    true = published[published["uid"].isin(PEOPLE["uid"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(true, table(PEOPLE).frame)
    assert published["uid"].is_unique
    assert set(published["pay"]) <= set(PEOPLE["pay"])


def test_updates_come_in_pairs_in_each_partition() -> None:
    live = session(PEOPLE, partitioning())
    assert said_of(live, insert=one(20, "CS", "M")) == "pairs"
    assert said_of(live, delete=[1]) == "pairs"
    assert said_of(live, change=pd.DataFrame({"uid": [1], "pay": [99]})) == "pairs"
    assert said_of(live, change=pd.DataFrame({"uid": [1], "dept": ["Law"]})) == "pairs", "one goes, one comes"
    assert said_of(live, delete=[1], insert=one(20, "Law", "M")) == "pairs", "of two partitions"
    assert said_of(live, delete=[1], insert=one(20, "CS", "M")) == ""
    assert said_of(live, change=pd.DataFrame({"uid": [2, 3], "pay": [1, 2]})) == ""
    assert said_of(live, insert=pd.concat([one(30, "New", "F"), one(31, "New", "F")])) == ""
    assert live.query("SELECT dept, count(*) FROM staff GROUP BY 1")["count"].tolist() == [4, 4, 2]


def test_who_was_deleted_does_not_come_back() -> None:
    live = session(PEOPLE, partitioning())
    assert said_of(live, delete=[1], insert=one(1, "CS", "M")) == "reinsertion"
    assert said_of(live, delete=[1, 2]) == ""
    assert said_of(live, insert=pd.concat([one(1, "CS", "M"), one(40, "CS", "M")])) == "reinsertion"
    assert said_of(live, insert=pd.concat([one(41, "CS", "M"), one(40, "CS", "M")])) == ""


def test_no_update_leaves_a_partition_of_too_few() -> None:
    live = session(PEOPLE, partitioning(smallest=3, by=("dept",)))
    assert said_of(live, delete=[5, 6]) == "smallest"
    assert said_of(live, delete=[5, 6, 7, 8]) == "", "nobody is no one person"
    assert said_of(live, insert=pd.concat([one(50, "New", "F"), one(51, "New", "M")])) == "smallest"


def test_by_the_theorem_no_two_moments_differ_in_one_user() -> None:
    live = session(PEOPLE, partitioning(updates="effective", by=("dept",)))
    three = pd.concat([one(60, "CS", "M", 1), one(61, "CS", "M", 2), one(62, "CS", "M", 4)])
    assert said_of(live, insert=three.iloc[:1]) == "effective"
    assert said_of(live, insert=three) == "", "an odd number but one"
    assert said_of(live, delete=[60, 61]) == "effective", "user 62 alone would be the difference to the start"
    assert said_of(live, change=pd.DataFrame({"uid": [60, 61], "pay": [7, 7]})) == ""
    assert said_of(live, change=pd.DataFrame({"uid": [60], "pay": [1]})) == "effective"
    assert said_of(live, delete=[60, 61, 62]) == ""
    assert said_of(live, change=pd.DataFrame({"uid": [5, 6], "pay": [0, 0]})) == ""


def test_pairs_keep_every_two_moments_an_even_number_of_users_apart() -> None:
    """Random updates: whatever is let through, no partition ever differs from its own past in one user."""
    rng = generator("pairs")
    frame = rows(list(range(60)), dept="CS")
    pairs, effective = (session(frame, partitioning(updates=rule, by=("gender",))) for rule in ("pairs", "effective"))
    for live in (pairs, effective):
        taken = 0
        past = [stored(live)]
        for step in range(10):
            here = [row[0] for row in past[-1]]
            gone = rng.choice(here, int(rng.integers(0, 3)), replace=False)
            more = rows([100 + 4 * step + i for i in range(int(rng.integers(0, 4)))], seed=step)
            if live.apply(Update(delete=pd.DataFrame({"uid": gone}), insert=more)) is None:
                taken += 1
                past.append(stored(live))
        for before in past[:-1]:
            for gender in "FM":
                then, now = ({row[0] for row in moment if row[2] == gender} for moment in (before, past[-1]))
                assert len(then ^ now) != 1
                assert live is effective or len(then ^ now) % 2 == 0
        assert taken >= 2


def test_an_update_is_seen_by_the_log_as_rows() -> None:
    live = session(PEOPLE)
    live.apply(Update(delete=pd.DataFrame({"uid": [0]}), insert=one(70, "CS", "F", 150)))
    (delta,) = live.history.updates
    assert isinstance(delta, Delta)
    assert delta.removed["uid"].tolist() == [0]
    assert delta.added[["uid", "band"]].to_numpy().tolist() == [[70, "mid"]]
    assert delta.added.index.tolist() == [10]
