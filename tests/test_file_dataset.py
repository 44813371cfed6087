"""The user's own file: every cell exactly or a sentence, odd names all the way, and the attacks through the CLI."""

from __future__ import annotations

import os
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from datasets.deriving import relations
from datasets.file import _table_name
from datasets.reading import read
from harness import registry, specs
from harness.cli import main
from harness.errors import DatasetError, UserError
from harness.model import Answer, Column, Kind, Table
from harness.plan import Benchmark
from harness.session import LocalSession
from harness.sql.plan import UID_HASH
from harness.trial import engines, first_table
from tests.conftest import judged

COUNT = "SELECT count(*) FROM"


def load(spec: str) -> Table:
    page, text = registry.dataset(spec)
    return first_table(page, text, 1)


def from_csv(folder: Path, text: str | bytes, uid: str | None = None) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """Kinds and cells by column, NULL as None."""
    path = folder / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    columns, frame = read(path, uid)
    cells = {name: [None if pd.isna(v) else v for v in frame[name].tolist()] for name in frame}
    return {column.name: str(column.kind) for column in columns}, cells


CELLS: list[tuple[list[str], str, list[Any]]] = [
    (["1", "-2", "", "-9223372036854775808"], "integer", [1, -2, None, -(2**63)]),
    (["1", "9223372036854775808"], "text", ["1", "9223372036854775808"]),
    (["01234", "10000"], "text", ["01234", "10000"]),
    (["+49", "1"], "text", ["+49", "1"]),
    (["1", "a", ""], "text", ["1", "a", None]),
    (["1_000", "2"], "text", ["1_000", "2"]),
    ([" 1", "2"], "text", [" 1", "2"]),
    (["1", "2.5", ".5", "1e3", "NaN", "-inf"], "real", [1.0, 2.5, 0.5, 1000.0, None, None]),
    (["0.1", "9007199254740993"], "text", ["0.1", "9007199254740993"]),
    (["1.5", "1e999"], "text", ["1.5", "1e999"]),
    (["007.5", "1"], "text", ["007.5", "1"]),
    (["1", "nan"], "integer", [1, None]),
    (["nan", "inf"], "text", ["nan", "inf"]),
    (["1", "Nancy"], "text", ["1", "Nancy"]),
    (["true", "FALSE", ""], "boolean", [True, False, None]),
    (["true", "1"], "text", ["true", "1"]),
    (["2024-02-29", ""], "date", [pd.Timestamp("2024-02-29"), None]),
    (["2023-02-29", "2024-01-01"], "text", ["2023-02-29", "2024-01-01"]),
    (["0000-01-01"], "text", ["0000-01-01"]),
    (["9999-12-31", "0001-01-01"], "date", [datetime(9999, 12, 31), datetime(1, 1, 1)]),
    (
        ["2024-01-01", "2024-01-01T10:00:00.123456"],
        "datetime",
        [datetime(2024, 1, 1), datetime(2024, 1, 1, 10, 0, 0, 123456)],
    ),
    (["2024-01-01 10:00:00.1234567"], "text", ["2024-01-01 10:00:00.1234567"]),
    (
        ["2024-01-01T10:00:00Z", "2024-01-01 10:00+02:00"],
        "datetime",
        [datetime(2024, 1, 1, 10), datetime(2024, 1, 1, 8)],
    ),
    (["2024-01-01 10:00Z", "2024-01-01 10:00"], "text", ["2024-01-01 10:00Z", "2024-01-01 10:00"]),
    (["", ""], "text", [None, None]),
]


@pytest.fixture(scope="module")
def columns_of_text(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """All of CELLS in one file, a column each, NULL below."""
    rows = zip_longest(*(cells for cells, _, _ in CELLS), fillvalue="")
    lines = [",".join(f"x{i}" for i in range(len(CELLS))), *(",".join(row) for row in rows)]
    return from_csv(tmp_path_factory.mktemp("cells"), "\n".join(lines))


@pytest.mark.parametrize("number", range(len(CELLS)), ids=[str(cells) for cells, _, _ in CELLS])
def test_a_column_of_csv_has_the_kind_that_holds_it_exactly(number: int, columns_of_text: Any):
    kinds, cells = columns_of_text
    _, kind, values = CELLS[number]
    found = cells[f"x{number}"][: len(values)]
    assert kinds[f"x{number}"] == kind
    assert found == values
    plain = (bool, int, float, str)
    assert [type(v) for v in found if isinstance(v, plain)] == [type(v) for v in values if isinstance(v, plain)]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        (b'\xef\xbb\xbf"a";b\r\n1;"x\r\ny"\r\n2;"q""q"\r\n', {"a": [1, 2], "b": ["x\r\ny", 'q"q']}),
        ("a\tb\n1\t2,5\n", {"a": [1], "b": ["2,5"]}),
        ("a,b\r1,2\r3,4", {"a": [1, 3], "b": [2, 4]}),
        ('a,b\n\n1,"x\n\ny"\n\n', {"a": [1], "b": ["x\n\ny"]}),
        ("a|b, c\n1|2, 3\n", {"a": [1], "b, c": ["2, 3"]}),
        ('a,"first name","x""y",select\n1,2,3,4\n', {"a": [1], "first name": [2], 'x"y': [3], "select": [4]}),
        ("a\n1\n\n2\n", {"a": [1, 2]}),
        ("#a,b\n#1,\\\n", {"#a": ["#1"], "b": ["\\"]}),
    ],
)  # fmt: skip
def test_a_csv_is_read_as_it_is_written(text: str | bytes, cells: dict[str, list[Any]], tmp_path: Path):
    assert from_csv(tmp_path, text, uid="a")[1] == cells


