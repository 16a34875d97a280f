"""Rows that cannot be hashed as they are: set aside with a reason, never dropped in silence.

Rules:

- A quarantined row is known by its number in the file (from 1; the header and blank lines are not counted) and by a
  reason. Its values are nowhere.
- One bad row in a million does not stop the other rows; more than the spec's ``quarantine_limit`` does, because then
  it is the export that is wrong. Of a small extract a share says nothing: there up to :data:`FEW_ROWS` may go, but no
  more than one row in ten, and one in any extract of two or more. A limit of 0 is kept to the letter.
- Which of two different rows with one local ID is right cannot be known here, so both are set aside. Where a row merely
  repeats an earlier one, the first stays.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from linkage.errors import InputError

_SHOWN = 10
#: So many rows of a small extract may be set aside, whatever share of it they are.
FEW_ROWS = 5


class Reason(StrEnum):
    """Why a row was set aside."""

    RAGGED = "the number of values is not that of the header"
    UNCLOSED_QUOTE = "a quote is opened and closed lines later, so that rows are swallowed"
    TOO_LONG = "the line is longer than the layout says"
    ENCODING = "a value is not in the file's encoding"
    NUL = "a value holds a NUL byte"
    NO_LOCAL_ID = "the local ID is empty"
    REPEATED_LOCAL_ID = "another row has the same local ID but other identifiers"
    REPEATED_ROW = "the row repeats an earlier one"
    NO_IDENTIFIER = "no identifier holds a usable value"


@dataclass(frozen=True)
class QuarantinedRow:
    """A row's number in its file, and why it was set aside."""

    row: int
    reason: Reason


@dataclass(frozen=True)
class Quarantine:
    """The rows of one file that were set aside, of how many."""

    rows: tuple[QuarantinedRow, ...]
    of: int

    @property
    def share(self) -> float:
        """The share of the file's rows that was set aside."""
        return len(self.rows) / self.of if self.of else 0.0

    def counts(self) -> dict[Reason, int]:
        """Count rows by reason, the commonest first."""
        return dict(Counter(row.reason for row in self.rows).most_common())

    def to_csv(self) -> bytes:
        """Return the quarantine file: row numbers and reasons, no values."""
        frame = pd.DataFrame(
            {"row": [row.row for row in self.rows], "reason": [row.reason.value for row in self.rows]}
        ).sort_values("row")
        return frame.to_csv(index=False).encode()

    def _line(self, reason: Reason, count: int) -> str:
        numbers = [str(row.row) for row in self.rows if row.reason is reason][:_SHOWN]
        more = ", ..." if count > len(numbers) else ""
        return f"{count:,} because {reason.value}: rows {', '.join(numbers)}{more}"

    def allowed(self, limit: float) -> int:
        """Return how many rows may be set aside under a limit, which is a share of the rows."""
        if not limit or self.of < 2:
            return 0
        return max(int(limit * self.of), min(FEW_ROWS, max(1, self.of // 10)))

    def require_within(self, limit: float) -> None:
        """Raise InputError where more rows were set aside than ``limit``, a share of the rows, allows."""
        allowed = self.allowed(limit)
        if len(self.rows) > allowed:
            raise InputError(
                f"{len(self.rows):,} of {self.of:,} rows cannot be used, and the spec's quarantine_limit allows "
                f"{allowed:,} ({limit:.2%} of the rows; of a small extract one row in ten, up to {FEW_ROWS})",
                [self._line(reason, count) for reason, count in self.counts().items()],
                "mend the export; the quarantine file names the rows, and `linkage check` says more",
            )
