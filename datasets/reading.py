"""A CSV or Parquet file of anybody's as a frame of the six kinds, without silent loss.

CSV is read by Python's csv module in its strict mode: DuckDB drops the rest of a file behind an unclosed quote, pandas
fills short rows up. All cells are text until the whole column is known; then it gets the narrowest kind that holds
every cell exactly:

| cells (NULL apart)                                     | kind                                                       |
|--------------------------------------------------------|------------------------------------------------------------|
| whole numbers of 64 bits                               | integer                                                    |
| numbers, whole ones up to 2^53                         | real, as the nearest double                                |
| true, false (any case)                                 | boolean                                                    |
| 2024-12-31                                             | date                                                       |
| 2024-12-31 23:59:59.999999, perhaps with T for a space | datetime; in UTC if every cell has a zone (Z or +01:00)    |
| anything else: 01234, +49, longer integers, a mixture  | text, as it is written                                     |

An empty cell is NULL, and so is NaN or an infinity in a column of numbers. Parquet brings types: DECIMAL becomes real
(without decimal places integer, or text where 64 bits are too few, as do unsigned and 128-bit integers); TIME,
INTERVAL, UUID, ENUM and JSON become text, timestamps with time zone UTC; nested and binary columns are refused.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import duckdb
import numpy as np
import pandas as pd

from datasets.frames import series
from harness.errors import DatasetError
from harness.model import Column, Kind
from harness.sql.plan import ROW_NUMBER, UID_HASH

csv.field_size_limit(2**31 - 1)  # the module's own limit on a cell is 128 KiB

Connection: TypeAlias = duckdb.DuckDBPyConnection
Read: TypeAlias = tuple[tuple[Column, ...], pd.DataFrame]

DELIMITERS = ",;\t|"
PROBED = 100  # records looked at to tell the delimiter

_WHOLE = "-?(0|[1-9][0-9]*)"
_NUMBER = r"-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_NOT_FINITE = "(?i)[+-]?(nan|inf|infinity)"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6}0*)?)?"
_MOMENT = f"{_DAY}({_CLOCK})?"
_ZONED = f"{_DAY}{_CLOCK}(Z|[+-][0-9]{{2}}(:[0-9]{{2}})?)"

_FIRST, _LAST = (np.datetime64(text, "us").astype(int) for text in ("0001-01-01", "9999-12-31T23:59:59.999999"))

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # no query can hold one
_AS_TEXT = re.compile(r'VARCHAR|JSON|"NULL"|UUID|ENUM\(.*|TIME|TIME WITH TIME ZONE|TIME_NS|INTERVAL', re.DOTALL)
_AS_WHOLE = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|DECIMAL\(\d+,0\)")
_AS_REAL = re.compile(r"FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)")


def read(path: Path, uid: str | None = None) -> Read:
    """The columns and rows of a .parquet file, or of another one as CSV; a delimiter under which there is a column
    `uid` is preferred. Raises DatasetError, in one sentence, for what cannot be read exactly."""
    try:
        with open(path, "rb") as file:
            if not file.read(1):
                raise DatasetError(f"The file {path} is empty.")
    except OSError as error:
        raise DatasetError(f"The file {path} cannot be read: {error.strerror}.") from None
    return _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path, uid)


def listed(names: Sequence[str]) -> str:
    """Column names for a message, odd ones in quotes, at most 40."""
    plain = [name if re.fullmatch(r"\w+( \w+)*", name) else repr(name) for name in names[:40]]
    return ", ".join(plain) + (f" and {len(names) - 40} more" if len(names) > 40 else "")


def _read_csv(path: Path, uid: str | None) -> Read:
    lines = io.StringIO(_text(path), newline="")
    delimiter = _delimiter(lines, uid)
    records = _records(lines, delimiter, path)
    names = _checked_names(next(records, []), path)
    cells = list(zip(*records, strict=True))
    if not cells:
        raise DatasetError(f"The file {path} has a header but no rows.")
    raw = {f"c{i}": np.array([cell or None for cell in column], dtype=object) for i, column in enumerate(cells)}
    with _connect() as connection:
        connection.register("cells", pd.DataFrame(raw))
        texts = ", ".join(f"CAST({c} AS VARCHAR) AS {c}" for c in raw)
        connection.execute(f"CREATE TABLE raw AS SELECT {texts} FROM cells")
        return _together(names, [_from_text(connection, c) for c in raw])


def _connect() -> Connection:
    return duckdb.connect(
        ":memory:",
        config={"threads": 1, "autoinstall_known_extensions": False, "autoload_known_extensions": False},
    )


def _together(names: Sequence[str], found: Sequence[tuple[Kind, pd.Series]]) -> Read:
    columns = tuple(Column(name, kind) for name, (kind, _) in zip(names, found, strict=True))
    return columns, pd.DataFrame({name: values for name, (_, values) in zip(names, found, strict=True)})


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DatasetError(f"Line {line} of {path} is not UTF-8; save the file in the encoding UTF-8.") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DatasetError(f"Line {line} of {path} holds a NUL character; save the file as CSV in the encoding UTF-8.")
    return text


def _delimiter(lines: io.StringIO, uid: str | None) -> str:
    """The delimiter under which `uid` is a column, else the one that cuts the first records into equally many cells,
    else the one that cuts the header into most."""

    def merit(delimiter: str) -> tuple[bool, bool, int]:
        lines.seek(0)
        rows = islice(csv.reader(lines, delimiter=delimiter), PROBED)
        try:
            probed = [row for row in rows if row]
        except csv.Error:
            return False, False, 0
        header = probed[0] if probed else []
        return uid in header, len(header) > 1 and len({len(row) for row in probed}) == 1, len(header)

    best = max(DELIMITERS, key=merit)
    lines.seek(0)
    return best


def _records(lines: io.StringIO, delimiter: str, path: Path) -> Iterator[list[str]]:
    """The records, header first, blank lines left out, each of as many cells as the header."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    width = None
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise DatasetError(f"The record in line {line} of {path} is no proper CSV: {error}.") from None
        if record is None:
            return
        if record:
            width = width or len(record)
            if len(record) != width:
                raise DatasetError(
                    f"The record in line {line} of {path} is {len(record)} wide, but the header {width}; "
                    f"repair it, or put cells that hold {delimiter!r} in double quotes."
                )
            yield record


