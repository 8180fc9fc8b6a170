"""A list of recognizers that hears as one: the next one gets the audio since the last final.

The caller does not notice: the utterance that the first one lost is heard again, faster than it was
spoken, and each utterance is told once (`utterances.py`). Given up is who raises, who ends before
the caller's audio does, who has stopped reading, and who owes the end of an utterance, or its
words, for too long.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import trio
from pydantic import BaseModel

from voiced.audio.silence import Silence
from voiced.errors import ProviderTooSlow, RecognizerFailed
from voiced.media.frame_pump import STUCK_S, FramePump
from voiced.recognizer.base import (
    Final,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
)
from voiced.record.journal import noted_nowhere
from voiced.resilience.roster import Round
from voiced.resilience.utterances import Utterances
from voiced.services.services import anticipate_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.audio.frame import Frame
    from voiced.recognizer.base import Recognizer, SpeechEvent, Vocabulary
    from voiced.record.journal import Note
    from voiced.resilience.roster import Attempt, Member


class RecognizerList:
    """Fits `Recognizer`, but is made, not opened."""

    Settings: ClassVar[type[BaseModel]] = BaseModel

    @classmethod
    def open(cls, settings: Any) -> NoReturn:
        """Be made of members instead."""
        raise NotImplementedError

    def __init__(self, members: tuple[Member[Recognizer], ...], note: Note = noted_nowhere) -> None:
        """Make a list; its first member is the first choice."""
        self.rate_hz = members[0].provider.rate_hz
        self.members = members
        self._note = note

    def for_call(self, note: Note) -> RecognizerList:
        """Return the list for one call."""
        return RecognizerList(self.members, note)

    def anticipate_words(self, vocabulary: Vocabulary) -> None:
        """Let the first choice get ready for a call."""
        anticipate_words(self.members[0].provider, vocabulary)

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Prepare all members; raises RecognizerFailed where none could."""
        errors: list[RecognizerFailed] = []
        for member in self.members:
            try:
                await member.provider.prepare(vocabulary)
            except RecognizerFailed as error:
                errors.append(error)
        if len(errors) == len(self.members):
            raise errors[0]

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Recognize with whoever works; raises the last member's error when nobody does."""
        listening = _Listening(Round("recognizer", self.members, self._note), self.rate_hz, events)
        with frames, events:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(listening.pump.run, frames, name="frames")
                is_done = await listening.run(vocabulary)
                nursery.cancel_scope.cancel()
            if not is_done:
                raise listening.round.give_up()


class _Listening:
    """One call's."""

    def __init__(
        self,
        round_: Round[Recognizer],
        rate_hz: int,
        events: trio.MemorySendChannel[SpeechEvent],
    ) -> None:
        self.round = round_
        self.pump = FramePump(rate_hz)
        self._rate_hz = rate_hz
        self._events = events
        self._utterances = Utterances()

    async def run(self, vocabulary: Vocabulary) -> bool:
        """Listen until the frames end; False if nobody can go on before."""
        is_first = True
        for member in self.round.members():
            if not is_first:
                self.pump.watch = None
                self._utterances.switched(trio.current_time(), member.patience_s)
                if not self._utterances.is_open:
                    self.pump.forget_silence()
            is_first = False
            with self.round.attempt(member) as attempt:
                attempt.has_come()
                await self._listen(member, attempt, vocabulary)
            if attempt.error is None:
                return True
        return False

    async def _listen(
        self, member: Member[Recognizer], attempt: Attempt, vocabulary: Vocabulary
    ) -> None:
        def stuck() -> None:
            reason = f"took no audio for {STUCK_S:g} s"
            attempt.fail(ProviderTooSlow(member.name, reason))

        heard_in, heard = trio.open_memory_channel["SpeechEvent"](8)
        frames = self.pump.open(member.provider.rate_hz, stuck)
        with heard, heard_in, frames:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell, heard, member, attempt, name="speech events")
                await member.provider.recognize(frames, heard_in, vocabulary)
                heard_in.close()  # what it has told is passed on before its end counts
        if not self.pump.has_ended:
            raise RecognizerFailed(member.name, "ended before the call")

    async def _tell(
        self,
        heard: trio.MemoryReceiveChannel[SpeechEvent],
        member: Member[Recognizer],
        attempt: Attempt,
    ) -> None:
        """Pass events on; the member is given up when it owes one for too long."""
        utterances = self._utterances
        with suppress(trio.EndOfChannel):
            while True:
                event = await _next_event(heard, utterances.wake_at)
                now = trio.current_time()
                if event is not None:
                    if (told := utterances.take(event, now, member.patience_s)) is not None:
                        await self._events.send(told)
                    self._follow(event, member, attempt)
                elif utterances.is_overdue(now):
                    reason = f"no words within {member.patience_s:g} s of the end of an utterance"
                    attempt.fail(ProviderTooSlow(member.name, reason))
                    return
                for ending in utterances.unfound(now):
                    await self._events.send(ending)

    def _follow(self, event: SpeechEvent, member: Member[Recognizer], attempt: Attempt) -> None:
        """Keep the audio that is still needed, and an eye on a caller who is said to speak."""
        match event:
            case SpeechStarted() | SpeechResumed():
                self.pump.watch = self._watch(member, attempt)
            case SpeechEnded():
                self.pump.watch = None
            case Final():
                self.pump.forget(event.last_voice_at)
            case _:
                pass

    def _watch(self, member: Member[Recognizer], attempt: Attempt) -> Callable[[Frame], None]:
        silence = Silence()

        def watch(frame: Frame) -> None:
            silence.add(frame.pcm, self._rate_hz)
            if silence.lasts_s >= member.patience_s:
                self.pump.watch = None
                reason = f"has not told the end of an utterance for {member.patience_s:g} s"
                attempt.fail(ProviderTooSlow(member.name, reason))

        return watch


async def _next_event(
    heard: trio.MemoryReceiveChannel[SpeechEvent], until: float
) -> SpeechEvent | None:
    """Return the next event, None if none comes in time; raises trio.EndOfChannel."""
    with trio.CancelScope(deadline=until):
        return await heard.receive()
    return None
