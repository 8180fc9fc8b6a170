"""The index in SQLite: one file beside the records, in the standard library, no server. IO.

In WAL mode readers and the writer do not wait for each other, and what a crash leaves is whole. A
file that cannot be read any more is put aside, and made anew from the records.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from voiced.index.shelf import Dialect, Shelf
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = get_logger(__name__)

INDEX_FILE = "index.sqlite"
"""Below `[records] path`."""

BUSY_S = 5.0
"""For another process that writes."""

_STEPS = 100_000
_MOST_STEPS = 5_000
"""A query that needs more than 500 million steps of SQLite's machine (some 5 s) is given up: its
thread would go on after its caller has gone."""


def sqlite_shelf(path: Path) -> Shelf:
    """Return the index in the file at `path`."""

    @contextmanager
    def connect(writes: bool) -> Iterator[sqlite3.Connection]:
        try:
            with closing(_open(path)) as connection:  # rolls back what was not committed
                if writes:
                    connection.execute("BEGIN IMMEDIATE")
                else:
                    _bound(connection)
                yield connection
                if writes:
                    connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if type(error) is sqlite3.DatabaseError:  # no kind of it: "malformed", "no database"
                _set_aside(path)
            raise

    return Shelf(
        Dialect(
            connect=connect,
            mark="?",
            collation="binary",
            refusals=(sqlite3.DataError, sqlite3.IntegrityError),
            failures=(sqlite3.Error, OSError),
            keeps_records=False,  # they lie beside it
        )
    )


def _set_aside(path: Path) -> None:
    """Move a file that SQLite cannot read out of the way; a new one is made of the records."""
    log.error("index damaged: put aside and made anew", path=str(path))
    path.replace(path.with_suffix(".damaged"))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    with suppress(FileExistsError):  # SQLite itself would let the umask decide who may read
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _bound(connection: sqlite3.Connection) -> None:
    left = iter(range(_MOST_STEPS))
    connection.set_progress_handler(lambda: next(left, None) is None, _STEPS)
