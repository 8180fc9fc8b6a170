"""What a running daemon holds: entries of its tables, tasks. To find what grows and what is left.

Tables are found by looking, not by a list of names, so that a new one is counted from its first
day: every container that an object of ours holds, and what lies in the buffers of its channels.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Set
from typing import Any

import trio

from voiced.config import Config

_BUFFERS = (trio.MemorySendChannel, trio.MemoryReceiveChannel)
_CONTAINERS = (list, tuple, deque, Mapping, Set)


def count_entries(*roots: object) -> Counter[str]:
    """Count what the tables of `roots`, and of all objects of ours that they lead to, hold.

    Returns:
        `Class.attribute` to its number of entries; those of several objects are added up.
    """
    counted: Counter[str] = Counter()
    seen: set[int] = set()
    to_see = deque(roots)
    while to_see:
        holder = to_see.popleft()
        if id(holder) in seen or isinstance(holder, Config):
            continue
        seen.add(id(holder))
        for name, value in _attributes(holder):
            if isinstance(value, _BUFFERS):
                counted[f"{type(holder).__name__}.{name}"] += _buffered(value)
                continue
            parts = _parts(value)
            if parts is not None:
                counted[f"{type(holder).__name__}.{name}"] += len(parts)
            to_see.extend(part for part in (parts or [value]) if _is_ours(part))
    return counted


def live_tasks() -> Counter[str]:
    """Count the tasks of this Trio run, by name, that of the caller included."""
    root = trio.lowlevel.current_root_task()
    tasks: Counter[str] = Counter()
    to_see = [root] if root is not None else []
    while to_see:
        task = to_see.pop()
        tasks[task.name] += 1
        for nursery in task.child_nurseries:
            to_see += nursery.child_tasks
    return tasks


def _attributes(holder: object) -> Iterator[tuple[str, Any]]:
    yield from getattr(holder, "__dict__", {}).items()
    for kind in type(holder).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(holder, name):
                yield name, getattr(holder, name)


def _parts(value: object) -> list[Any] | None:
    """Return what a container holds; None for what is no container."""
    if not isinstance(value, _CONTAINERS):
        return None
    return [*value.values()] if isinstance(value, Mapping) else [*value]


def _buffered(channel: object) -> int:
    assert isinstance(channel, trio.MemorySendChannel | trio.MemoryReceiveChannel)
    return channel.statistics().current_buffer_used


def _is_ours(value: object) -> bool:
    module = type(value).__module__
    return module.startswith("voiced.") and not module.startswith("voiced.testing.")
