"""What was said in a call whose daemon died, from its flight recording.

The turns of a call are written when it ends. One that was cut off by a crash has none in its
record, but its flight recording has all that was understood, spoken and heard up to the last
second. When a sentence sounded is known from when its audio came, and from how long what was said
before it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiced.errors import VoicedError
from voiced.flight.entries import COMPRESSED_FILE, WIRE_FILE
from voiced.flight.reading import stream_flight
from voiced.leg.leg import EndReason
from voiced.record.heard import LETTERS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from voiced.flight.entries import Entry


def _silent(_done: str) -> None:
    """For those who do not want to know."""


def recovered(
    directory: Path, record: Mapping[str, Any], progress: Callable[[str], None] = _silent
) -> Mapping[str, Any]:
    """Return a call's record; with turns from its flight recording where a crash has cost them.

    Then `recovered` is true. It blocks: an hour takes seconds.
    """
    end = record.get("end")
    is_cut = end is None or end["reason"] == EndReason.DAEMON_DIED.value
    if not is_cut or record.get("turns") or "leg" in record:
        return record
    for name in (COMPRESSED_FILE, WIRE_FILE):
        if (directory / name).exists():
            turns = _read_turns(directory / name, progress)
            return {**record, "turns": turns, "recovered": True} if turns else record
    return record


def _read_turns(path: Path, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    reader = _TurnReader()
    try:
        _, entries = stream_flight(path)
        for entry in entries:
            reader.take(entry)
            progress(f"{entry.at_s:.0f} s")
    except (VoicedError, ValueError, LookupError, TypeError):
        pass  # what was read until there is something
    return reader.turns()


def turns_of(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return the turns that flight entries tell of, as a record has them. Pure."""
    reader = _TurnReader()
    for entry in entries:
        reader.take(entry)
    return reader.turns()


class _TurnReader:
    """Takes entries one by one.

    Sentences are spoken as they sound ("forty-two") and heard as they are written ("42"), in one
    order; those that an answer was withdrawn with are heard of never more.
    """

    def __init__(self) -> None:
        self._turns: list[dict[str, Any]] = []
        self._spoken: dict[int, str] = {}
        self._sent: list[tuple[str, float]] = []  # whose audio came, of which no more is known
        self._free_at = 0.0

    def take(self, entry: Entry) -> None:
        data = entry.data
        match entry.kind:
            case "speech" if data.get("event") == "Final":
                self._turns.append(_caller_turn(entry))
                self._free_at = max(self._free_at, entry.at_s)
            case "speak":
                self._spoken[data["n"]] = data["text"]
            case "pcm" if data["n"] in self._spoken:
                self._sent.append((self._spoken.pop(data["n"]), entry.at_s))
            case "heard":
                for piece in data["pieces"]:
                    came_at = self._take_sent(piece["text"], entry.at_s)
                    self._agent(piece["text"], piece["heard"], piece["heard_text"], came_at)
            case _:
                pass

    def turns(self) -> list[dict[str, Any]]:
        for text, came_at in self._sent:
            self._agent(text, "unknown", "", came_at)
        self._sent.clear()
        return self._turns

    def _take_sent(self, text: str, otherwise: float) -> float:
        """Return when the audio of a sentence came, and forget those before it."""
        known = [said for said, _ in self._sent]
        place = known.index(text) if text in known else 0
        taken, self._sent = self._sent[: place + 1], self._sent[place + 1 :]
        return taken[-1][1] if taken else otherwise

    def _agent(self, text: str, heard: str, heard_text: str, came_at: float) -> None:
        at_s = max(came_at, self._free_at)
        self._free_at = at_s + len(text if heard == "all" else heard_text) / LETTERS_PER_S
        self._turns.append(
            {
                "who": "agent",
                "at_s": round(at_s, 3),
                "text": text,
                "heard": heard,
                "heard_text": heard_text,
            }
        )


def _caller_turn(entry: Entry) -> dict[str, Any]:
    return {
        "who": "caller",
        "at_s": round(entry.at_s, 3),
        "from_s": entry.data.get("started_at"),
        "text": entry.data["text"],
        "confidence": entry.data["confidence"],
    }