def _checked_names(names: list[str], path: Path) -> list[str]:
    if not names:
        raise DatasetError(f"The file {path} is empty.")
    seen: dict[str, str] = {}
    for place, name in enumerate(names, start=1):
        if not name.strip():
            raise DatasetError(f"Column {place} of {path} has no name; the first line must name all columns.")
        if name.lower() in (ROW_NUMBER, UID_HASH):
            raise DatasetError(f"The column name {name} of {path} is reserved; rename the column.")
        if _CONTROL.search(name):
            raise DatasetError(f"The name of column {place} of {path} has a control character; rename the column.")
        if (other := seen.get(name.lower())) is not None:
            how = "is there twice" if other == name else f"differs from {other!r} only in case"
            raise DatasetError(f"The column name {name!r} of {path} {how}; rename one of the two columns.")
        seen[name.lower()] = name
    return names


def _from_text(connection: Connection, c: str) -> tuple[Kind, pd.Series]:
    kind, zoned = _inferred(connection, c)
    match kind:
        case Kind.INTEGER:
            expression = f"TRY_CAST({c} AS BIGINT)"
        case Kind.REAL:
            expression = _finite(f"TRY_CAST({c} AS DOUBLE)")
        case Kind.DATE | Kind.DATETIME:
            expression = f"epoch_us(CAST({c} AS {'TIMESTAMPTZ' if zoned else 'TIMESTAMP'}))"
        case _:
            expression = f"CAST({c} AS {'BOOLEAN' if kind is Kind.BOOLEAN else 'VARCHAR'})"
    return kind, _fetched(connection, expression, kind)


def _inferred(connection: Connection, c: str) -> tuple[Kind, bool]:
    """The kind of a column of text, and whether its cells are times with a zone."""

    def like(pattern: str) -> str:
        return f"regexp_full_match({c}, '{pattern}')"

    def all_are(*tests: str) -> bool:
        return _holds(connection, c, " OR ".join(f"({test})" for test in tests))

    def times(pattern: str, to: str) -> str:
        return f"{like(pattern)} AND {c} >= '0001' AND TRY_CAST({c} AS {to}) IS NOT NULL"

    not_finite = like(_NOT_FINITE)
    if all_are(not_finite):
        return Kind.TEXT, False  # no cell at all, or none that is a number
    if all_are(like(_WHOLE), not_finite):
        return (Kind.INTEGER if all_are(f"TRY_CAST({c} AS BIGINT) IS NOT NULL", not_finite) else Kind.TEXT), False
    exact = f"NOT {like(_WHOLE)} OR abs(TRY_CAST({c} AS HUGEINT)) <= {2**53}"
    if all_are(f"{like(_NUMBER)} AND isfinite(TRY_CAST({c} AS DOUBLE)) AND ({exact})", not_finite):
        return Kind.REAL, False
    if all_are(like("(?i)true|false")):
        return Kind.BOOLEAN, False
    if all_are(times(_DAY, "DATE")):
        return Kind.DATE, False
    if all_are(times(_MOMENT, "TIMESTAMP")):
        return Kind.DATETIME, False
    if all_are(times(_ZONED, "TIMESTAMPTZ")):
        return Kind.DATETIME, True
    return Kind.TEXT, False


