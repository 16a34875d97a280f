"""Peers of disclosure control, run by an interpreter that has them: a job as JSON in, what they hid as JSON out.

Nothing here imports the product, and the product imports nothing of the peers, whose licences are copyleft (G-Confid:
GPL-3.0-or-later; pytauargus: EUPL-1.2).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import time
from typing import Any


def gconfid(job: dict[str, Any]) -> dict[str, Any]:
    """Suppress the cells of one linear system; each total is a constraint over its parts."""
    import pandas as pd

    peer = importlib.import_module("gconfid")
    cells = pd.DataFrame(
        {
            "CellId": range(1, len(job["value"]) + 1),
            "TotalNoise": job["value"],
            "Sensitivity": job["need"],
            "Status": ["S" if need > 0 else "V" for need in job["need"]],
            "Type": "C",
        }
    )
    rows = [
        (number + 1, cell + 1, weight)
        for number, (total, parts) in enumerate(job["sums"])
        for cell, weight in [(total, -1.0), *((part, 1.0) for part in parts)]
    ]
    constraints = pd.DataFrame(rows, columns=["ConstraintId", "CellId", "Coefficient"])
    start = time.process_time()
    found = peer.Suppression(incell=cells, inconstraint=constraints, outsuppress="pandas").outsuppress
    status = dict(zip(found["CellId"].tolist(), found["OutStatus"].astype(str), strict=True))
    return {
        "version": peer.__version__,
        "processor_seconds": time.process_time() - start,
        "hidden": [int(cell) - 1 for cell, word in status.items() if word.upper() in ("S", "X")],
    }


def pytauargus(job: dict[str, Any]) -> dict[str, Any]:
    """Suppress one table of persons with tau-ARGUS."""
    import pandas as pd

    peer = importlib.import_module("pytauargus")
    persons = pd.DataFrame(job["persons"]).assign(one=1.0)
    start = time.process_time()
    result = peer.protect(
        persons,
        job["by"],
        response="one",
        safety_rules=f"FREQ({job['threshold']},{job['range']})",
        suppress=job["method"],
        hrc=job["hierarchies"] or None,
    )
    table = result.tables[0]
    rows = [[*(str(row[name]).strip() for name in job["by"]), row["status"]] for row in table.rows]
    return {"version": peer.__version__, "processor_seconds": time.process_time() - start, "rows": rows}


def main() -> None:
    """Answer one job; what the peers print goes to the error stream."""
    job = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        answer = {"gconfid": gconfid, "pytauargus": pytauargus}[job["peer"]](job)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
