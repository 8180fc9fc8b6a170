"""Keys that the caller presses, put together to what a model is told. Pure."""

from __future__ import annotations

from voiced.turns.digits import DigitCollector


class Keys:
    """One conversation's. Times are trio times."""

    def __init__(self) -> None:
        self._collector = DigitCollector()
        self._whole = ""
        self._interrupts = False

    def press(self, key: str, now: float) -> bool:
        """Take a key; False for one that only ends a number that was whole already."""
        if self._collector.is_habit(key, now):
            return False
        self._interrupts = True
        self._whole += self._collector.press(key, now) or ""
        return True

    def take_interruption(self) -> bool:
        """Whether keys have come since this was asked last: they interrupt, as a voice does."""
        interrupts, self._interrupts = self._interrupts, False
        return interrupts

    @property
    def due_at(self) -> float:
        """When `take` may have something to give, or an interruption is to be taken."""
        return float("-inf") if self._whole or self._interrupts else self._collector.due_at

    def take(self, now: float) -> str:
        """Return what was keyed in and is whole by now; "" for nothing."""
        if now >= self._collector.due_at:
            self._whole += self._collector.take()
        whole, self._whole = self._whole, ""
        return whole
