"""The SQLite connection under the registry: opened, migrated, locked, and its errors put into words.

Rules:

- **Rollback journal, not WAL.** One run writes at a time and readers are few, so WAL's concurrency buys nothing,
  while its side files would have to travel with every copy and its shared memory does not work on the network
  folders where hubs keep their stores. A rollback journal leaves one file between runs, and a first load of
  millions of rows journals almost nothing, since new pages have no old content to keep.
- ``synchronous = EXTRA``: a committed run survives a power cut, its journal's removal included.
- One transaction per run. A process killed at any instant leaves a hot journal, and whoever opens the file next
  rolls back to the run before.
- The file belongs to its owner alone (mode 0600).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from linkage.errors import StoreError
from linkage.registry.schema import APPLICATION_ID, MIGRATIONS

_OLDEST_SQLITE = (3, 37, 0)  # STRICT tables
_CACHE_KIB = 256 * 1024


def connect(path: Path, create: bool, wait_seconds: float) -> sqlite3.Connection:
    """Open the registry at ``path`` and bring it to the newest version; raises StoreError."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreError(
            f"Python's SQLite is {sqlite3.sqlite_version}; the registry needs 3.37 or later.",
            advice="Use a newer build of Python.",
        )
    if not path.exists():
        if not create:
            raise StoreError(
                f"There is no registry at {path}.", advice="Check the path, or create a registry for a new hub."
            )
        _create_private(path)
    with in_words(path):
        connection = sqlite3.connect(path, timeout=wait_seconds, isolation_level=None)
        try:
            for pragma in (
                "foreign_keys = ON",
                "recursive_triggers = ON",  # so that INSERT OR REPLACE cannot slip past the delete triggers
                "journal_mode = DELETE",
                "synchronous = EXTRA",
                "secure_delete = ON",
                "temp_store = MEMORY",
                f"cache_size = -{_CACHE_KIB}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            migrate(connection, MIGRATIONS, create)
        except BaseException:
            connection.close()
            raise
    return connection


def _create_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"The registry cannot be created at {path}: {error.strerror}.") from None


def migrate(connection: sqlite3.Connection, migrations: Sequence[str], create: bool) -> None:
    """Run the migrations that the file has not had, each in a transaction of its own."""
    version = _version(connection, len(migrations), create)
    while version < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have migrated while this one waited.
            version = _version(connection, len(migrations), create)
            if version < len(migrations):
                for statement in statements(migrations[version]):
                    connection.execute(statement)
                version += 1
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _version(connection: sqlite3.Connection, newest: int, create: bool) -> int:
    """Return the file's version, or refuse the file: not a registry, empty, or of a later program."""
    # In one statement, so that all three are of one moment while another process sets the file up.
    application, version, tables = connection.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), "
        "(SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if tables == 0 and version == 0:
        if not create:
            raise StoreError(
                "The registry's file is empty: it was never set up, or its content is lost.",
                advice="Restore it from a backup, or create a registry for a new hub.",
            )
    elif application != APPLICATION_ID:
        raise StoreError("This is a database, but not a registry of common student IDs.", advice="Check the path.")
    elif version > newest:
        raise StoreError(
            f"The registry is of version {version}; this program knows versions up to {newest}.",
            advice="Upgrade linkage. A newer registry is never opened by an older program.",
        )
    return int(version)


def statements(script: str) -> Iterator[str]:
    """Split a script into statements; triggers hold semicolons, so SQLite is asked where each ends."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Hold the registry: all of the block is written, or nothing of it. May be nested."""
    nested = connection.in_transaction
    begin, keep, drop = (
        ("SAVEPOINT run", "RELEASE run", "ROLLBACK TO run") if nested else ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
    )
    with in_words(path):
        connection.execute(begin)
        try:
            yield
            connection.execute(keep)
        except BaseException:
            if connection.in_transaction:
                connection.execute(drop)
            raise


@contextmanager
def snapshot(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Read one state throughout the block, whatever other processes write."""
    with in_words(path):
        if connection.in_transaction:
            yield
            return
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StoreErrors that say what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _in_words(error, path) from error


def _in_words(error: sqlite3.DatabaseError, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(
            f"The registry at {path} is in use by another process, which has not finished in the time allowed.",
            advice="Wait for the other run to end and try again; nothing was changed.",
        )
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StoreError(
            f"The registry refused a change that would break its rules: {error}.",
            advice="Nothing was changed. Run verify; if it passes, this is a fault of the program: please report it.",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(
            f"The file at {path} is damaged, or is not a registry ({error}).",
            advice="Keep the damaged file, and restore the last backup beside it.",
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreError("The disk is full; nothing was changed.", advice="Make room and run again.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM):
        return StoreError(
            f"The registry at {path} cannot be read or written ({error}).",
            advice="Check the permissions of the file and of its folder; SQLite writes its journal beside the file.",
        )
    return StoreError(f"The registry at {path} could not be used: {error}.")
