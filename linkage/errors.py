"""The errors that a person may meet, and how each should be answered.

::

    LinkageError
    ├── InputError          a data file is not what was expected
    ├── SpecError           a linkage spec is malformed
    ├── AgreementError      an agreement is malformed, unsigned or wrongly signed
    ├── Refused             an agreement does not allow what was asked (deny by default)
    ├── KeyFileError        a key or secret file is missing, weak, exposed or of the wrong kind
    ├── PackageError        a sealed package is damaged, forged, or not for this room
    ├── MismatchError       parties disagree on spec, secret or epoch
    ├── StoreError          a hub room's store is missing, busy or inconsistent
    ├── MatchingError       the data cannot support what was asked of the matcher
    └── DisclosureError     a release would give back a small cell

Rules every message follows:

- It says what happened, what was expected, and what to do next.
- It reports all problems found, not the first one.
- It never holds an identifier's value: only file, row, column and reason.
"""

from __future__ import annotations

from collections.abc import Sequence


class LinkageError(Exception):
    """Base of every error that is the user's to mend; the command line prints it and exits 1.

    ``message`` says what happened, ``problems`` lists each cause on a line of its own, and
    ``advice`` says what to do next.
    """

    def __init__(self, message: str, problems: Sequence[str] = (), advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.advice = advice

    def __str__(self) -> str:
        lines = [self.message, *(f"  - {problem}" for problem in self.problems)]
        if self.advice:
            lines.append(f"  {self.advice}")
        return "\n".join(lines)


class InputError(LinkageError):
    """A data file cannot be used as it stands."""


class SpecError(LinkageError):
    """A linkage spec is malformed; problems name line and field."""


class AgreementError(LinkageError):
    """An agreement is malformed, unsigned, or signed over another text."""


class Refused(LinkageError):  # noqa: N818 - the agreement's word, not a failure of the program
    """An agreement does not allow what was asked; ``problems`` name the clause."""


class KeyFileError(LinkageError):
    """A key or secret file is missing, readable by others, or of the wrong kind."""


class PackageError(LinkageError):
    """A sealed package is damaged, forged, replayed, or sealed to someone else."""


class MismatchError(LinkageError):
    """Two parties encoded with different specs, secrets or epochs; nothing could link."""


class StoreError(LinkageError):
    """A hub room's store is missing, in use, or does not agree with itself."""


class MatchingError(LinkageError):
    """The matcher cannot do what was asked with these data."""


class DisclosureError(LinkageError):
    """A table or file would disclose a small cell, so it is not released."""
