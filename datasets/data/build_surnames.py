"""Rebuild ``surnames.parquet``, the names behind the dataset ``surnames``, from their pinned source.

    python datasets/data/build_surnames.py [--sdist PATH] [--out PATH]

1. Take the source distribution ``names`` 0.3.0: the one given, or a fresh ``pip download``. Its SHA-256 must match.
2. Read the file of last names from it: name, frequency in percent, cumulative frequency, rank.
3. Write name and frequency in the order of the ranks as Parquet with DuckDB, then read it back and compare the content
   with the checksum pinned below.

The content is the same everywhere; the bytes of the file also depend on the version of DuckDB.
Licence and provenance: ``surnames.md`` beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import duckdb

PACKAGE = "names==0.3.0"
SDIST_SHA256 = "726e46254f2ed03f1ffb5d941dae3bc67c35123941c29becd02d48d0caa2a671"
PART = "names-0.3.0/names/dist.all.last"
ROWS = 88_799
CONTENT_SHA256 = "4c66e0c688d2869027f6415f94f54a3155e0772ea36d02640e70069f87ea0499"

Row = tuple[str, int]


def download(folder: Path) -> Path:
    """Fetch the source distribution with pip into ``folder``."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
    subprocess.run([*command, "--dest", str(folder), PACKAGE], check=True)
    (sdist,) = folder.glob("*.tar.gz")
    return sdist


def read(sdist: Path) -> list[Row]:
    """Return names and frequencies, the latter in thousandths of a percent, ordered by rank."""
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    if digest != SDIST_SHA256:
        raise SystemExit(f"{sdist}: SHA-256 is {digest}, expected {SDIST_SHA256}.")
    with tarfile.open(sdist) as archive:
        file = archive.extractfile(PART)
        assert file is not None
        fields = [line.split() for line in file.read().decode("ascii").splitlines() if line.strip()]
    ranks = [int(rank) for *_, rank in fields]
    if ranks != list(range(1, ROWS + 1)):
        raise SystemExit(f"{sdist}: the ranks are not 1 to {ROWS}.")
    return [(name, round(float(share) * 1000)) for name, share, *_ in fields]


def checksum(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of the rows as text: a tab between the fields, a newline after each row."""
    digest = hashlib.sha256()
    for name, share in rows:
        digest.update(f"{name}\t{share}\n".encode())
    return digest.hexdigest()


def write(rows: list[Row], out: Path) -> None:
    """Write the rows to ``out`` and check what can be read back from it."""
    with tempfile.TemporaryDirectory(dir=out.parent) as folder, duckdb.connect() as db:
        plain, packed = Path(folder, "rows.csv"), Path(folder, out.name)
        plain.write_text("".join(f"{name},{share}\n" for name, share in rows), encoding="ascii")
        db.execute("SET threads = 1")
        table = db.read_csv(str(plain), header=False, columns={"name": "VARCHAR", "share": "BIGINT"})
        db.register("surnames", table)
        db.execute(
            f"COPY (SELECT * FROM surnames) TO {quoted(packed)} (FORMAT parquet, PARQUET_VERSION v2, "
            "COMPRESSION zstd, COMPRESSION_LEVEL 22, ROW_GROUP_SIZE 122880)"
        )
        content = checksum(db.execute(f"SELECT * FROM read_parquet({quoted(packed)})").fetchall())
        if content != CONTENT_SHA256:
            raise SystemExit(f"{out} stays as it was: the content has checksum {content}.")
        packed.replace(out)


def quoted(path: Path) -> str:
    """Return the path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"


def main() -> None:
    parser = argparse.ArgumentParser(description="Rebuild surnames.parquet from its pinned source.")
    parser.add_argument("--sdist", type=Path, help=f"the source distribution of {PACKAGE} (default: pip downloads it)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("surnames.parquet"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = read(options.sdist or download(Path(folder)))
    write(rows, options.out.absolute())
    print(f"{options.out}: {options.out.stat().st_size} bytes")
    print(f"content  {CONTENT_SHA256}")
    print(f"file     {hashlib.sha256(options.out.read_bytes()).hexdigest()}  (DuckDB {duckdb.__version__})")


if __name__ == "__main__":
    main()
