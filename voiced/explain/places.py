"""Finds what a call has left on the disk, by its id or the beginning of it. IO."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voiced.errors import AmbiguousCall, CallNotFound
from voiced.record.store import RECORD_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LEAST_PREFIX = 3
"""Letters of an id that are taken for its beginning."""

MOST_NAMED = 5

_STAMP = "00000000T000000-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A call's directory and its record."""

    directory: Path
    record: Mapping[str, Any]


def find_call(root: Path, call_id: str, progress: Callable[[str], None]) -> Place:
    """Return the place of a call.

    Args:
        root: `[records] path`.
        call_id: the call's id or the beginning of it that no other call's has; the name of its
            directory, or the beginning of that (its time); its call_control_id; "last" for the
            call that began last; or the path of a call's directory or record.
        progress: is told how far the search is, if it has to look into the records.

    Raises:
        CallNotFound: there is none.
        AmbiguousCall: there are several.
    """
    given = Path(call_id)
    directory = given.parent if given.name == RECORD_FILE else given
    if os.sep in call_id and (directory / RECORD_FILE).is_file():
        return _place(directory)
    names = _names(root)
    if call_id == "last" and names:
        return _place(root / names[-1])
    matches = [name for name in names if _begins(name, call_id)]
    if not matches and len(call_id) > LEAST_PREFIX:
        matches = list(_by_control_id(root, names, call_id, progress))
    if not matches:
        raise CallNotFound(f"there is no call {call_id!r} in {root}; `voiced calls` lists them")
    if len(matches) > 1:
        shown = ", ".join(_ref(name) for name in matches[:MOST_NAMED])
        more = f" and {len(matches) - MOST_NAMED} more" if len(matches) > MOST_NAMED else ""
        raise AmbiguousCall(f"{call_id!r} may be {shown}{more}: give more of the id")
    return _place(root / matches[0])


def _names(root: Path) -> list[str]:
    """Return the names of the calls' directories, oldest first."""
    try:
        with os.scandir(root) as entries:
            return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    except OSError as error:
        raise CallNotFound(
            f"[records] path {root}: {error.strerror}; name the configuration with --config"
        ) from error


def _ref(name: str) -> str:
    return name[len(_STAMP) :]


def _begins(name: str, call_id: str) -> bool:
    if len(call_id) < LEAST_PREFIX:
        return False
    return _ref(name).startswith(call_id) or name.startswith(call_id)


def _by_control_id(
    root: Path, names: list[str], call_id: str, progress: Callable[[str], None]
) -> Iterator[str]:
    """Yield the calls, newest first, whose id at Telnyx begins so."""
    for n, name in enumerate(reversed(names), start=1):
        progress(f"{n} of {len(names)} calls")
        try:
            record = _read(root / name)
        except CallNotFound:
            continue
        if str(record.get("call_id", "")).startswith(call_id):
            yield name


def _place(directory: Path) -> Place:
    return Place(directory=directory, record=_read(directory))


def _read(directory: Path) -> dict[str, Any]:
    try:
        record = json.loads((directory / RECORD_FILE).read_bytes())
    except OSError as error:
        raise CallNotFound(f"{directory / RECORD_FILE}: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise CallNotFound(f"{directory / RECORD_FILE} is damaged: it is no JSON") from None
    if not isinstance(record, dict):
        raise CallNotFound(f"{directory / RECORD_FILE} is damaged: it is no record")
    return record
