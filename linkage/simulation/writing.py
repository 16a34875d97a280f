"""A world on disk: one folder for each agency, the truth apart, and a guide.

Rules:

- The folder appears whole or not at all: all is written beside it under a temporary name, which is then renamed.
- A folder that holds anything is refused.
- Files are UTF-8 CSV with a header and an empty field where a value is missing. No value holds a comma or a quote, so
  nothing is quoted; a value that did would be an error, not a broken file.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv

from linkage.errors import InputError
from linkage.simulation.exports import ExportedFile
from linkage.simulation.guide import guide
from linkage.simulation.world import Progress, World, silent

_ROWS_AT_A_TIME = 500_000
_FORM = arrow_csv.WriteOptions(include_header=False, quoting_style="none")


def refuse_occupied(folder: Path) -> None:
    """Raise InputError unless ``folder`` is free or an empty folder."""
    if folder.is_dir():
        if any(folder.iterdir()):
            raise InputError(
                "the folder for the simulated world is not empty",
                [f"{folder} holds files, and nothing is ever overwritten"],
                "name a new folder, or empty this one",
            )
    elif folder.exists() or folder.is_symlink():
        raise InputError(
            "the simulated world needs a folder",
            [f"{folder} is a file, or a link that leads nowhere"],
            "name a new folder",
        )


def write_world(world: World, folder: Path, progress: Progress = silent) -> None:
    """Write a world to ``folder``, which must be new or empty.

    Raises InputError if the folder holds anything.
    """
    refuse_occupied(folder)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        files = [(f"{agency.name}/{file.name}", file) for agency in world.agencies for file in agency.files]
        files.append((world.truth.name, world.truth))
        total = sum(file.rows for _, file in files)
        written = 0
        for name, file in files:
            progress(f"writing {name}", written / total)
            (part / name).parent.mkdir(exist_ok=True)
            _write_csv(file, part / name)
            written += file.rows
        (part / "README.md").write_text(guide(world), encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _write_csv(file: ExportedFile, path: Path) -> None:
    table = file.table
    with path.open("wb") as handle:
        handle.write((",".join(table.column_names) + "\n").encode())
        for start in range(0, table.num_rows, _ROWS_AT_A_TIME):
            rows: pa.Table = table.slice(start, _ROWS_AT_A_TIME)
            arrow_csv.write_csv(rows, handle, _FORM)