def _read_parquet(path: Path) -> Read:
    pattern = re.sub(r"[*?\[]", r"[\g<0>]", str(path))  # a path and not a pattern of paths
    source = "read_parquet('" + pattern.replace("'", "''") + "', hive_partitioning=false)"
    try:
        with _connect() as connection:
            names = _checked_names(_top_names(connection, pattern), path)
            places = [f"c{i}" for i in range(len(names))]
            connection.execute(f"CREATE VIEW raw({', '.join(places)}) AS SELECT * FROM {source}")
            types = [str(row[1]) for row in connection.execute("DESCRIBE raw").fetchall()]
            typed = zip(names, places, types, strict=True)
            found = [_from_type(connection, c, of, f"The column {name!r} of {path}") for name, c, of in typed]
    except (duckdb.Error, UnicodeError):
        raise DatasetError(f"The file {path} cannot be read as Parquet; it is damaged or of another format.") from None
    columns, frame = _together(names, found)
    if not len(frame):
        raise DatasetError(f"The file {path} has columns but no rows.")
    return columns, frame


def _top_names(connection: Connection, pattern: str) -> list[str]:
    """The names of the columns as they stand in the file; DuckDB renames those that it takes for equal."""
    nodes = connection.execute("SELECT name, coalesce(num_children, 0) FROM parquet_schema(?)", [pattern]).fetchall()
    names, open_nodes = [], []  # the nodes come depth first, the root before all
    for name, children in nodes:
        if len(open_nodes) == 1:
            names.append(name)
        if open_nodes:
            open_nodes[-1] -= 1
        open_nodes.append(children)
        while open_nodes and not open_nodes[-1]:
            open_nodes.pop()
    return names


def _from_type(connection: Connection, c: str, of: str, where: str) -> tuple[Kind, pd.Series]:
    if of == "BOOLEAN":
        return Kind.BOOLEAN, _fetched(connection, c, Kind.BOOLEAN)
    if _AS_TEXT.fullmatch(of):
        return Kind.TEXT, _fetched(connection, f"CAST({c} AS VARCHAR)", Kind.TEXT)
    if _AS_WHOLE.fullmatch(of):
        fits = _holds(connection, c, f"TRY_CAST({c} AS BIGINT) IS NOT NULL")
        kind, to = (Kind.INTEGER, "BIGINT") if fits else (Kind.TEXT, "VARCHAR")
        return kind, _fetched(connection, f"CAST({c} AS {to})", kind)
    if _AS_REAL.fullmatch(of):
        return Kind.REAL, _fetched(connection, _finite(f"CAST({c} AS DOUBLE)"), Kind.REAL)
    if of == "DATE" or of.startswith("TIMESTAMP"):
        micros = f"epoch_us({c if 'ZONE' in of else f'TRY_CAST({c} AS TIMESTAMP)'})"
        if not _holds(connection, c, f"{micros} BETWEEN {_FIRST} AND {_LAST}"):
            raise DatasetError(f"{where} has a day before the year 1 or after 9999; write NULL there.")
        if of == "TIMESTAMP_NS" and not _holds(connection, c, f"epoch_ns({c}) % 1000 = 0"):
            raise DatasetError(f"{where} has nanoseconds; round it to microseconds.")
        kind = Kind.DATE if of == "DATE" else Kind.DATETIME
        return kind, _fetched(connection, micros, kind)
    raise DatasetError(f"{where} has the type {of.split('(')[0]}; leave it out, or write it as text or numbers.")


def _holds(connection: Connection, c: str, test: str) -> bool:
    """Whether all cells but NULL pass the test; the search ends at the first that does not."""
    wrong = f"SELECT 1 FROM raw WHERE {c} IS NOT NULL AND NOT coalesce({test}, false) LIMIT 1"
    return not connection.execute(wrong).fetchall()


def _finite(number: str) -> str:
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _fetched(connection: Connection, expression: str, kind: Kind) -> pd.Series:
    """The expression's column; days and moments come as microseconds since 1970."""
    values = connection.execute(f"SELECT {expression} AS v FROM raw").fetchnumpy()["v"]
    if kind.is_time:
        moments = np.ma.filled(values, 0).astype("datetime64[us]")
        moments[np.ma.getmaskarray(values)] = np.datetime64("NaT")
        return pd.Series(moments)
    if kind is Kind.REAL:
        return pd.Series(np.ma.filled(values.astype(float), np.nan))
    return series(values)
