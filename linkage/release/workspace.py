"""Where joins run: DuckDB in a scratch folder that the caller owns and empties.

Rules:

- Nothing is fetched, installed or remembered: no extension, no configuration file, no database on disk.
- What does not fit in memory spills to the scratch folder; it is plain data, so the folder is the release room's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import duckdb
import pandas as pd
import pyarrow as pa

from linkage.release.coarsen import literal, name

Source: TypeAlias = pd.DataFrame | Path
"""A table in memory, or the Parquet file that holds it."""


@dataclass(frozen=True)
class Workspace:
    """Where to spill, and how much memory and how many threads to use."""

    scratch: Path
    memory: str = "4GB"
    threads: int | None = None

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a connection that is closed at the end of the block."""
        config: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": str(self.scratch),
            "memory_limit": self.memory,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if self.threads is not None:
            config["threads"] = self.threads
        connection = duckdb.connect(":memory:", config=config)
        try:
            yield connection
        finally:
            connection.close()


def add_source(connection: duckdb.DuckDBPyConnection, view: str, source: Source, columns: Sequence[str]) -> None:
    """Make a view of ``columns`` as text; a column that the source lacks is all missing."""
    raw = f"{view}_raw"
    if isinstance(source, Path):
        connection.execute(f"CREATE VIEW {name(raw)} AS SELECT * FROM read_parquet({literal(str(source))})")
    else:
        connection.register(raw, pa.Table.from_pandas(source, preserve_index=False))
    present = {str(row[0]) for row in connection.execute(f"DESCRIBE {name(raw)}").fetchall()}
    chosen = ", ".join(
        f"CAST({name(column) if column in present else 'NULL'} AS VARCHAR) AS {name(column)}" for column in columns
    )
    connection.execute(f"CREATE VIEW {name(view)} AS SELECT {chosen} FROM {name(raw)}")


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write a query's result to a Parquet file."""
    connection.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")


def scalar(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the one whole number that a query gives."""
    # All rows are fetched: a result that is not read to its end keeps the connection busy.
    ((value,),) = connection.execute(query).fetchall()
    return int(value or 0)