def test_a_late_cell_decides_as_an_early_one(tmp_path: Path):
    rows = "".join(f"{i},{i},\n" for i in range(30_000))
    kinds, cells = from_csv(tmp_path, f"id,x,y\n{rows}-1,z,late\n")
    assert kinds == {"id": "integer", "x": "text", "y": "text"}
    assert cells["x"][-2:] == ["29999", "z"]
    assert cells["y"][-2:] == [None, "late"]


TYPES: list[tuple[str, str, Any]] = [
    ("255::UTINYINT", "integer", 255),
    ("18446744073709551615::UBIGINT", "text", "18446744073709551615"),
    ("12345678901234567890::DECIMAL(20,0)", "text", "12345678901234567890"),
    ("5::DECIMAL(20,0)", "integer", 5),
    ("1.25::DECIMAL(9,2)", "real", 1.25),
    ("'inf'::FLOAT", "real", None),
    ("NULL::BOOLEAN", "boolean", None),
    ("'01'", "text", "01"),
    ("''", "text", ""),
    ("'a'::ENUM('a')", "text", "a"),
    ("'00000000-0000-0000-0000-000000000001'::UUID", "text", "00000000-0000-0000-0000-000000000001"),
    ("TIME '10:00'", "text", "10:00:00"),
    ("INTERVAL 1 DAY", "text", "1 day"),
    ("DATE '2024-02-29'", "date", datetime(2024, 2, 29)),
    ("TIMESTAMP '9999-12-31 23:00'", "datetime", datetime(9999, 12, 31, 23)),
    ("TIMESTAMP_NS '2024-01-01 00:00:00.123456'", "datetime", datetime(2024, 1, 1, 0, 0, 0, 123456)),
    ("TIMESTAMPTZ '2024-01-01 10:00:00+02:00'", "datetime", datetime(2024, 1, 1, 8)),
]


