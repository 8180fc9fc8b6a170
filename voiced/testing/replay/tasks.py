"""What was asked of a provider in a recording, step by step, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import trio

import voiced.errors
from voiced.errors import BudgetSpent, CommandFailed, ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voiced.flight.entries import Entry
    from voiced.flight.reading import FlightRecording

CUT_S = 2.0
"""A step that was cut waits for its cut for so long, then goes on."""

_OURS_S = 0.0005
"""Shorter times between steps are not the provider's but the daemon's own."""


def raise_like(error: Mapping[str, Any]) -> NoReturn:
    """Raise what `voiced.flight.taps.steps.describe_error` described."""
    name = error["type"]
    kind = getattr(voiced.errors, name, None)
    if isinstance(kind, type) and issubclass(kind, ProviderError):
        raise kind(error.get("provider", ""), error.get("reason", ""))
    if isinstance(kind, type) and issubclass(kind, CommandFailed):
        raise kind(error["action"], error["reason"], status=error["status"], code=error["code"])
    if isinstance(kind, type) and issubclass(kind, BudgetSpent):
        raise kind(error["reason"])
    raise type(name, (Exception,), {})("as recorded")


async def let_pass(after_s: float) -> None:
    """Wait as long as a provider took for a step; a checkpoint in any case."""
    if after_s > _OURS_S:
        await trio.sleep(after_s)
    else:
        await trio.lowlevel.checkpoint()


@dataclass(slots=True)
class Task:
    """Something that was asked of a provider: its steps, and how it ended (None: it was cut)."""

    asked: Entry
    steps: list[Entry] = field(default_factory=list)
    end: Entry | None = None

    async def finish(self) -> None:
        """Come to the recorded end."""
        if self.end is None:
            await trio.sleep(CUT_S)
            return
        await let_pass(self.end.data["after_s"])
        if "error" in self.end.data:
            raise_like(self.end.data["error"])


def tasks_of(
    recording: FlightRecording, asked: str, steps: frozenset[str], end: str
) -> Iterator[Task]:
    """Return what was asked, in order, with what came of it."""
    tasks: dict[int, Task] = {}
    for entry in recording.entries:
        if entry.kind == asked:
            tasks[entry.data["n"]] = Task(entry)
        elif entry.kind in steps:
            tasks[entry.data["n"]].steps.append(entry)
        elif entry.kind == end:
            tasks[entry.data["n"]].end = entry
    yield from tasks.values()
