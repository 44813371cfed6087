"""Where trials are kept: one row a trial, one transaction a row, any database that SQLAlchemy reaches.

Only parent processes write. A store of another version, or a file that is no store, is left as it is.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from harness.errors import StoreError
from harness.model import Claim, Inference, Linkability, SinglingOut
from harness.record import SCHEMA_VERSION, SizeClass, TrialRecord, Utility
from harness.score import TrialScore

FILE = "snoopbench.sqlite"

_metadata = sa.MetaData()
_version = sa.Table("snoopbench_version", _metadata, sa.Column("version", sa.Integer, nullable=False))
_trials = sa.Table(
    "trials",
    _metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("benchmark", sa.String(64), nullable=False, index=True),
    *(sa.Column(name, sa.String, nullable=False) for name in ("defense", "attack", "dataset", "secret", "baseline")),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("victims", "accomplices", "seed", "trial")),
    sa.Column("tolerance", sa.Float, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),
    sa.Column("error", sa.Text),
    *(
        sa.Column(name, sa.Integer)
        for name in ("attempts", "claims", "correct", "prior_cells", "learned_cells", "eligible", "users")
    ),
    sa.Column("guess", sa.Float),
    sa.Column("queries", sa.Integer),
    sa.Column("refused", sa.Integer),
    sa.Column("reasons", sa.Text),
    sa.Column("acts", sa.Boolean),
    *(
        sa.Column(name, sa.Float)
        for name in ("median_relative_error", "p90_relative_error", "suppressed", "utility_refused")
    ),
    *(sa.Column(name, sa.Integer) for name in ("utility_cells", "utility_zero_cells")),
    sa.Column("utility_by_size", sa.Text),
    sa.Column("seconds", sa.Text),
    sa.Column("claims_blob", sa.LargeBinary),
    sa.Column("stored_at", sa.String(32), nullable=False),
)
_studies = sa.Table(
    "studies",
    _metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("study", sa.String, nullable=False, index=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("plan", "rows")),
    sa.Column("stored_at", sa.String(32), nullable=False),
)


class Store:
    """An open results store. Raises StoreError, in one sentence, for whatever keeps it from being used."""

    def __init__(self, results: str = "results", create: bool = True) -> None:
        """`results`: a folder, an SQLite file or a database URL; with `create` it is made where it is missing."""
        self.url = _url(results, create)
        try:
            self._engine = sa.create_engine(self.url)
            if self._engine.dialect.name == "sqlite":
                sa.event.listen(self._engine, "connect", _prepare_sqlite)
            self._open()
        except ModuleNotFoundError as error:
            raise StoreError(f"The results store {results} needs the package {error.name}; install it.") from error
        except SQLAlchemyError as error:
            raise StoreError(f"The results store {results} cannot be opened: {_reason(error)}.") from error

    def _open(self) -> None:
        names = set(sa.inspect(self._engine).get_table_names())
        if names and _version.name not in names:
            raise StoreError(f"{self.url} is not a SnoopBench store; choose another place with --results.")
        found = self._version() if _version.name in names else self._create()
        if found != SCHEMA_VERSION:
            raise StoreError(
                f"{self.url} was written by another version of SnoopBench (store version {found}, here "
                f"{SCHEMA_VERSION}); choose another place with --results."
            )

    def _create(self) -> int | None:
        """Make the tables in one transaction; where another process has just done so, take its."""
        try:
            with self._engine.begin() as connection:
                if self._engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                    connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's driver begins none for CREATE TABLE
                _metadata.create_all(connection, checkfirst=False)
                connection.execute(sa.insert(_version).values(version=SCHEMA_VERSION))
        except SQLAlchemyError:
            if _version.name not in sa.inspect(self._engine).get_table_names():
                raise
        return self._version()

    def _version(self) -> int | None:
        with self._engine.connect() as connection:
            version: int | None = connection.execute(sa.select(_version.c.version)).scalar()
        return version

    def records(self, keys: Iterable[str]) -> dict[str, TrialRecord]:
        """The stored trials of these keys that did not fail."""
        wanted = list(keys)
        found: dict[str, TrialRecord] = {}
        for start in range(0, len(wanted), 500):
            chosen = _trials.c.key.in_(wanted[start : start + 500]) & (_trials.c.status == "done")
            for row in self._read(sa.select(_trials).where(chosen)):
                found[row["key"]] = _record(row)
        return found

    def add(self, benchmark: Mapping[str, Any], record: TrialRecord, replace: bool = False) -> None:
        """Store a trial of `benchmark` (`harness.plan.Benchmark.columns`) in one transaction. A stored trial
        that did not fail is kept, unless `replace`."""
        row = _row(benchmark, record)
        stale = _trials.c.key == record.key
        if not replace:
            stale &= _trials.c.status == "failed"
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.delete(_trials).where(stale))
                connection.execute(sa.insert(_trials).values(**row))
        except IntegrityError:
            return
        except SQLAlchemyError as error:
            raise StoreError(f"The results store {self.url} cannot be written: {_reason(error)}.") from error

    def rows(self) -> list[dict[str, Any]]:
        """All stored trials as plain rows without their claims, benchmark by benchmark in the order of storing."""
        columns = [column for column in _trials.c if column.name != "claims_blob"]
        first = sa.func.min(_trials.c.stored_at).over(partition_by=_trials.c.benchmark)
        rows = self._read(sa.select(*columns).order_by(first, _trials.c.benchmark, _trials.c.trial))
        return [dict(row) for row in rows]

    def study(self, key: str) -> list[dict[str, Any]] | None:
        """The rows that a study stored under this key, or None."""
        found = self._read(sa.select(_studies.c.rows).where(_studies.c.key == key)) if self._has_studies() else []
        return json.loads(found[0]["rows"]) if found else None

    def studies(self, study: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Plan and rows of every stored run of a study, in the order of storing."""
        if not self._has_studies():
            return []
        chosen = sa.select(_studies.c.plan, _studies.c.rows).where(_studies.c.study == study)
        found = self._read(chosen.order_by(_studies.c.stored_at, _studies.c.key))
        return [(json.loads(row["plan"]), json.loads(row["rows"])) for row in found]

    def add_study(self, key: str, study: str, plan: Mapping[str, Any], rows: list[dict[str, Any]]) -> None:
        """Store the rows of a study in one transaction, in place of older ones of this key."""
        plain = {"plan": json.dumps(plan), "rows": json.dumps(rows, allow_nan=False)}
        try:
            _studies.create(self._engine, checkfirst=True)  # stores that are older than the studies lack the table
            with self._engine.begin() as connection:
                connection.execute(sa.delete(_studies).where(_studies.c.key == key))
                connection.execute(sa.insert(_studies).values(key=key, study=study, stored_at=_now(), **plain))
        except SQLAlchemyError as error:
            raise StoreError(f"The results store {self.url} cannot be written: {_reason(error)}.") from error

    def _has_studies(self) -> bool:
        return sa.inspect(self._engine).has_table(_studies.name)

    def _read(self, query: sa.Select[Any]) -> list[Any]:
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(query).mappings())
        except SQLAlchemyError as error:
            raise StoreError(f"The results store {self.url} cannot be read: {_reason(error)}.") from error