@pytest.fixture(scope="module")
def columns_of_parquet(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All of TYPES in one file of one row, a column each."""
    path = tmp_path_factory.mktemp("types") / "t.parquet"
    duckdb.execute(f"COPY (SELECT {', '.join(f'{x} AS x{i}' for i, (x, _, _) in enumerate(TYPES))}) TO '{path}'")
    return read(path)


@pytest.mark.parametrize("number", range(len(TYPES)), ids=[select for select, _, _ in TYPES])
def test_a_column_of_parquet_has_the_kind_of_its_type(number: int, columns_of_parquet: Any):
    columns, frame = columns_of_parquet
    _, kind, value = TYPES[number]
    found = frame[f"x{number}"].tolist()[0]
    assert (columns[number].kind, None if pd.isna(found) else found) == (kind, value)


@pytest.mark.parametrize(
    ("select", "fragment"),
    [
        ("'x'::BLOB", "'x' of .* has the type BLOB; leave it out"),
        ("[1]", r"type INTEGER\[\]"),
        ("{'a': 1}", "type STRUCT"),
        ("TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "has nanoseconds; round"),
        ("TIMESTAMP_NS 'infinity'", "before the year 1 or after 9999"),
        ("DATE '20240-01-01'", "before the year 1 or after 9999"),
    ],
)
def test_what_parquet_has_and_no_kind_holds_is_a_sentence(select: str, fragment: str, tmp_path: Path):
    duckdb.execute(f"COPY (SELECT 1 AS id, {select} AS x) TO '{tmp_path / 't.parquet'}'")
    with pytest.raises(DatasetError, match=fragment):
        read(tmp_path / "t.parquet")


def test_a_parquet_path_is_no_pattern(tmp_path: Path):
    folder = tmp_path / "k=v"
    folder.mkdir()
    for name, value in (("a[1]*.parquet", 7), ("a1x.parquet", 8)):
        duckdb.execute(f"COPY (SELECT {value} AS x, {{'x': 1, 'y': 2}}.x AS z) TO '{folder / name}' (FORMAT parquet)")
    columns, frame = read(folder / "a[1]*.parquet")
    assert [c.name for c in columns] == ["x", "z"]
    assert frame["x"].tolist() == [7]


MISTAKES: list[tuple[str | bytes | None, str, str]] = [
    (None, ":uid=id", "cannot be read: No such file"),
    (b"", ":uid=id", "is empty"),
    ("\n\n", ":uid=id", "is empty"),
    ("id,x\n", ":uid=id", "a header but no rows"),
    ("id,x\n1,2\n3\n", ":uid=id", "The record in line 3 of"),
    ("id,x\n1,2,3\n", ":uid=id", "is 3 wide, but the header 2"),
    ('id,x\n1,"2\n3,4\n', ":uid=id", "The record in line 2 of"),
    ('id,x\n1,"2"x\n', ":uid=id", "no proper CSV"),
    ("id,x\n1,größe\n".encode("latin-1"), ":uid=id", "Line 2 of"),
    ("id,x\n1,2\n".encode("utf-16"), ":uid=id", "is not UTF-8"),
    ("id,x\n1,\0\n", ":uid=id", "holds a NUL character"),
    ("id,ID\n1,2\n", ":uid=id", "differs from 'id' only in case"),
    ("id,id\n1,2\n", ":uid=id", "'id' of t.csv is there twice"),
    ("id,\n1,2\n", ":uid=id", "Column 2 of t.csv has no name"),
    (f"id,{UID_HASH}\n1,2\n", ":uid=id", "is reserved"),
    ("id,x\x01\n1,2\n", ":uid=id", "control character"),
    ("id,first name\n1,2\n", "", "Say with uid=… which column of t.csv tells the user: id, first name."),
    ("Ident,x\n1,2\n", ":uid=ident", "the columns are Ident, x. Did you mean 'Ident'?"),
    ("id,x\n1.5,2\n", ":uid=id", "holds real numbers"),
    ("2024,x\n1,2\n", ":uid=2024", "in double quotes what reads as a number"),
    ("id,x\n,2\n,3\n1,4\n", ":uid=id", "'id' is NULL in 2 of 3 rows"),
    ("id,pay\n1,2\n", ":uid=id,secret=pai", "Did you mean 'pay'?"),
    ("id,pay\n1,2\n", ":uid=id,secret=id", "cannot be the secret"),
    ("id,pay\n1,2\n", ":uid=id,path=x", "'path' is repeated"),
    ("id,pay\n1,2\n", ":uid=id,uidd=x", "did you mean uid?"),
    ("id,a,b\n1,2,3\n", ':uid=id,derived=["a from z"]', "does not name two columns"),
    ("id,a,b\n1,2,3\n", ':uid=id,derived=["a from id"]', "not the uid"),
    ("id,a,b\n1,x,3\n2,y,3\n", ':uid=id,derived=["a from b"]', "cover ranges of 'b' that overlap"),
    ("id,a,b\n1,x,3\n2,,4\n", ':uid=id,derived=["a from b"]', "one of the two is NULL"),
    ("id,a,b\n1,x,p\n2,y,p\n", ':uid=id,derived=["a from b"]', "differ in it"),
]


@pytest.mark.parametrize(("text", "params", "fragment"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_a_mistake_is_one_sentence_and_exit_2(
    text: str | bytes | None,
    params: str,
    fragment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    status = main(["query", "--defense", "none", "--dataset", f"t.csv{params}", f"{COUNT} t"])
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert fragment in err
    assert err.startswith("snoopbench: ")
    assert err.count("\n") == 1


def test_a_damaged_parquet_a_folder_and_a_missing_path_are_sentences(tmp_path: Path):
    census = Path(registry.dataset("census")[0].files()[0]).read_bytes()
    for name, content in (("a.parquet", b"hello"), ("b.parquet", census[:-3000]), ("c.parquet", b"PAR1" * 9)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=r"cannot be read as Parquet; it is damaged or of another format\.$"):
            read(tmp_path / name)
    with pytest.raises(UserError, match="Is a directory"):
        load(f'file:path="{tmp_path}",uid=id')
    with pytest.raises(DatasetError, match=r"needs a path, such as staff\.csv:uid=id"):
        load("file")


@pytest.mark.parametrize("ref", ["t.csv", "./my data.csv", "a/b.PARQUET", '"odd+x,y.csv"', "C:/x.csv"])
def test_a_path_is_the_dataset_file_under_its_own_name(ref: str):
    page, spec = registry.dataset(f'{ref}:uid=id,derived=["a from b"]')
    path = ref.strip('"')
    assert (page.path, page.uid, page.derived, page.files()) == (path, "id", ("a from b",), (path,))
    assert registry.dataset(spec) == (page, spec)
    assert specs.canonical(specs.parse(spec)) == spec
    assert not Path(path).is_absolute(), "the identity holds the path as it was written"


def test_the_content_of_the_file_is_part_of_a_trials_identity(tmp_path: Path):
    path = tmp_path / "t.csv"

    def keys_and_rows() -> tuple[list[str], list[int]]:
        benchmark = Benchmark.of(
            defense="none", attack="guess", dataset=f"{path}:uid=id,secret=x", secret=None, trials=1
        )
        return benchmark.keys(), load(f"{path}:uid=id,secret=x").frame["x"].tolist()

    path.write_text("id,x\n1,2\n")
    before = keys_and_rows()
    assert keys_and_rows() == before
    path.write_text("id,x\n1,3\n")
    os.utime(path, ns=(1, 1))
    after = keys_and_rows()
    assert after[0] != before[0]
    assert (before[1], after[1]) == ([2], [3]), "no stale rows under the new content"


@pytest.mark.parametrize(
    ("stem", "table"),
    [
        ("my data", "my_data"), ("2024", "_2024"), ("select", "select_"), ("order", None), ("größe", "größe"),
        ("---", "data"), ("a.b-c", "a_b_c"), ("loaded", None), ("values", None), ("duckdb_tables", None),
    ],
)  # fmt: skip
def test_the_table_is_called_after_the_file(stem: str, table: str | None, tmp_path: Path):
    path = tmp_path / f"{stem}.csv"
    path.write_text("id,x\n1,2\n2,3\n")
    loaded = load(f'file:path="{path}",uid=id')
    name = loaded.schema.table
    assert name == (table or name)
    assert name.isidentifier()
    engine, _ = engines(loaded, registry.defense("none")[0], 1, 0)
    session = LocalSession(loaded.schema, engine, registry.defense("none")[0], np.random.default_rng(0))
    answer = session.query(f"{COUNT} {name} WHERE x > 2")
    assert isinstance(answer, Answer), answer
    assert answer.value == 1
    engine.close()
    assert _table_name("e\u0301.csv") == "é", "as macOS writes it"


def test_relations_are_read_off_the_rows():
    frame = pd.DataFrame({
        "id": [1, 2, 3, 4], "pay": pd.array([10, 25, 20, None], dtype="Int64"), "band": ["low", "high", "high", None],
        "x from y": list("ppqq"), "z": list("sstt"), "x": list("sstt"), "y from z": [1, 1, 2, 2],
    }).astype({"band": object})  # fmt: skip
    frame["band"] = frame["band"].where(frame["band"].notna(), None)
    kinds = {"id": Kind.INTEGER, "pay": Kind.INTEGER, "y from z": Kind.INTEGER}
    columns = [Column(name, kinds.get(name, Kind.TEXT)) for name in frame]
    derived, same = relations(["band from pay", "z from x from y"], columns, "id", frame)
    assert [(d.column, d.source, d.edges, d.labels) for d in derived] == [("band", "pay", (20.0,), ("low", "high"))]
    assert derived[0].of(frame["pay"]).tolist() == frame["band"].tolist()
    assert same == (("z", "x from y"),)
    with pytest.raises(DatasetError, match="can be read in 2 ways"):
        relations(["x from y from z"], columns, "id", frame)


@pytest.mark.parametrize("uids", [["2024-01-02", "2024-01-01"], ["b", "a"], ["7", "5"], ["false", "true"]])
def test_users_are_named_by_any_exact_kind(uids: list[str], tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text(
        "id,s,v\n" + "".join(f"{uid},{s},{i}\n" for i, (uid, s) in enumerate(zip(uids * 3, "xy" * 3, strict=True)))
    )
    result = judged("none", "guess", f"{path}:uid=id", secret="s", victims=2)
    assert (result.score.attempts, result.score.claims, result.table.people.shape) == (2, 2, (2, 1))
    result.close()
    with pytest.raises(UserError, match="'v' differs between rows of one user"):
        judged("none", "guess", f"{path}:uid=id", secret="v")
    with pytest.raises(UserError, match="names no secret; choose a column with --secret"):
        judged("none", "guess", f"{path}:uid=id")
