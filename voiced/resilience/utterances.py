"""Which events of a list of recognizers are passed on, so that each utterance is told once. Pure.

The second recognizer hears the audio since the last final again, and tells again what the first had
told of it. What a call has heard already is left out; what the first left open, the second ends. If
it finds no speech where the first had, the utterance is ended without words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.recognizer.base import Final, SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.recognizer.base import SpeechEvent

FOUND_AGAIN_S = 2.0
"""A recognizer that takes over finds the speech that it is given again within this time."""


class Utterances:
    """One call's. Times are Trio's, in seconds."""

    def __init__(self) -> None:
        self._started = self._ended = 0  # told, of utterances whose final is still to come
        self._again_started = self._again_ended = 0  # of those, to be told again by the next one
        self._due_at: list[float] = []
        self._lost_at = float("inf")
        self._voice_at = 0.0

    @property
    def wake_at(self) -> float:
        """When `overdue` or `unfound` may have something to say."""
        return min([self._lost_at, *self._due_at])

    @property
    def is_open(self) -> bool:
        """Whether an utterance is under way, or its words are."""
        return self._started > 0

    def take(self, event: SpeechEvent, now: float, final_s: float) -> SpeechEvent | None:
        """Take an event of the present recognizer; return it if the call is to be told.

        The words of an utterance are due `final_s` after its end.
        """
        match event:
            case SpeechStarted():
                if self._again_started:
                    self._again_started -= 1
                    self._lost_at = float("inf") if not self._again_started else self._lost_at
                    return None
                self._started += 1
                self._voice_at = event.at
            case SpeechEnded():
                if self._again_ended:
                    self._again_ended -= 1
                    return None
                self._due_at.append(now + final_s)
                self._ended += 1
                self._voice_at = event.last_voice_at
            case Final():
                self._started = max(0, self._started - 1)
                self._ended = max(0, self._ended - 1)
                del self._due_at[:1]
            case _:
                pass
        return event

    def switched(self, now: float, final_s: float) -> None:
        """Another recognizer takes over, and hears the audio since the last final."""
        self._again_started, self._again_ended = self._started, self._ended
        self._due_at = [now + FOUND_AGAIN_S + final_s] * self._ended
        self._lost_at = now + FOUND_AGAIN_S if self._again_started else float("inf")

    def is_overdue(self, now: float) -> bool:
        """Whether the words of an utterance should have come."""
        return any(now >= at for at in self._due_at)

    def unfound(self, now: float) -> Iterator[SpeechEvent]:
        """Yield how utterances end that the present recognizer has not found again."""
        if now < self._lost_at:
            return
        self._lost_at = float("inf")
        while self._again_started:
            self._again_started -= 1
            if self._again_ended:
                self._again_ended -= 1
                self._ended -= 1
                del self._due_at[:1]
            else:
                yield SpeechEnded(at=now, last_voice_at=self._voice_at)
            self._started -= 1
            yield Final(
                text="", confidence=0.0, started_at=self._voice_at, last_voice_at=self._voice_at
            )
