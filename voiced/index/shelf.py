"""Where the index lies: what a database must be able to do. Blocking, for threads.

A connection for each deed: a thread that hangs in a dead disk or network, and was left behind,
shares nothing with the next one. There are few: at most two writes a second, and people's queries.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from voiced.errors import IndexUnavailable
from voiced.index import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from voiced.index.query import CallQuery
    from voiced.index.row import CallRow
    from voiced.index.sql import Statement


class Noted(NamedTuple):
    """A call to be noted: its row, when its record changed (ns), and the record for other homes."""

    row: CallRow
    changed_ns: int
    record: str | None


class Found(NamedTuple):
    """Where one call's record is; `record` is its JSON where another home may not be readable."""

    home: str
    directory: str
    record: str | None


class Connection(Protocol):
    """What sqlite3 and psycopg have in common."""

    def execute(self, sql: str, values: Sequence[Any], /) -> Any:
        """Run one statement and return its cursor."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one database differs.

    Attributes:
        connect: opens a connection, in a transaction that ends with the context; for writing if
            it is told so.
        mark: stands for a value in a statement.
        collation: by which texts sort as in Python.
        alone: makes other instances wait that create the table, too; "" where there are none.
        refusals: errors that one row causes and another does not.
        failures: all errors of the driver.
        keeps_records: others must find whole records here, not only where they are.
    """

    connect: Callable[[bool], AbstractContextManager[Connection]]
    mark: str
    collation: str
    alone: str = ""
    refusals: tuple[type[Exception], ...]
    failures: tuple[type[Exception], ...]
    keeps_records: bool


class Shelf:
    """The index in one database. Every method raises IndexUnavailable when that cannot be used."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.keeps_records = dialect.keeps_records

    def prepare(self) -> None:
        """Make the table where it is missing."""
        with self._connected(writes=True) as connection:
            alone = filter(None, [self._dialect.alone])
            for statement in (*alone, *sql.creation(collation=self._dialect.collation)):
                connection.execute(statement, ())

    def note(self, home: str, calls: Sequence[Noted]) -> list[str]:
        """Note calls, all at once; return the directories of those that no database would take."""
        try:
            self._note(home, calls)
        except self._dialect.refusals as error:
            if len(calls) == 1:
                return [f"{calls[0].row.directory} ({type(error).__name__})"]
        else:
            return []
        return [name for call in calls for name in self.note(home, [call])]

    def _note(self, home: str, calls: Sequence[Noted]) -> None:
        with self._connected(writes=True, may_be_refused=True) as connection:
            for call in calls:
                self._run(
                    connection,
                    sql.upsert(home, call.row, changed_ns=call.changed_ns, record=call.record),
                )

    def forget(self, home: str, directories: Sequence[str]) -> None:
        """Forget calls."""
        with self._connected(writes=True) as connection:
            for directory in directories:
                self._run(connection, sql.removal(home, directory))

    def settled(self, home: str) -> dict[str, int]:
        """Return when the records changed (ns) of all calls that need no second look."""
        with self._connected() as connection:
            return dict(self._run(connection, sql.settled(home)).fetchall())

    def directories(self, home: str) -> set[str]:
        """Return the directories of all calls of one home."""
        with self._connected() as connection:
            rows = self._run(connection, sql.directories(home)).fetchall()
        return {directory for (directory,) in rows}

    def search(self, query: CallQuery) -> list[tuple[str, str, str]]:
        """Return started_at, ref and summary of a page's calls, and of one more."""
        with self._connected() as connection:
            return list(self._run(connection, sql.search(query)).fetchall())

    def find(self, call_id: str) -> Found | None:
        """Return where a call is, by our name for it or by Telnyx's."""
        with self._connected() as connection:
            row = self._run(connection, sql.finding(call_id)).fetchone()
        return None if row is None else Found(*row)

    def _run(self, connection: Connection, statement: Statement) -> Any:
        text = sql.with_marks(statement.sql, self._dialect.mark)
        return connection.execute(text, statement.values)

    @contextmanager
    def _connected(
        self, *, writes: bool = False, may_be_refused: bool = False
    ) -> Iterator[Connection]:
        try:
            with self._dialect.connect(writes) as connection:
                yield connection
        except self._dialect.failures as error:
            if may_be_refused and isinstance(error, self._dialect.refusals):
                raise
            raise IndexUnavailable(_reason(error)) from error


def _reason(error: Exception) -> str:
    """Return the first line, which holds no values; PostgreSQL's DETAIL comes after it."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
