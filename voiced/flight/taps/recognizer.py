"""The recognizer, noted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from voiced.flight.taps.fields import fields_of
from voiced.flight.taps.steps import describe_error
from voiced.services.services import anticipate_words

if TYPE_CHECKING:
    from types import TracebackType

    import trio

    from voiced.audio.frame import Frame
    from voiced.flight.notes import Notes
    from voiced.recognizer.base import Recognizer, SpeechEvent, Vocabulary


class TappedRecognizer:
    """Notes the events of each call."""

    def __init__(self, recognizer: Recognizer, notes: Notes) -> None:
        self.rate_hz = recognizer.rate_hz
        self.prepare = recognizer.prepare
        self.anticipate_words = partial(anticipate_words, recognizer)
        self._recognizer = recognizer
        self._notes = notes

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Recognize, and note the events."""
        noted = cast("trio.MemorySendChannel[SpeechEvent]", _NotedEvents(events, self._notes))
        try:
            await self._recognizer.recognize(frames, noted, vocabulary)
        except Exception as error:
            self._notes.note("recognized", error=describe_error(error))
            raise
        self._notes.note("recognized")


class _NotedEvents:
    """The sending end of a memory channel, as far as one is used."""

    def __init__(self, events: trio.MemorySendChannel[SpeechEvent], notes: Notes) -> None:
        self.close = events.close
        self.aclose = events.aclose
        self.statistics = events.statistics
        self._events = events
        self._notes = notes

    async def send(self, event: SpeechEvent) -> None:
        self._note(event)
        await self._events.send(event)

    def send_nowait(self, event: SpeechEvent) -> None:
        self._events.send_nowait(event)
        self._note(event)

    def clone(self) -> _NotedEvents:
        return _NotedEvents(self._events.clone(), self._notes)

    def _note(self, event: SpeechEvent) -> None:
        fields = fields_of(event, self._notes.origin)
        self._notes.note("speech", event=type(event).__name__, **fields)

    def __enter__(self) -> _NotedEvents:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> _NotedEvents:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
