"""Joins the records of one directory with their index. Blocking, for threads.

What is indexed is always what lies on the disk: a record that has changed is read again, whoever
has written it. So the index needs no care of its own, and is made anew in the same way.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from voiced.errors import IndexUnavailable
from voiced.index.query import Page, Place
from voiced.index.row import row_of
from voiced.index.shelf import Noted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from voiced.index.query import CallQuery
    from voiced.index.shelf import Shelf

HOME_FILE = "index.home"
"""Below `[records] path`: what this directory is called in an index that several share."""

RECORD_FILE = "call.json"

MOST_BYTES = 16 * 1024 * 1024
"""A record of four hours has a megabyte; what is larger is none of ours."""


class Indexer:
    """The records below one directory, and the index that they are in."""

    def __init__(self, root: Path, shelf: Shelf, *, instance: str) -> None:
        """`instance` is how lists call the daemon whose records these are."""
        self._root = root
        self._shelf = shelf
        self.instance = instance
        self._home = ""

    def compare(self) -> list[str]:
        """Make the index where it is missing and forget calls whose record is gone.

        Returns:
            The directories that must be indexed again, in the order of their names.

        Raises:
            IndexUnavailable: as all methods here.
        """
        home = self._own_home()
        self._shelf.prepare()
        there = self._records()
        self._shelf.forget(home, sorted(self._shelf.directories(home) - there.keys()))
        settled = self._shelf.settled(home)
        return sorted(name for name, changed in there.items() if settled.get(name) != changed)

    def index(self, names: Sequence[str]) -> list[str]:
        """Index the calls in these directories; return what could not be, each with its reason."""
        home = self._own_home()
        calls, refused = [], []
        for name in names:
            try:
                call = self._read(name)
            except (OSError, ValueError, RecursionError) as error:
                refused.append(f"{name} ({type(error).__name__}: {error})")
            else:
                calls += [] if call is None else [call]
        return refused + self._shelf.note(home, calls)

    def search(self, query: CallQuery) -> Page:
        """Return the calls that are asked for."""
        found = self._shelf.search(query)
        page = found[: query.limit]
        more = Place(*page[-1][:2]) if len(found) > query.limit else None
        return Page(calls=[json.loads(summary) for _, _, summary in page], next=more)

    def find(self, call_id: str) -> dict[str, Any]:
        """Return a call's record, whoever's it is; {} if there is none."""
        found = self._shelf.find(call_id)
        if found is None:
            return {}
        if found.home == self._own_home():
            with suppress(OSError, ValueError, RecursionError):
                document = json.loads((self._root / found.directory / RECORD_FILE).read_bytes())
                return document if isinstance(document, dict) else {}
        return json.loads(found.record) if found.record else {}

    def _read(self, name: str) -> Noted | None:
        """Return one call as it is to be noted; None when its record has gone meanwhile."""
        try:
            with (self._root / name / RECORD_FILE).open("rb") as file:
                changed_ns = os.fstat(file.fileno()).st_mtime_ns
                text = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return None
        if len(text) > MOST_BYTES:
            raise ValueError("larger than any record")
        document = json.loads(text)
        row = row_of(document, directory=name, instance=self.instance)
        record = json.dumps(document) if self._shelf.keeps_records else None
        return Noted(row, changed_ns, record)

    def _records(self) -> dict[str, int]:
        """Return the directories that hold a record, and when that was written (ns)."""
        found = {}
        try:
            with os.scandir(self._root) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError, NotADirectoryError):
                        path = f"{entry.path}/{RECORD_FILE}"
                        found[entry.name] = os.stat(path).st_mtime_ns
        except OSError as error:
            raise IndexUnavailable(f"records not read: {error.strerror}") from error
        return found

    def _own_home(self) -> str:
        """Return the name of this directory, which it gets once and keeps wherever it is moved."""
        if not self._home:
            try:
                self._home = _home_at(self._root / HOME_FILE)
            except OSError as error:
                raise IndexUnavailable(f"{HOME_FILE}: {error.strerror}") from error
        return self._home


def _home_at(path: Path) -> str:
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(8))
    name = path.read_text("ascii", "replace").strip()
    if not name:  # a crash between the two
        path.unlink()
        return _home_at(path)
    return name