def record_of(row: dict[str, Any]) -> TrialRecord:
    """A plain row of `Store.rows` as a record, without its claims."""
    return _record({**row, "claims_blob": None})


def _url(results: str, create: bool) -> str:
    if "://" in results:
        return results
    path = Path(results)
    file = path if path.suffix in (".sqlite", ".db") else path / FILE
    if not create and not file.exists():
        raise StoreError(f"There is no results store at {results}; run snoopbench bench first.")
    if path.suffix not in (".sqlite", ".db"):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"The results folder {results} cannot be made: {error.strerror}.") from error
        path = path / FILE
    return sa.URL.create("sqlite", database=str(path)).render_as_string()


def _prepare_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _reason(error: SQLAlchemyError) -> str:
    original = getattr(error, "orig", None) or error
    return (str(original).splitlines() or [type(original).__name__])[0].rstrip(".")


def _row(benchmark: Mapping[str, Any], record: TrialRecord) -> dict[str, Any]:
    score = asdict(record.score) if record.score else {}
    return {
        **benchmark,
        **score,
        "key": record.key,
        "trial": record.trial,
        "status": "failed" if record.error else "done",
        "error": record.error,
        "queries": record.queries,
        "refused": record.refused,
        "reasons": json.dumps(record.reasons),
        "acts": record.acts,
        **(_utility_row(record.utility) if record.utility else {}),
        "seconds": json.dumps(record.seconds),
        "claims_blob": pack(record.claims),
        "stored_at": _now(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _record(row: Any) -> TrialRecord:
    names = ("attempts", "claims", "correct", "guess", "prior_cells", "learned_cells", "eligible", "users")
    done = row["status"] == "done"
    return TrialRecord(
        key=row["key"],
        trial=row["trial"],
        error=row["error"],
        score=TrialScore(**{name: row[name] for name in names}) if done else None,
        queries=row["queries"],
        refused=row["refused"],
        reasons=json.loads(row["reasons"]),
        acts=row["acts"],
        utility=_utility(row) if done else None,
        claims=unpack(row["claims_blob"]) if row["claims_blob"] else (),
        seconds=json.loads(row["seconds"]),
    )


def _utility_row(utility: Utility) -> dict[str, Any]:
    return {
        "median_relative_error": utility.median_relative_error,
        "p90_relative_error": utility.p90_relative_error,
        "suppressed": utility.suppressed,
        "utility_refused": utility.refused,
        "utility_cells": utility.cells,
        "utility_zero_cells": utility.zero_cells,
        "utility_by_size": json.dumps([asdict(entry) for entry in utility.by_size]),
    }


def _utility(row: Any) -> Utility:
    return Utility(
        median_relative_error=row["median_relative_error"],
        p90_relative_error=row["p90_relative_error"],
        suppressed=row["suppressed"],
        refused=row["utility_refused"],
        cells=row["utility_cells"],
        zero_cells=row["utility_zero_cells"],
        by_size=tuple(SizeClass(**entry) for entry in json.loads(row["utility_by_size"])),
    )


def pack(claims: Iterable[Claim]) -> bytes:
    """Claims as compressed JSON; dates and times as ISO text."""
    plain = []
    for claim in claims:
        match claim:
            case Inference(uid, value, confidence):
                plain.append(["inference", uid, value, confidence])
            case SinglingOut(attributes, confidence):
                plain.append(["singling-out", [list(pair) for pair in attributes], confidence])
            case Linkability(record, confidence):
                plain.append(["linkability", record, confidence])
    return zlib.compress(json.dumps(plain, default=_jsonable).encode())


def unpack(blob: bytes) -> tuple[Claim, ...]:
    """The claims that `pack` stored."""
    claims: list[Claim] = []
    for kind, *fields in json.loads(zlib.decompress(blob)):
        if kind == "inference":
            claims.append(Inference(*fields))
        elif kind == "singling-out":
            claims.append(SinglingOut(tuple((c, v) for c, v in fields[0]), fields[1]))
        else:
            claims.append(Linkability(*fields))
    return tuple(claims)


def _jsonable(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    return str(value)
