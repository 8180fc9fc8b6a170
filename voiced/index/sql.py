"""The index in SQL that SQLite (from 3.24) and PostgreSQL (from 12) both read. Pure.

Values never stand in a statement: a `?` stands for each, which the driver fills in.

A new form of the table has a new name, so that instances of two versions can share a database
while they are upgraded one after the other; each fills the new one from its own records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.index.query import CallQuery
    from voiced.index.row import CallRow

TABLE = "voiced_calls_1"

COLUMNS = (
    "home",
    "directory",
    "changed_ns",
    "is_settled",
    "ref",
    "call_id",
    "instance",
    "started_at",
    "state",
    "direction",
    "line",
    "party_from",
    "party_to",
    "reason",
    "outcome",
    "duration_s",
    "words",
    "summary",
    "record",
)
"""`home` names the directory of records that the call lies in: one for each instance."""

_TYPES = {"changed_ns": "bigint", "is_settled": "integer", "duration_s": "double precision"}
_OPTIONAL = {"duration_s", "record"}

_INDEXES = (
    ("started", "started_at, ref"),
    ("ref", "ref"),
    ("call", "call_id"),
    ("from", "party_from, started_at"),
    ("to", "party_to, started_at"),
    ("state", "state, started_at"),
)


@dataclass(slots=True)
class Statement:
    """SQL and the values of its question marks."""

    sql: str
    values: list[Any] = field(default_factory=list)


def creation(*, collation: str) -> list[str]:
    """Return what makes table and indexes where they are missing.

    Args:
        collation: by which texts sort by their characters' numbers, as Python's do.
    """
    columns = ",\n".join(
        f"{name} {_TYPES.get(name) or f'text COLLATE {collation}'}"
        f"{'' if name in _OPTIONAL else ' NOT NULL'}"
        for name in COLUMNS
    )
    table = f"CREATE TABLE IF NOT EXISTS {TABLE} (\n{columns},\nPRIMARY KEY (home, directory))"
    return [
        table,
        *(
            f"CREATE INDEX IF NOT EXISTS {TABLE}_{name} ON {TABLE} ({columns})"
            for name, columns in _INDEXES
        ),
    ]


def upsert(home: str, row: CallRow, *, changed_ns: int, record: str | None) -> Statement:
    """Return what notes a call; a newer state of it that is there already stays."""
    names, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
    changes = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])
    return Statement(
        f"INSERT INTO {TABLE} ({names}) VALUES ({marks})"
        f" ON CONFLICT (home, directory) DO UPDATE SET {changes}"
        f" WHERE excluded.changed_ns >= {TABLE}.changed_ns",
        [
            home,
            row.directory,
            changed_ns,
            int(row.is_settled),
            row.ref,
            row.call_id,
            row.instance,
            row.started_at,
            row.state,
            row.direction,
            row.line,
            row.from_,
            row.to,
            row.reason,
            row.outcome,
            row.duration_s,
            row.words,
            row.summary,
            record,
        ],
    )


def removal(home: str, directory: str) -> Statement:
    """Return what forgets a call."""
    return Statement(f"DELETE FROM {TABLE} WHERE home = ? AND directory = ?", [home, directory])


def settled(home: str) -> Statement:
    """Return what tells directory and time of change of all calls that need no second look."""
    return Statement(
        f"SELECT directory, changed_ns FROM {TABLE} WHERE home = ? AND is_settled = 1", [home]
    )


def directories(home: str) -> Statement:
    """Return what tells the directories of all calls of one home."""
    return Statement(f"SELECT directory FROM {TABLE} WHERE home = ?", [home])


def finding(call_id: str) -> Statement:
    """Return what finds one call by either of its names: home, directory, record."""
    return Statement(
        f"SELECT home, directory, record FROM {TABLE} WHERE ref = ? OR call_id = ?"
        " ORDER BY started_at DESC LIMIT 1",
        [call_id, call_id],
    )


def search(query: CallQuery) -> Statement:
    """Return what tells started_at, ref and summary of a page's calls, and of one more."""
    conditions = _conditions(query)
    where = " AND ".join(condition.sql for condition in conditions) or "1 = 1"
    return Statement(
        f"SELECT started_at, ref, summary FROM {TABLE} WHERE {where}"
        f" ORDER BY started_at DESC, ref DESC LIMIT {query.limit + 1:d}",
        [value for condition in conditions for value in condition.values],
    )


def _conditions(query: CallQuery) -> list[Statement]:
    """What `voiced.index.query.matches` says."""
    found = [
        Statement(f"{column} = ?", [value])
        for column, value in (
            ("state", "" if query.state == "any" else query.state),
            ("reason", query.reason),
            ("outcome", query.outcome),
            ("direction", query.direction),
            ("instance", query.instance),
        )
        if value
    ]
    if query.line is not None:
        found.append(Statement("line = ?", [query.line]))
    if query.number:
        found.append(_number(query.number))
    if query.since:
        found.append(Statement("started_at >= ?", [query.since]))
    if query.until:
        found.append(Statement("started_at < ?", [query.until]))
    if query.min_duration_s:
        found.append(Statement("duration_s >= ?", [query.min_duration_s]))
    if query.text:
        found.append(Statement("words LIKE ? ESCAPE '\\'", [_anywhere(query.text.casefold())]))
    if query.after is not None:
        found.append(Statement("(started_at, ref) < (?, ?)", list(query.after)))
    return found


def _number(number: str) -> Statement:
    prefix = number.removesuffix("*")
    if prefix == number:
        return Statement("(party_from = ? OR party_to = ?)", [number, number])
    beyond = prefix[:-1] + chr(ord(prefix[-1]) + 1)  # a range, which an index can answer
    return Statement(
        "(party_from >= ? AND party_from < ? OR party_to >= ? AND party_to < ?)",
        [prefix, beyond, prefix, beyond],
    )


def _anywhere(text: str) -> str:
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"


def with_marks(sql: str, mark: str) -> str:
    """Return a statement of this module with another sign for values."""
    return sql.replace("?", mark)


def paged(rows: Sequence[tuple[Any, ...]], limit: int) -> tuple[Sequence[tuple[Any, ...]], bool]:
    """Divide what `search` told into the page and whether there is more."""
    return rows[:limit], len(rows) > limit
