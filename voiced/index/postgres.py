"""The index in PostgreSQL, for instances that share one. IO; needs the extra `postgres`.

psycopg 3 in threads: it is PostgreSQL's own driver for Python and well kept, and none of that sort
runs on Trio (its async half is asyncio's). Two writes a second at most and people's queries do not
miss one.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from voiced.index.shelf import Dialect, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

CONNECT_S = 5
STATEMENT_MS = 5000
"""PostgreSQL itself gives up there: the thread would go on after its caller has gone."""

LOCK = 0x766F69636564
"""Our name among PostgreSQL's advisory locks: "voiced"."""


def postgres_shelf(url: str) -> Shelf:
    """Return the index in the database at `url`, `postgresql://...`; nothing is connected yet."""
    import psycopg  # an extra

    @contextmanager
    def connect(writes: bool) -> Iterator[psycopg.Connection]:
        with psycopg.connect(
            url,
            connect_timeout=CONNECT_S,
            application_name="voiced",
            tcp_user_timeout=STATEMENT_MS,
            prepare_threshold=None,  # a pooler may give each transaction another connection
        ) as connection:
            connection.read_only = not writes
            connection.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
            connection.execute(f"SET LOCAL lock_timeout = {STATEMENT_MS}")
            yield connection

    return Shelf(
        Dialect(
            connect=connect,
            mark="%s",
            collation='"C"',
            alone=f"SELECT pg_advisory_xact_lock({LOCK})",
            refusals=(psycopg.DataError, psycopg.IntegrityError),
            failures=(psycopg.Error, OSError),
            keeps_records=True,
        )
    )
