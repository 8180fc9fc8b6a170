"""What the index keeps of a call, made of its record. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from voiced.index.query import stamp
from voiced.record.record import summary_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.index.query import State

MOST_WORDS = 20_000
"""Characters of what was said that can be searched for: half an hour of talk."""

MOST_WAITS = 50
"""For answers, of which the length is kept."""

MOST_CHARS = 300
"""Of any other text: numbers, names, ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One call in the index.

    Attributes:
        directory: name of its directory below the `[records] path` of its instance.
        started_at: as `stamp` writes it.
        is_settled: it has ended and its leg is gone: nothing will change any more.
        words: all that was said, casefolded.
        summary: JSON of what lists show of it.
    """

    directory: str
    ref: str
    call_id: str
    instance: str
    started_at: str
    state: State
    is_settled: bool
    direction: str
    line: str
    from_: str
    to: str
    reason: str
    outcome: str
    duration_s: float | None
    words: str
    summary: str


def row_of(document: Mapping[str, Any], *, directory: str, instance: str) -> CallRow:
    """Return the row of a record; `directory` and `instance` say whose and where it is.

    Raises:
        ValueError: it is no record of a call.
    """
    try:
        return _row_of(document, directory, instance)
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"no record of a call: {type(error).__name__}") from error


def _row_of(document: Mapping[str, Any], directory: str, instance: str) -> CallRow:
    end = document.get("end") or {}
    ended = document["state"] == "ended"
    duration_s = document.get("duration_s")
    return CallRow(
        directory=directory,
        ref=_short(document["ref"]),
        call_id=_short(document.get("call_id")),
        instance=instance,
        started_at=stamp(datetime.fromisoformat(document["started_at"])),
        state="ended" if ended else "live",
        is_settled=ended and document.get("hangup_confirmed") is True,
        direction=_short(document.get("direction")),
        line=_short(document.get("line")),
        from_=_short(document.get("from")),
        to=_short(document.get("to")),
        reason=_short(end.get("reason")),
        outcome=_short(document.get("outcome")),
        duration_s=None if duration_s is None else float(duration_s),
        words=_words(document.get("turns") or ()),
        summary=json.dumps(_summary(document, instance)),
    )


def _summary(document: Mapping[str, Any], instance: str) -> dict[str, Any]:
    turns = document.get("turns") or ()
    return {
        **summary_of(document),
        "direction": document.get("direction"),
        "via": document.get("via"),
        "instance": instance,
        "hangup_confirmed": document.get("hangup_confirmed"),
        "turns": len(turns),
        "worst_latency_s": max((turn.get("latency_s") or 0.0 for turn in turns), default=None),
        "waits_s": [turn["latency_s"] for turn in turns if turn.get("latency_s")][:MOST_WAITS],
    }


def _words(turns: Any) -> str:
    said = "\n".join(str(turn.get("text", "")) for turn in turns)
    return _storable(said[:MOST_WORDS].casefold())


def _short(value: object) -> str:
    return _storable(str(value)[:MOST_CHARS]) if value is not None else ""


def _storable(text: str) -> str:
    """Return `text` without what databases refuse: zeros and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
