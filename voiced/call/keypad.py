"""The caller's keys, each once: Telnyx tells of a key on the media socket and by a webhook.

Which comes first is chance, and either may be lost. A key of one source is the same as one of the
other with the same sign and nearly the same time of occurrence. Pure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

Source: TypeAlias = Literal["socket", "webhook"]

SAME_WITHIN = timedelta(seconds=2)
"""The two sources stamp a key by themselves; nobody presses one key twice and has both lost."""

_REMEMBERED = 64


@dataclass(slots=True, kw_only=True)
class _Key:
    digit: str
    source: Source
    occurred_at: datetime


class Keypad:
    """Tells which keys are new."""

    def __init__(self) -> None:
        self._unpaired: deque[_Key] = deque(maxlen=_REMEMBERED)

    def is_new(self, digit: str, source: Source, occurred_at: datetime | None) -> bool:
        """Take a key that `source` tells of; False if the other source has told of it already."""
        for key in self._unpaired:
            if key.source != source and key.digit == digit and _is_near(key, occurred_at):
                self._unpaired.remove(key)
                return False
        if occurred_at is not None:
            self._unpaired.append(_Key(digit=digit, source=source, occurred_at=occurred_at))
        return True


def _is_near(key: _Key, occurred_at: datetime | None) -> bool:
    return occurred_at is not None and abs(key.occurred_at - occurred_at) <= SAME_WITHIN
