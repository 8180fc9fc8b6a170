"""What has been done of a list: a line of JSON for each attempt, outcome, withdrawal; append-only.

An attempt is on the disk before its call is placed: after a crash, a number whose attempt has no
outcome is not called again, whatever came of it. The last line may be torn by a crash and is then
cut off; any other line that cannot be read is an error, for a forgotten attempt is a second call.

IO, and inline: whoever runs a list waits for the disk anyway before it places a call.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from voiced.errors import CallListError
from voiced.telnyx.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

_FIRST_LINE = {"voiced": "call list", "version": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What was done for one number.

    Attributes:
        outcomes: of the calls that have ended, in order.
        is_open: the last attempt has no outcome.
        key: of the last attempt.
        ended_at: when the last outcome was written down, unix seconds.
    """

    outcomes: tuple[Outcome, ...] = ()
    is_open: bool = False
    key: str = ""
    ended_at: float = 0.0


@dataclass(slots=True)
class StateFile:
    """The open file; made by `open_state`, which also closes it.

    Attributes:
        progress: what earlier runs have done, by number.
    """

    progress: dict[str, Progress]
    _file: FileIO = field(repr=False)

    def begin(self) -> None:
        """Write the first line, which says whose file it is."""
        self._append(_FIRST_LINE)

    def attempt(self, number: str, attempt: int, key: str, now: float) -> None:
        """Write down that a call is about to be placed; returns when it is on the disk.

        Raises:
            CallListError: it is not: the call must not be placed.
        """
        self._append({"attempt": attempt, "number": number, "key": key, "at": now})

    def outcome(self, number: str, attempt: int, outcome: Outcome, now: float) -> None:
        """Write down what came of it; returns when it is on the disk. Raises CallListError."""
        entry = {"outcome": outcome.value, "number": number, "of": attempt, "at": now}
        self._append(entry)

    def settle(self, number: str, outcome: Outcome, now: float) -> None:
        """Write down what came of an attempt that an earlier run had left. Raises CallListError."""
        known = self.progress[number]
        self.outcome(number, len(known.outcomes) + 1, outcome, now)
        self.progress[number] = Progress(outcomes=(*known.outcomes, outcome), ended_at=now)

    def withdrawn(self, number: str, attempt: int, now: float) -> None:
        """Write down that its call was not placed after all. Raises CallListError."""
        self._append({"withdrawn": attempt, "number": number, "at": now})

    def _append(self, entry: dict[str, Any]) -> None:
        line = memoryview(json.dumps(entry).encode() + b"\n")
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise CallListError([f"its progress cannot be written: {error.strerror}"]) from error


@contextmanager
def open_state(path: Path) -> Iterator[StateFile]:
    """Open the state of a list, made (for its owner only) if it is not there; closed at the end.

    Raises:
        CallListError: it cannot be read or written, is another's, or is in use.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CallListError([f"{path}: {error.strerror}"]) from error
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CallListError([f"{path} is in use: this list is being called now"]) from None
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            file.truncate(len(whole))
        state = StateFile(parse_state(whole, str(path)), file)
        if not whole:
            state.begin()
            _sync_directory(path)
        yield state


def parse_state(content: bytes, name: str) -> dict[str, Progress]:
    """Return the progress by number that the whole lines of a state file tell; pure.

    Raises:
        CallListError: a line is not one of ours.
    """
    progress: dict[str, Progress] = {}
    for line_number, line in enumerate(content.splitlines(), 1):
        try:
            entry = json.loads(line)
            is_ours = entry == _FIRST_LINE if line_number == 1 else _take(entry, progress)
        except (ValueError, KeyError, TypeError):
            is_ours = False
        if not is_ours:
            raise CallListError(
                [f"{name}, line {line_number}: not a line of voiced's; name another state file"]
            )
    return progress


def _take(entry: dict[str, Any], progress: dict[str, Progress]) -> bool:
    """Add a line to `progress`; False, or an error, when it is none of ours."""
    number = entry["number"]
    known = progress.get(number, Progress())
    if "attempt" in entry:
        progress[number] = replace(known, is_open=True, key=str(entry["key"]))
    elif "withdrawn" in entry:
        progress[number] = replace(known, is_open=False)
        if not known.outcomes:
            del progress[number]
    else:
        progress[number] = Progress(
            outcomes=(*known.outcomes, Outcome(entry["outcome"])), ended_at=float(entry["at"])
        )
    return isinstance(number, str)


def _sync_directory(path: Path) -> None:
    """Let a new file's name survive a crash too."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
