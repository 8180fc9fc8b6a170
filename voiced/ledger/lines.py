"""The lines of a file that says what is still to be done. Pure.

One JSON object a line: `{"put": key, "item": {...}}` notes an open item, or changes it, and
`{"drop": key}` says that it is done. What has been put and not dropped is still open. A process
that dies while it writes leaves a torn last line, which says nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Item: TypeAlias = dict[str, Any]
"""JSON values."""


@dataclass(slots=True, kw_only=True)
class Contents:
    """What a file says: the open items, how many lines there are and how many say nothing."""

    items: dict[str, Item] = field(default_factory=dict)
    n_lines: int = 0
    n_damaged: int = 0


def put_line(key: str, item: Item) -> bytes:
    """Return the line that notes an open item."""
    return _line({"put": key, "item": item})


def drop_line(key: str) -> bytes:
    """Return the line that says that the item is done."""
    return _line({"drop": key})


def whole_file(items: Mapping[str, Item]) -> bytes:
    """Return the shortest file that says the same."""
    return b"".join(put_line(key, item) for key, item in items.items())


def read_lines(content: bytes) -> Contents:
    """Read a file; lines that say nothing are counted and passed over.

    What follows the last newline was torn off by a crash and is not counted as damage.
    """
    contents = Contents()
    for line in content.split(b"\n")[:-1]:
        if line:
            contents.n_lines += 1
            contents.n_damaged += not _apply(line, contents.items)
    return contents


def _apply(line: bytes, items: dict[str, Item]) -> bool:
    """Take one line; False if it says nothing."""
    try:
        fact = json.loads(line)
    except (ValueError, RecursionError):
        return False
    match fact:
        case {"put": str(key), "item": dict(item)}:
            items[key] = item
        case {"drop": str(key)}:
            items.pop(key, None)
        case _:
            return False
    return True


def _line(fact: Item) -> bytes:
    return json.dumps(fact, separators=(",", ":")).encode() + b"\n"
